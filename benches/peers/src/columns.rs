//! Who takes part in which table.

use crate::contender::Contender;
use crate::floor::{FloorCarts, FloorMap, FloorSet};
use crate::items::Shape;
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
}

type Work = fn(Scale, Shape) -> Result<Sheet, Wrong>;

fn column<C: Contender>(name: &'static str) -> Column {
    Column { name, sizes: scenes::sizes::<C>, times: scenes::times::<C> }
}

/// Sets: the floor first, ours last.
pub fn sets() -> Vec<Column> {
    let mut columns = vec![column::<FloorSet>("floor+dot"), column::<RustCrdtSet>("crdts")];
    columns.push(column::<OurSet>("ours"));
    columns
}

/// Maps in which the last write counts: the floor first, ours last.
pub fn maps() -> Vec<Column> {
    let mut columns = vec![column::<FloorMap>("floor+dot"), column::<RustCrdtMap>("crdts")];
    columns.push(column::<OurMap>("ours"));
    columns
}

/// Maps of sets: the floor first, ours last.
pub fn carts() -> Vec<Column> {
    let mut columns = vec![column::<FloorCarts>("floor+dot"), column::<RustCrdtCarts>("crdts")];
    columns.push(column::<OurCarts>("ours"));
    columns
}
