//! Who takes part in which table.

use crate::contender::Contender;
use crate::floor::{FloorCarts, FloorMap, FloorSet};
use crate::items::Shape;
#[cfg(feature = "heavy")]
use crate::others;
use crate::ours::{OurCarts, OurMap, OurSet};
use crate::rust_crdt::{RustCrdtCarts, RustCrdtMap, RustCrdtSet};
use crate::scenes::{self, Scale, Sheet, Wrong};

/// A column of a table.
pub struct Column {
    /// What the table calls it.
    pub name: &'static str,
    /// Counts bytes.
    pub sizes: Work,
    /// Takes times.
    pub times: Work,
    /// How often, at most.
    pub repetitions: usize,
}

type Work = fn(Scale, Shape) -> Result<Sheet, Wrong>;

fn column<C: Contender>(name: &'static str) -> Column {
    Column { name, sizes: scenes::sizes::<C>, times: scenes::times::<C>, repetitions: C::REPETITIONS }
}

/// Sets: the floor first, ours last.
pub fn sets() -> Vec<Column> {
    let mut columns = vec![column::<FloorSet>("floor+dot"), column::<RustCrdtSet>("crdts")];
    #[cfg(feature = "heavy")]
    columns.extend([
        column::<others::DsonMap<false>>("dson"),
        column::<others::YrsMap<false>>("yrs"),
        column::<others::LoroFlat<false>>("loro"),
        column::<others::AutomergeMap<false>>("automerge"),
    ]);
    columns.push(column::<OurSet>("ours"));
    columns
}

/// Maps in which the last write counts: the floor first, ours last.
pub fn maps() -> Vec<Column> {
    let mut columns = vec![column::<FloorMap>("floor+dot"), column::<RustCrdtMap>("crdts")];
    #[cfg(feature = "heavy")]
    columns.extend([
        column::<others::DsonMap<true>>("dson"),
        column::<others::YrsMap<true>>("yrs"),
        column::<others::LoroFlat<true>>("loro"),
        column::<others::AutomergeMap<true>>("automerge"),
    ]);
    columns.push(column::<OurMap>("ours"));
    columns
}

/// Maps of sets: the floor first, ours last.
pub fn carts() -> Vec<Column> {
    let mut columns = vec![column::<FloorCarts>("floor+dot"), column::<RustCrdtCarts>("crdts")];
    #[cfg(feature = "heavy")]
    columns.extend([column::<others::DsonCarts>("dson"), column::<others::LoroCarts>("loro")]);
    columns.push(column::<OurCarts>("ours"));
    columns
}
