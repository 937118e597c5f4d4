//! What hostile bytes and large states cost: memory by a counting allocator, time by its growth.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod crowds;
mod hostile;
mod ranges;
mod replicas;
mod room;
mod samples;

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cap::Cap;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// The tests take turns, since they share one heap and one processor's time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes that `make` asked for in all, and what it made.
fn requested<R>(make: impl FnOnce() -> R) -> (usize, R) {
    let before = HEAP.total_allocated();
    let made = make();
    (HEAP.total_allocated() - before, made)
}

/// The bytes that what `make` returns holds on the heap, and that itself.
fn held<R>(make: impl FnOnce() -> R) -> (usize, R) {
    let before = HEAP.allocated();
    let made = make();
    (HEAP.allocated() - before, made)
}
