//! What the benches share: one way to write into each type, and documents of a given size.
//!
//! The size of a document is the number of its writes, each to a place of its own where the type has
//! places: elements of a set, keys of a map. A counter or a register stays small however often it
//! is written, and the benches show whether it does.

pub mod echo;
pub mod load;
pub mod mesh;
pub mod visible;

use crdt_core::codec::Wire;
use crdt_core::{Delta, Doc, GCounter, LwwMap, LwwRegister, OrMap, OrSet, PnCounter, Replica, ReplicaId};

/// A type to be measured.
pub trait Sample: Wire + Clone {
    /// What the type is called in the names of benches.
    const NAME: &'static str;

    /// Writes the place with this number; again, if it was written before.
    fn write(editor: &Self::Editor<'_>, number: u64);
}

/// The sizes of documents.
pub const SIZES: [u64; 2] = [1_000, 100_000];

/// How many replicas have written a document.
const WRITERS: u64 = 4;

/// An element or key, as long as a short name.
#[must_use]
pub fn key(number: u64) -> String {
    format!("user:{number:06}")
}

/// Somebody who writes: a document and the right to write it.
pub struct Writer<T: Sample> {
    doc: Doc<T>,
    me: Replica,
    /// How many writes there were; the next one goes to another place.
    turn: u64,
    size: u64,
}

impl<T: Sample> Writer<T> {
    /// A document of `size` writes, by several replicas in turns, in the hands of `replica`.
    #[must_use]
    pub fn new(replica: u64, size: u64) -> Self {
        let mut doc = Doc::<T>::default();
        for writer in 0..WRITERS {
            let mut me = Replica::new(id(writer));
            for number in (writer..size).step_by(WRITERS as usize) {
                let _ = doc.update(&mut me, |editor| T::write(&editor, number));
            }
        }
        Self { doc, me: Replica::new(id(WRITERS + replica)), turn: 0, size }
    }

    /// The document.
    #[must_use]
    pub fn doc(&self) -> &Doc<T> {
        &self.doc
    }

    /// Writes a place again, another one each time, so that the document keeps its size.
    pub fn rewrite(&mut self) -> Delta<T> {
        // A stride that shares no factor with the sizes meets every place in a scattered order.
        self.turn += 1;
        let number = self.turn.wrapping_mul(7_919) % self.size;
        self.doc.update(&mut self.me, |editor| T::write(&editor, number))
    }

    /// Writes places that were not written before, in one update.
    pub fn extend(&mut self, first: u64, count: u64) -> Delta<T> {
        self.doc.update(&mut self.me, |editor| {
            (first..first + count).for_each(|number| T::write(&editor, number));
        })
    }
}

fn id(replica: u64) -> ReplicaId {
    ReplicaId::from_u128(u128::from(replica + 1) << 64 | 0xc0de)
}

impl Sample for GCounter {
    const NAME: &'static str = "GCounter";

    fn write(editor: &Self::Editor<'_>, number: u64) {
        editor.add(number | 1);
    }
}

impl Sample for PnCounter {
    const NAME: &'static str = "PnCounter";

    fn write(editor: &Self::Editor<'_>, number: u64) {
        if number.is_multiple_of(3) { editor.sub(number | 1) } else { editor.add(number | 1) }
    }
}

impl Sample for LwwRegister<String> {
    const NAME: &'static str = "LwwRegister";

    fn write(editor: &Self::Editor<'_>, number: u64) {
        editor.set(key(number));
    }
}

impl Sample for OrSet<String> {
    const NAME: &'static str = "OrSet";

    fn write(editor: &Self::Editor<'_>, number: u64) {
        editor.insert(key(number));
    }
}

impl Sample for LwwMap<String, u64> {
    const NAME: &'static str = "LwwMap";

    fn write(editor: &Self::Editor<'_>, number: u64) {
        editor.insert(key(number), number);
    }
}

/// Ten elements under each key.
impl Sample for OrMap<String, OrSet<u64>> {
    const NAME: &'static str = "OrMap";

    fn write(editor: &Self::Editor<'_>, number: u64) {
        editor.entry(key(number / 10).as_str()).insert(number % 10);
    }
}

/// Calls a generic function for every type that has benches.
#[macro_export]
macro_rules! for_every_type {
    ($bench:ident($($argument:expr),*)) => {
        $bench::<crdt_core::GCounter>($($argument),*);
        $bench::<crdt_core::PnCounter>($($argument),*);
        $bench::<crdt_core::LwwRegister<String>>($($argument),*);
        $bench::<crdt_core::OrSet<String>>($($argument),*);
        $bench::<crdt_core::LwwMap<String, u64>>($($argument),*);
        $bench::<crdt_core::OrMap<String, crdt_core::OrSet<u64>>>($($argument),*);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_size_that_was_asked_for_and_keeps_it() {
        let mut writer = Writer::<OrSet<String>>::new(0, 1_000);
        assert_eq!(writer.doc().len(), 1_000);
        let delta = writer.rewrite();
        assert_eq!((delta.entries().len(), delta.dead().len()), (1, 1));
        assert_eq!(writer.doc().len(), 1_000);
        let _ = writer.extend(1_000, 10);
        assert_eq!(writer.doc().len(), 1_010);
    }

    #[test]
    fn every_type_changes_with_a_write() {
        fn changes<T: Sample>() {
            let mut writer = Writer::<T>::new(0, 100);
            let before = writer.doc().clone();
            let delta = writer.rewrite();
            assert!(!delta.is_empty() && *writer.doc() != before, "{}", T::NAME);
        }
        for_every_type!(changes());
    }
}
