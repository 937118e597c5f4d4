//! The types of this crate as subjects.

mod counters;
mod flags;
mod maps;
mod registers;
mod sets;

pub use counters::{BoundedEdit, CounterEdit};
pub use flags::FlagEdit;
pub use maps::{LwwMapEdit, MapEdit};
pub use registers::RegisterEdit;
pub use sets::SetEdit;

use alloc::vec::Vec;

use super::Case;

/// The common hard cases and these.
fn common_and<const N: usize>(more: [Case; N]) -> Vec<Case> {
    let mut cases = Vec::from(Case::COMMON);
    cases.extend(more);
    cases
}
