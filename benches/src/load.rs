//! Load that does not wait for who bears it, and what came of it.

use std::error::Error;
use std::time::{Duration, Instant};

/// What goes wrong in a bench.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Writes a second of an open load.
pub const RATE: u32 = 1_000;
/// At the start handshakes and page faults are measured; they do not count.
pub const WARM_UP: usize = RATE as usize / 2;

/// Calls `at` with each number when it is due, and the time when it was, until `at` says stop.
pub fn open_loop(count: usize, mut at: impl FnMut(usize, Instant) -> bool) {
    let (start, step) = (Instant::now() + Duration::from_millis(10), Duration::from_secs(1) / RATE);
    for number in 0..count {
        let due = start + step * u32::try_from(number).expect("a bounded run");
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if !at(number, due) {
            return;
        }
    }
}

/// Latencies in order.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// The one that `part` of them do not exceed; nothing is zero.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Duration {
        let rank = (self.0.len() as f64 * part).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(latencies: I) -> Self {
        let mut latencies: Vec<_> = latencies.into_iter().collect();
        latencies.sort_unstable();
        Self(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_latencies() {
        let latencies: Latencies = (1..=100).rev().map(Duration::from_millis).collect();
        let quantiles = [0.0, 0.5, 0.99, 1.0].map(|part| latencies.quantile(part).as_millis());
        assert_eq!(quantiles, [1, 50, 99, 100]);
        assert_eq!(Latencies::default().quantile(0.5), Duration::ZERO);
    }
}
