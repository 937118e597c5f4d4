//! The document: entries, context, index, and the one merge.

mod blocks;
mod compare;
mod delta;
mod digest;
mod edit;
#[cfg(feature = "codec")]
mod fill;
mod index;
mod inspect;
mod merge;
mod news;
mod todo;
mod walk;

use core::fmt;
use core::ops::Deref;

pub use compare::{Past, Span};
pub use delta::Delta;
pub use digest::Digest;
#[cfg(feature = "codec")]
pub(crate) use fill::Filling;
pub use inspect::{Conflict, Disagreement, Holder, Observed, Stats};
pub use walk::{Walk, WalkOverflow};

use crate::clock::CausalContext;
use crate::dot::{Dot, ReplicaId};
use crate::few::Few;
use crate::view::{Crdt, Ids, LocalDot, Look, Unknown};
use index::{Index, Lane};

/// The holder number of the root value.
const ROOT: u32 = 0;

/// A replicated document: a value of type `T` that every replica may write at any time.
///
/// `Doc` is the only lattice of this crate. It holds live entries `dot -> (path, payload)` and one
/// causal context, and it merges by set algebra on dots alone:
///
/// > live = (L₁ ∩ L₂) ∪ (L₁ \ C₂) ∪ (L₂ \ C₁), context = C₁ ∪ C₂
///
/// `T` is a view of the live entries; reads go to it by dereference and decode nothing. Two
/// documents that have seen the same deltas, in any order and any number of times, read the same.
/// (Almeida, Shoker, Baquero 2018, section 7: causal δ-CRDTs with one shared context.)
///
/// ```
/// use crdt_core::{Doc, OrSet, Replica};
///
/// let (mut tokyo, mut london) = (Doc::<OrSet<String>>::default(), Doc::<OrSet<String>>::default());
/// let mut at_tokyo = Replica::random();
/// let mut at_london = Replica::random();
///
/// let first = tokyo.update(&mut at_tokyo, |cart| cart.insert("book".to_owned()));
/// let second = london.update(&mut at_london, |cart| cart.insert("pen".to_owned()));
/// tokyo.merge(second);
/// london.merge(first);
///
/// assert_eq!(tokyo.fingerprint(), london.fingerprint());
/// assert!(london.contains("book") && london.contains("pen"));
/// ```
///
/// # From a collection
/// There is no `collect` into a document, nor into a type: each element is written under a dot, and
/// dots come from a [`Replica`](crate::Replica), so that two programs that begin with the same list
/// have written it twice, and a removal of the one copy leaves the other. Whoever has the right to
/// write extends:
///
/// ```
/// use crdt_core::{Doc, OrSet, Replica};
///
/// let items = vec!["book".to_owned(), "pen".to_owned()];
/// let mut me = Replica::random();
/// let mut doc = Doc::<OrSet<String>>::default();
/// let delta = doc.update(&mut me, |set| set.extend(items));
/// assert_eq!((doc.len(), delta.entries().len()), (2, 2), "one update, one delta");
/// ```
pub struct Doc<T: Crdt> {
    root: T,
    unknown: Unknown,
    ids: Ids,
    index: Index<T::Slot>,
}

impl<T: Crdt> Doc<T> {
    /// An empty document whose fingerprints are keyed with `key`.
    ///
    /// Fingerprints compare only under one key. Whoever does not know it cannot make two different
    /// states that look alike; [`Doc::default`] uses a key that everybody knows.
    #[must_use]
    pub fn with_key(key: [u8; 16]) -> Self {
        Self {
            root: T::default(),
            unknown: Unknown::default(),
            ids: Ids::default(),
            index: Index::with_key(key),
        }
    }

    /// How many entries are live.
    #[must_use]
    pub fn live_len(&self) -> usize {
        self.index.live()
    }

    /// Every dot that the document has seen.
    #[must_use]
    pub fn context(&self) -> CausalContext {
        self.index.lanes().iter().map(|lane| (lane.id, lane.context.clone())).collect()
    }

    /// The largest number of a dot of this replica that the document has seen, or 0.
    #[must_use]
    pub fn last_seen(&self, replica: ReplicaId) -> u64 {
        self.lane(replica).map_or(0, |lane| lane.context.max())
    }

    /// Whether the dot is live.
    #[must_use]
    pub fn is_live(&self, dot: Dot) -> bool {
        self.slot(dot).is_some()
    }

    /// A 128-bit hash of the live dots and the context: equal for equal states of one key, and
    /// different for different ones but for chance.
    ///
    /// It costs a hash per run of the context and per block that changed lately, not the entries.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.index.fingerprint()
    }

    /// What the document says of itself: to be sent, as [bytes](Digest::encode), to whoever answers with
    /// [`delta_since`](Doc::delta_since).
    #[doc(alias = "state vector")]
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.index.digest()
    }

    fn look(&self) -> Look<'_> {
        Look { ids: &self.ids, unknown: &self.unknown, holder: ROOT }
    }

    fn slot(&self, dot: Dot) -> Option<T::Slot> {
        self.lane(dot.replica)?.slot(dot.seq)
    }

    /// What is known of the dots of one replica.
    fn lane(&self, replica: ReplicaId) -> Option<&Lane<T::Slot>> {
        self.index.lane(self.ids.place(replica)?)
    }

    /// A copy of a live entry.
    fn entry(&self, dot: Dot) -> Option<T::Entry> {
        let place = self.ids.place(dot.replica)?;
        let slot = self.index.lane(place)?.slot(dot.seq)?;
        Some(self.root.entry_at(self.look(), LocalDot::new(place, dot.seq), slot))
    }

    /// The live dots that share the path of `dot`, ascending, if it is live.
    pub(crate) fn siblings(&self, dot: Dot) -> Few<Dot> {
        let Some((place, slot)) = self.ids.place(dot.replica).zip(self.slot(dot)) else {
            return Few::default();
        };
        let mut dots = Few::default();
        let local = LocalDot::new(place, dot.seq);
        self.root.siblings(local, slot, &mut |sibling| dots.push(self.ids.dot(sibling)));
        dots.sort_unstable();
        dots
    }
}

impl<T: Crdt> Deref for Doc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.root
    }
}

/// As the value that it holds: `for element in &doc`.
impl<'a, T: Crdt> IntoIterator for &'a Doc<T>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&self.root).into_iter()
    }
}

impl<T: Crdt> Default for Doc<T> {
    fn default() -> Self {
        Self::with_key(*b"crdt-core/public")
    }
}

impl<T: Crdt + Clone> Clone for Doc<T> {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
            unknown: self.unknown.clone(),
            ids: self.ids.clone(),
            index: self.index.clone(),
        }
    }
}

/// Equal when their live dots and contexts are, whatever order built them.
impl<T: Crdt> PartialEq for Doc<T> {
    fn eq(&self, other: &Self) -> bool {
        self.live_len() == other.live_len() && self.digest() == other.digest()
    }
}

impl<T: Crdt> Eq for Doc<T> {}

impl<T: Crdt> From<Delta<T>> for Doc<T> {
    fn from(delta: Delta<T>) -> Self {
        let mut doc = Self::default();
        doc.merge(delta);
        doc
    }
}

impl<T: Crdt + fmt::Debug> fmt::Debug for Doc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doc").field("value", &self.root).field("context", &self.context()).finish()
    }
}

#[cfg(test)]
mod tests;
