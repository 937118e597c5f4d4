//! Hybrid logical clocks: stamps that follow physical time and never go back.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A point in hybrid logical time: milliseconds since the Unix epoch and a counter within them.
///
/// 48 bits of milliseconds last until the year 10889; the counter's 16 bits carry into them, so
/// that 65,536 stamps in one millisecond borrow from the next. Stamps order last-write-wins entries
/// and nothing else: causality is the dots'. (Kulkarni et al. 2014.)
///
/// ```
/// use crdt_core::clock::Stamp;
///
/// let stamp = Stamp::from_millis(1_700_000_000_000);
/// assert_eq!(stamp.millis(), 1_700_000_000_000);
/// assert!(stamp.next() > stamp);
/// assert_eq!(Stamp::MAX.next(), Stamp::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(u64);

impl Stamp {
    /// The largest stamp. It never wraps: its successor is itself.
    pub const MAX: Self = Self(u64::MAX);

    /// The first stamp of a millisecond since the Unix epoch, clamped to 48 bits.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis >> 48 == 0 { Self(millis << 16) } else { Self::MAX }
    }

    /// The milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// The next stamp, or the same at [`Stamp::MAX`].
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The stamp with these 64 bits: 48 of milliseconds, 16 of counter.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits of the stamp, in the order in which stamps compare.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms+{}", self.millis(), self.0 & 0xffff)
    }
}

/// Where physical time comes from. The crate reads no clock of its own accord.
///
/// ```
/// use crdt_core::{Replica, ReplicaId, clock::Clock};
///
/// /// A clock for tests: it stands still until it is told otherwise.
/// struct Frozen(u64);
///
/// impl Clock for Frozen {
///     fn now_millis(&mut self) -> u64 {
///         self.0
///     }
/// }
///
/// let me = Replica::with_clock(ReplicaId::from_u128(1), Frozen(1_700_000_000_000));
/// assert_eq!(me.id(), ReplicaId::from_u128(1));
/// ```
pub trait Clock {
    /// Milliseconds since the Unix epoch. It may jump; stamps made from it do not.
    fn now_millis(&mut self) -> u64;
}

/// The operating system's wall clock.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(feature = "std")]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place in the crate that reads a clock, on request"
    )]
    fn now_millis(&mut self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The state of one hybrid logical clock: the largest stamp it gave or observed.
///
/// ```
/// use crdt_core::clock::{Hlc, Stamp};
///
/// let mut clock = Hlc::default();
/// let first = clock.tick(1_000);
/// let second = clock.tick(400); // physical time stepped back
/// assert!(second > first);
/// clock.observe(Stamp::from_millis(5_000));
/// assert!(clock.tick(1_001) > Stamp::from_millis(5_000));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hlc {
    last: Stamp,
}

impl Hlc {
    /// A stamp for an event at physical time `now_millis`: larger than every one before, until
    /// [`Stamp::MAX`], where the clock stands still and dots alone break ties.
    pub fn tick(&mut self, now_millis: u64) -> Stamp {
        self.last = self.last.next().max(Stamp::from_millis(now_millis));
        self.last
    }

    /// Makes later stamps larger than `stamp`.
    pub fn observe(&mut self, stamp: Stamp) {
        self.last = self.last.max(stamp);
    }

    /// The largest stamp given or observed.
    #[must_use]
    pub const fn last(&self) -> Stamp {
        self.last
    }
}
