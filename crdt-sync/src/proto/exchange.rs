//! When to compare with a random peer.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha12Rng;

use super::config::Config;

/// The clock of the periodic exchange: brisk while anything changes, slow while nothing does.
#[derive(Debug)]
pub(super) struct Exchange {
    interval: Duration,
    due: Duration,
}

impl Exchange {
    pub(super) fn new(config: &Config, now: Duration, rng: &mut ChaCha12Rng) -> Self {
        let interval = config.exchange_every;
        Self { interval, due: now + jittered(interval, rng) }
    }

    pub(super) fn due(&self) -> Duration {
        self.due
    }

    /// Begins the next interval.
    pub(super) fn restart(&mut self, now: Duration, rng: &mut ChaCha12Rng) {
        self.due = now + jittered(self.interval, rng);
    }

    /// An exchange found nothing to do: the interval doubles, up to the idle one.
    pub(super) fn found_equal(&mut self, config: &Config) {
        self.interval = (self.interval * 2).min(config.exchange_every_idle);
    }

    /// Something changed: the interval is the short one again, also the one that is running.
    pub(super) fn changed(&mut self, config: &Config, now: Duration, rng: &mut ChaCha12Rng) {
        if self.interval > config.exchange_every {
            self.interval = config.exchange_every;
            self.due = self.due.min(now + jittered(self.interval, rng));
        }
    }
}

/// From half of the interval to one and a half of it, so that nodes do not fall into step.
pub(super) fn jittered(interval: Duration, rng: &mut ChaCha12Rng) -> Duration {
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX / 2);
    Duration::from_nanos(nanos / 2 + rng.random_range(0..=nanos))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_interval_grows_while_nothing_changes_and_shrinks_at_once() {
        let config = Config::new("c");
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let mut exchange = Exchange::new(&config, Duration::ZERO, &mut rng);
        assert!((500..=1_500).contains(&exchange.due().as_millis()));
        for _ in 0..10 {
            exchange.found_equal(&config);
        }
        let now = Duration::from_secs(100);
        exchange.restart(now, &mut rng);
        assert!((7_500..=22_500).contains(&(exchange.due() - now).as_millis()));
        exchange.changed(&config, now, &mut rng);
        assert!((exchange.due() - now).as_millis() <= 1_500);
    }

    #[test]
    fn intervals_spread_over_half_to_one_and_a_half() {
        let mut rng = ChaCha12Rng::seed_from_u64(2);
        let drawn: Vec<u128> =
            (0..1000).map(|_| jittered(Duration::from_secs(1), &mut rng).as_millis()).collect();
        assert!(drawn.iter().all(|ms| (500..=1_500).contains(ms)));
        assert!(drawn.iter().any(|ms| *ms < 600) && drawn.iter().any(|ms| *ms > 1_400));
    }
}
