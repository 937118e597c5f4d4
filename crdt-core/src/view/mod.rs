//! What types are made of.
//!
//! A type is two things. Its *view* is a typed store: it takes [`take_in`](Crdt::take_in) and
//! [`take_out`](Crdt::take_out) in any order and is a function of the set of entries that are in. Its
//! *editor* reads a base view and a scratch of its own, mints dots for what it adds, and supersedes
//! dots that it saw; it never touches the base. All that makes replicas converge is in
//! [`Doc`](crate::Doc), which knows neither paths nor payloads: a view cannot get a merge wrong,
//! because it has none.
//!
//! This module is for those who write types of their own by hand, as the example `leaderboard` of this
//! repository does; `#[derive(Crdt)]` writes the one for structs of CRDT fields.

mod crowds;
mod features;
mod frozen;
mod ids;
mod keyed;
mod pages;
mod place;
mod rights;
mod siblings;
mod slab;
mod table;
mod through;
mod tx;
mod unknown;

pub use frozen::Frozen;
pub use ids::{Ids, LocalDot};
pub use keyed::Keyed;
pub use place::{Order, Place, PlaceEditor};
pub use rights::Rights;
pub(crate) use through::view_through;
pub use tx::Tx;
pub(crate) use unknown::Unknown;
pub use unknown::{At, Look, Opaque};

use crate::clock::Stamp;
use crate::dot::ReplicaId;

/// A replicated type: a typed view of live entries, and an editor that makes new ones.
///
/// Its methods are for the document, and for who makes a type. To change a value, call
/// [`Doc::update`](crate::Doc::update): `insert` and the like, as users know them, are the editor's.
///
/// # Laws
/// - The view is a function of the set of its entries: any order of insertions and removals that
///   leaves the same set reads the same. `laws` checks this.
/// - A slot stays valid until its own removal.
/// - An editor supersedes only dots that it observed in its base or made itself.
///
/// # Names
/// Whoever derives it has the trait in scope. So its methods are not called as those of collections are: a
/// `doc.insert(..)` that should have been an [`update`](crate::Doc::update) is no method, and not one of
/// these with other arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a replicated type",
    label = "not a replicated type",
    note = "a plain value goes into an `LwwRegister`, as `LwwRegister<{Self}>`",
    note = "a struct of replicated fields becomes one by `#[derive(Crdt)]`"
)]
pub trait Crdt: Default + 'static {
    /// What travels under one dot: the path below this view and the payload at its end.
    type Entry: Clone;
    /// Where the view put an entry, so that it is found again without its path.
    type Slot: Copy;
    /// What an editor has added so far. Shared and changed through cells.
    type Scratch: Default;
    /// The editor of the type.
    type Editor<'a>
    where
        Self: 'a;

    /// Whether values of this type hold rights that replicas hand to each other, as a
    /// [`BoundedCounter`](crate::BoundedCounter) does. Where not, nobody asks for them.
    const HAS_RIGHTS: bool = false;

    /// Whether editors of the type may [stamp](Tx::stamp) what they write. Where not, an edit reads no clock,
    /// which can take as long as the edit.
    const HAS_STAMPS: bool = true;

    /// Takes in an entry. The dot is not in the view.
    fn take_in(&mut self, at: &mut At<'_>, dot: LocalDot, entry: Self::Entry) -> Self::Slot;

    /// Takes in a copy of an entry, as [`take_in`](Crdt::take_in) does: for types that have some of it
    /// already.
    fn take_in_copy(&mut self, at: &mut At<'_>, dot: LocalDot, entry: &Self::Entry) -> Self::Slot {
        self.take_in(at, dot, entry.clone())
    }

    /// Takes in a copy of the entry that another view has under a dot in a slot, as
    /// [`take_in`](Crdt::take_in) does: for types that have some of it already.
    fn take_in_from(
        &mut self,
        at: &mut At<'_>,
        dot: LocalDot,
        other: &Self,
        look: Look<'_>,
        (there, slot): (LocalDot, Self::Slot),
    ) -> Self::Slot {
        self.take_in(at, dot, other.entry_at(look, there, slot))
    }

    /// Reads what [`take_in_from`](Crdt::take_in_from) will read, and gives out a number that depends on it;
    /// which one means nothing.
    ///
    /// Asked for many entries before the first of them is inserted, so that the processor waits for their
    /// memory once. For types whose entries lie where they have to be looked for.
    fn look_ahead(&self, other: &Self, slot: Self::Slot) -> u32 {
        let _ = (other, slot);
        0
    }

    /// Takes out the entry that [`take_in`](Crdt::take_in) put in `slot` under `dot`.
    fn take_out(&mut self, at: &mut At<'_>, dot: LocalDot, slot: Self::Slot);

    /// A copy of the entry in `slot`.
    fn entry_at(&self, at: Look<'_>, dot: LocalDot, slot: Self::Slot) -> Self::Entry;

    /// Calls `each` for the dot of every entry with the path of `slot`, that of `slot` included.
    fn siblings(&self, dot: LocalDot, slot: Self::Slot, each: &mut dyn FnMut(LocalDot));

    /// Whether the view holds no entry at all.
    fn is_bottom(&self) -> bool;

    /// Whether the view reads like a fresh one, though it may hold entries that say so.
    fn is_empty(&self) -> bool;

    /// The stamp that an entry carries, for clocks to observe.
    fn stamp(entry: &Self::Entry) -> Option<Stamp>;

    /// An editor over what `base` shows and `scratch` adds.
    fn edit<'a>(base: Option<&'a Self>, scratch: &'a Self::Scratch, tx: &'a Tx<'a>) -> Self::Editor<'a>;

    /// Whether the editor sees what a fresh view would show.
    fn reads_empty(editor: &Self::Editor<'_>) -> bool;

    /// How many bytes of memory the view has on the heap, without what keys and values have there: for
    /// [statistics](crate::Doc::stats), which count nothing where a type does not say.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// Which entry shows, if those with the path of `slot` contradict each other, so that somebody may
    /// want to choose. Those of types whose concurrent entries add up never do.
    fn contest(&self, dot: LocalDot, slot: Self::Slot) -> Option<LocalDot> {
        let _ = (dot, slot);
        None
    }

    /// Calls `each` for every group of dots that says of something only that it is gone: what nobody
    /// would miss once no write can arrive any more that has not seen them.
    fn tombstones(&self, each: &mut dyn FnMut(&[LocalDot])) {
        let _ = each;
    }

    /// Gives out the entries of a scratch with the numbers of their dots. The scratch is of no use
    /// afterwards.
    fn drain(scratch: &mut Self::Scratch, out: impl FnMut(u64, Self::Entry));

    /// Calls `with` for the rights at the place of an entry, whatever its payload, if there can be any.
    fn rights(editor: &Self::Editor<'_>, at: &Self::Entry, with: &mut dyn FnMut(&dyn Rights)) {
        let _ = (editor, at, with);
    }

    /// Calls `each` for every place where the replica holds rights, with an entry that leads there.
    fn rights_of(&self, holder: ReplicaId, each: &mut dyn FnMut(Self::Entry)) {
        let _ = (holder, each);
    }

    /// Calls `each` for every place where the edit took rights, or tried to, with an entry that leads
    /// there and how many it lacked.
    fn rights_drawn(scratch: &Self::Scratch, each: &mut dyn FnMut(Self::Entry, u64)) {
        let _ = (scratch, each);
    }
}

/// A type of which a removal can take away what it saw: what a map needs to remove a key.
///
/// All but those where that would break what they promise: the rights of a
/// [`BoundedCounter`](crate::BoundedCounter) cannot be taken from those who hold them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be removed from a map or reset",
    label = "cannot be removed or reset",
    note = "a `BoundedCounter` shares out rights that no other replica can take back"
)]
pub trait Reset: Crdt {
    /// Takes away all that the editor sees, and nothing that is concurrent.
    fn reset(editor: &Self::Editor<'_>);
}

#[cfg(test)]
mod tests;
