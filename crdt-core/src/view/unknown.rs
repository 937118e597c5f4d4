//! Entries under fields that this build does not know.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use super::{Ids, LocalDot};

/// An entry of a field that a newer build has: its tag, and its bytes as they came.
///
/// It merges, relays and fingerprints like any other, so that nothing is lost between an old and a
/// new build, and shows as soon as a build knows the field.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Opaque {
    /// The tag of the field.
    pub tag: u32,
    /// The rest of the entry, undecoded.
    pub bytes: Box<[u8]>,
}

/// Where opaque entries are kept: beside the view, by the place that holds the struct.
///
/// A struct has no room for them, so its holder has: the document for the root, a map for its
/// values, each under the number of its key. That lets a map that removes a key remove them too.
#[derive(Clone, Default, Debug)]
pub(crate) struct Unknown(BTreeMap<(u32, LocalDot), Opaque>);

impl Unknown {
    /// Whether anything is kept for the value at `holder`.
    pub(crate) fn holds(&self, holder: u32) -> bool {
        !self.0.is_empty() && self.dots(holder).next().is_some()
    }

    /// How many bytes of memory it has on the heap; the nodes of the tree are taken to be half full.
    pub(crate) fn heap_bytes(&self) -> usize {
        let nodes = 2 * self.0.len() * size_of::<((u32, LocalDot), Opaque)>();
        nodes + self.0.values().map(|entry| entry.bytes.len()).sum::<usize>()
    }

    /// The dots of what is kept for the value at `holder`.
    pub(crate) fn dots(&self, holder: u32) -> impl Iterator<Item = LocalDot> + '_ {
        let first = (holder, LocalDot::new(0, 0));
        let last = (holder, LocalDot::new(u32::MAX, u64::MAX));
        self.0.range(first..=last).map(|(&(_, dot), _)| dot)
    }
}

/// The surroundings of a view that changes.
#[derive(Debug)]
pub struct At<'a> {
    pub(crate) ids: &'a Ids,
    pub(crate) unknown: &'a mut Unknown,
    pub(crate) holder: u32,
}

impl At<'_> {
    /// The document's replica ids.
    #[must_use]
    pub fn ids(&self) -> &Ids {
        self.ids
    }

    /// Keeps an entry of an unknown field.
    pub fn keep(&mut self, dot: LocalDot, entry: Opaque) {
        self.unknown.0.insert((self.holder, dot), entry);
    }

    /// Lets go of an entry of an unknown field.
    pub fn release(&mut self, dot: LocalDot) {
        self.unknown.0.remove(&(self.holder, dot));
    }
}

/// The surroundings of a view that is read.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    pub(crate) ids: &'a Ids,
    pub(crate) unknown: &'a Unknown,
    pub(crate) holder: u32,
}

impl Look<'_> {
    /// The document's replica ids.
    #[must_use]
    pub fn ids(&self) -> &Ids {
        self.ids
    }

    /// The entry of an unknown field under `dot`.
    ///
    /// # Panics
    /// When no such entry was kept: a slot outlived its entry.
    #[must_use]
    pub fn kept(&self, dot: LocalDot) -> Opaque {
        self.unknown.0.get(&(self.holder, dot)).cloned().expect("a live slot has its entry")
    }
}
