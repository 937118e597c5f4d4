//! Where a node's time and randomness come from: here and nowhere else.
#![expect(clippy::disallowed_methods, reason = "the driver gives the protocol its time and its seed")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::{Rng, RngExt};
use tokio::time::Instant;

/// Monotonic time.
pub(super) fn instant() -> Instant {
    Instant::now()
}

/// What the machine's clock says.
pub(super) fn wall() -> SystemTime {
    SystemTime::now()
}

/// Milliseconds since the Unix epoch.
pub(super) fn wall_ms() -> u64 {
    let since = wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// From half of it to all of it: a cap stays one.
pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..1.0))
}
