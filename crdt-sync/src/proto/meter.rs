//! How much a peer says that brings nothing.

use std::time::Duration;

use super::config::Config;

/// What one connection said for nothing, as a bucket that empties with time.
///
/// New updates and the chunks of a walk are not counted: honest peers send these as fast as they can,
/// and everything else seldom. So whoever fills the bucket is read more slowly, and who keeps it full
/// all the same is refused.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// When the bucket is empty, if nothing more comes.
    empty_at: Duration,
    /// Since when it has been full, and never half empty.
    full_since: Option<Duration>,
}

/// How long a full bucket takes to empty. What comes together because this node or the network stood
/// still has to fit in.
const DEPTH: Duration = Duration::from_secs(1);
/// So many bytes count like another frame.
const UNIT: usize = 4096;

impl Meter {
    /// Counts a frame. Returns whether the peer has gone on for too long.
    pub(super) fn count(&mut self, bytes: usize, now: Duration, config: &Config) -> bool {
        if self.empty_at <= now.saturating_add(DEPTH / 2) {
            self.full_since = None;
        }
        let frames = u32::try_from(1 + bytes / UNIT).unwrap_or(u32::MAX);
        let cost = Duration::from_secs(1) / config.max_chatter * frames;
        self.empty_at = self.empty_at.max(now).saturating_add(cost);
        if self.pause(now).is_none() {
            return false;
        }
        let since = *self.full_since.get_or_insert(now);
        now >= since.saturating_add(config.chatter_patience)
    }

    /// How long to wait until there is room for more.
    pub(super) fn pause(&self, now: Duration) -> Option<Duration> {
        self.empty_at.checked_sub(now.saturating_add(DEPTH)).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn config() -> Config {
        let mut config = Config::new("c");
        (config.max_chatter, config.chatter_patience) = (100, 5 * SECOND);
        config
    }

    #[test]
    fn a_burst_fits_and_what_is_beyond_waits() {
        let (mut meter, config) = (Meter::default(), config());
        for _ in 0..100 {
            assert!(!meter.count(10, SECOND, &config));
        }
        assert_eq!(meter.pause(SECOND), None);
        assert!(!meter.count(10, SECOND, &config));
        assert_eq!(meter.pause(SECOND), Some(SECOND / 100));
        assert!(!meter.count(9 * UNIT, SECOND, &config), "ten more");
        assert_eq!(meter.pause(SECOND), Some(SECOND / 100 * 11));
        assert_eq!(meter.pause(2 * SECOND), None);
    }

    #[test]
    fn who_waits_and_goes_on_is_refused_in_the_end_and_who_pauses_is_not() {
        let (mut meter, config, mut now) = (Meter::default(), config(), SECOND);
        let mut flood = |now: &mut Duration, frames: u32| {
            for _ in 0..frames {
                *now += meter.pause(*now).unwrap_or_default();
                if meter.count(10, *now, &config) {
                    return true;
                }
            }
            false
        };
        assert!(!flood(&mut now, 590), "the depth, and almost five seconds");
        now += SECOND * 3 / 5;
        assert!(!flood(&mut now, 540), "half empty: it begins anew");
        assert!(flood(&mut now, 60));
        assert!((7..=13).contains(&now.as_secs()), "{now:?}");
    }
}
