//! Processor time, requested bytes, and medians.

use std::alloc::System;
use std::hint::black_box;

use cap::Cap;
use rustix::time::{ClockId, clock_gettime};

/// Counts what is requested, which does not depend on the allocator's size classes. It costs every
/// contender an uncontended atomic addition for each allocation and each release.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// The nanoseconds of processor time that `work` takes on this thread, and what it returns.
///
/// What it returns is dropped by the caller, outside of the time.
pub fn nanos<R>(work: impl FnOnce() -> R) -> (f64, R) {
    let start = thread_time();
    let result = black_box(work());
    (thread_time() - start, result)
}

/// The bytes that what `make` returns holds on the heap, and that itself.
pub fn heap<R>(make: impl FnOnce() -> R) -> (f64, R) {
    let before = HEAP.allocated();
    let made = make();
    (HEAP.allocated() as f64 - before as f64, made)
}

fn thread_time() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// The middle one, or the mean of the middle two.
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match samples.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => samples[middle],
        _ => f64::midpoint(samples[middle - 1], samples[middle]),
    }
}
