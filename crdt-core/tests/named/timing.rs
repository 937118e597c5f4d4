//! Bounds on time.

use std::time::{Duration, Instant};

/// Runs something that must not take long, by far: a bound against the wrong order of growth.
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
pub(crate) fn within<R>(limit: Duration, act: impl FnOnce() -> R) -> R {
    let begun = Instant::now();
    let result = act();
    let took = begun.elapsed();
    assert!(took < limit, "it took {took:?}");
    result
}
