//! Time as an argument.

use std::time::Duration;

/// What time it is, said by the driver with every input.
///
/// The engine never reads a clock. `mono` drives its timers and must never go back; `wall_ms` only
/// stamps last-write-wins entries, may jump, and differs between nodes.
///
/// ```
/// use crdt_sync::proto::Now;
/// use std::time::Duration;
///
/// let start = Now { mono: Duration::ZERO, wall_ms: 1_700_000_000_000 };
/// let later = start.after(Duration::from_millis(250));
/// assert_eq!(later.mono, Duration::from_millis(250));
/// assert_eq!(later.wall_ms, 1_700_000_000_250);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// Monotonic time since an arbitrary start, the same start for the life of one engine.
    pub mono: Duration,
    /// Milliseconds since the Unix epoch, as far as this machine knows.
    pub wall_ms: u64,
}

impl Now {
    /// Both clocks, `elapsed` later.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Self { mono: self.mono.saturating_add(elapsed), wall_ms: self.wall_ms.saturating_add(ms) }
    }
}
