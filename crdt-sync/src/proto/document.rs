//! The document, of whatever type: all that the protocol knows of one.
//!
//! The protocol is compiled once and not anew for each type of document, so it sees a document through
//! [`Document`]: bytes go in and come out, and in between there are dots and stamps. What is beyond
//! that knows the type: [`Typed`], and whoever holds one.

use std::mem;

use crdt_core::clock::{CausalContext, Stamp};
use crdt_core::codec::{DecodeError, EncodeError, Limits, Reader, Wire, Writer};
use crdt_core::view::Rights;
use crdt_core::{Delta, Doc, Dot, Observed, Past, Replica, ReplicaId, Span, Walk};

use super::rights::Place;

/// A document, the delta that it is to merge next, and the walks through it.
///
/// It changes in two steps. A delta is *staged*: one that came ([`stage`](Document::stage)), or what an
/// edit makes. Then it is *merged*, by [`merge`](Document::merge) and by nothing else, and every walk
/// sees it before the document does. What is staged and not merged is of no account: the next one takes
/// its place.
///
/// It knows nothing of numbers, peers and time.
pub(crate) trait Document {
    fn fingerprint(&self) -> u128;

    /// Every dot that it has seen.
    fn context(&self) -> CausalContext;

    /// The largest number of a dot of this replica that it has seen, or 0.
    fn last_seen(&self, replica: ReplicaId) -> u64;

    fn is_live(&self, dot: Dot) -> bool;

    /// Whether other entries contradict that of this dot.
    fn is_contested(&self, dot: Dot) -> bool;

    /// Answers the questions of a donor, as [`Past::answer`] does.
    fn answer(&self, past: &Past, questions: &[Span], pieces: usize, most: usize) -> Vec<Span>;

    /// Decodes what is to be merged next.
    fn stage(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), DecodeError>;

    /// The bytes of what is staged, unless it changes nothing.
    fn encode_staged(&self) -> Result<Option<Vec<u8>>, EncodeError>;

    /// Adds the dots of the entries that are staged.
    fn staged_dots(&self, to: &mut Vec<Dot>);

    /// Calls `each` for the stamps of the entries that are staged.
    fn staged_stamps(&self, each: &mut dyn FnMut(Stamp));

    /// Merges what is staged. Returns whether it changed anything.
    fn merge(&mut self) -> bool;

    /// Whether these bytes are a delta of its type within these limits.
    fn check(&self, bytes: &[u8], limits: &Limits) -> Result<(), DecodeError>;

    /// The bytes of one delta that says what these say; nothing if one of them says nothing.
    fn join(&self, deltas: &[&[u8]], limits: &Limits) -> Option<Vec<u8>>;

    /// Begins a walk to who has seen these dots. It goes on until [`end_walk`](Document::end_walk).
    fn begin_walk(&mut self, receiver: &CausalContext, keep_at_most: usize) -> WalkId;

    fn end_walk(&mut self, walk: WalkId);

    /// As [`Walk::compare`].
    fn compare(&mut self, walk: WalkId, salt: u64, pieces: usize) -> Vec<Span>;

    /// As [`Walk::narrow`].
    fn narrow(&mut self, walk: WalkId, answers: &[Span], pieces: usize, most: usize) -> Vec<Span>;

    fn is_comparing(&self, walk: WalkId) -> bool;

    /// Whether more died before its turn than the walk may keep: it is of no use any more.
    fn is_overflown(&self, walk: WalkId) -> bool;

    /// The next piece of a walk, as [`Walk::next_chunk`] gives it: about so many entries and bytes.
    fn next_chunk(
        &mut self,
        walk: WalkId,
        max_entries: usize,
        max_bytes: usize,
    ) -> Option<Result<Chunk, EncodeError>>;

    /// Whether its type has rights that move.
    fn has_rights(&self) -> bool;

    /// Where this replica holds rights.
    fn rights_of(&self, holder: ReplicaId) -> Vec<Place>;

    /// Whether these bytes lead to a place.
    fn check_place(&self, place: &[u8], limits: &Limits) -> Result<(), DecodeError>;

    /// Stages what `each` does with the rights at these places, of which it is told the index.
    fn edit_rights(
        &mut self,
        writer: &mut Replica,
        places: &[&[u8]],
        limits: &Limits,
        each: &mut dyn FnMut(usize, &dyn Rights),
    ) -> Vec<Drawn>;
}

/// One of the walks through a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WalkId(u64);

/// A piece of a walk.
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: usize,
}

/// A place where an edit took rights, and how many it lacked.
pub(crate) type Drawn = (Place, u64);

/// A document of one type.
pub(crate) struct Typed<T: Wire> {
    doc: Doc<T>,
    staged: Delta<T>,
    /// A few, in the order in which they began.
    walks: Vec<Passage<T>>,
    last_walk: u64,
}

/// A walk on its way through the document.
struct Passage<T: Wire> {
    id: WalkId,
    walk: Walk<T>,
    is_overflown: bool,
}

impl<T: Wire> Typed<T> {
    /// An empty one, of which fingerprints compare under this key.
    pub(crate) fn with_key(key: [u8; 16]) -> Self {
        Self { doc: Doc::with_key(key), staged: Delta::default(), walks: Vec::new(), last_walk: 0 }
    }

    pub(crate) fn doc(&self) -> &Doc<T> {
        &self.doc
    }

    /// Stages what an edit does, or nothing if it returns false. It is called once.
    pub(crate) fn edit(
        &mut self,
        writer: &mut Replica,
        observed: Option<&Observed>,
        edit: &mut dyn FnMut(T::Editor<'_>) -> bool,
    ) -> Vec<Drawn> {
        let mut drawn = Vec::new();
        let mut note = |at: T::Entry, lacking| drawn.extend(place::<T>(&at).map(|place| (place, lacking)));
        let edit = |editor: T::Editor<'_>| if edit(editor) { Ok(()) } else { Err(()) };
        let staged = self.doc.stage_watched(writer, observed, edit, &mut note);
        self.staged = staged.map_or_else(|()| Delta::default(), |((), delta)| delta);
        drawn
    }

    /// How many walks go through it.
    #[cfg(test)]
    pub(crate) fn walks(&self) -> usize {
        self.walks.len()
    }

    fn passage(&self, walk: WalkId) -> &Passage<T> {
        let passage = self.walks.iter().find(|passage| passage.id == walk);
        passage.expect("nobody asks for a walk that has ended")
    }

    /// A walk, and the document that it goes through.
    fn passing(&mut self, walk: WalkId) -> (&mut Walk<T>, &Doc<T>) {
        let passage = self.walks.iter_mut().find(|passage| passage.id == walk);
        (&mut passage.expect("nobody asks for a walk that has ended").walk, &self.doc)
    }
}

impl<T: Wire> Document for Typed<T> {
    fn fingerprint(&self) -> u128 {
        self.doc.fingerprint()
    }

    fn context(&self) -> CausalContext {
        self.doc.context()
    }

    fn last_seen(&self, replica: ReplicaId) -> u64 {
        self.doc.last_seen(replica)
    }

    fn is_live(&self, dot: Dot) -> bool {
        self.doc.is_live(dot)
    }

    fn is_contested(&self, dot: Dot) -> bool {
        self.doc.is_contested(dot)
    }

    fn answer(&self, past: &Past, questions: &[Span], pieces: usize, most: usize) -> Vec<Span> {
        past.answer(&self.doc, questions, pieces, most)
    }

    fn stage(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        self.staged = Delta::decode(bytes, limits)?;
        Ok(())
    }

    fn encode_staged(&self) -> Result<Option<Vec<u8>>, EncodeError> {
        if self.staged.is_empty() { Ok(None) } else { self.staged.encode().map(Some) }
    }

    fn staged_dots(&self, to: &mut Vec<Dot>) {
        to.extend(self.staged.entries().iter().map(|(dot, _)| *dot));
    }

    fn staged_stamps(&self, each: &mut dyn FnMut(Stamp)) {
        self.staged.stamps().for_each(each);
    }

    fn merge(&mut self) -> bool {
        let delta = mem::take(&mut self.staged);
        for passage in self.walks.iter_mut().filter(|passage| !passage.is_overflown) {
            passage.is_overflown = passage.walk.before_merge(&self.doc, &delta).is_err();
        }
        self.doc.merge(delta)
    }

    fn check(&self, bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        Delta::<T>::decode(bytes, limits).map(drop)
    }

    fn join(&self, deltas: &[&[u8]], limits: &Limits) -> Option<Vec<u8>> {
        let decode = |bytes: &&[u8]| Delta::<T>::decode(bytes, limits).ok();
        join_all(deltas.iter().map(decode).collect::<Option<_>>()?).encode().ok()
    }

    fn begin_walk(&mut self, receiver: &CausalContext, keep_at_most: usize) -> WalkId {
        self.last_walk += 1;
        let (id, walk) = (WalkId(self.last_walk), self.doc.walk(receiver, keep_at_most));
        self.walks.push(Passage { id, walk, is_overflown: false });
        id
    }

    fn end_walk(&mut self, walk: WalkId) {
        self.walks.retain(|passage| passage.id != walk);
    }

    fn compare(&mut self, walk: WalkId, salt: u64, pieces: usize) -> Vec<Span> {
        self.passing(walk).0.compare(salt, pieces)
    }

    fn narrow(&mut self, walk: WalkId, answers: &[Span], pieces: usize, most: usize) -> Vec<Span> {
        self.passing(walk).0.narrow(answers, pieces, most)
    }

    fn is_comparing(&self, walk: WalkId) -> bool {
        self.passage(walk).walk.is_comparing()
    }

    fn is_overflown(&self, walk: WalkId) -> bool {
        self.passage(walk).is_overflown
    }

    fn next_chunk(
        &mut self,
        walk: WalkId,
        max_entries: usize,
        max_bytes: usize,
    ) -> Option<Result<Chunk, EncodeError>> {
        let (walk, doc) = self.passing(walk);
        let mut bytes = Writer::default();
        let weigh = |entry: &T::Entry| {
            let before = bytes.len();
            // An entry that was decoded or checked when it was written can be encoded again.
            let _ = T::encode_entry(entry, &mut bytes);
            bytes.len() - before
        };
        let delta = walk.next_chunk(doc, max_entries, max_bytes, weigh)?;
        Some(delta.encode().map(|bytes| Chunk { bytes, entries: delta.entries().len() }))
    }

    fn has_rights(&self) -> bool {
        T::HAS_RIGHTS
    }

    fn rights_of(&self, holder: ReplicaId) -> Vec<Place> {
        let mut places = Vec::new();
        self.doc.rights_of(holder, &mut |at| places.extend(place::<T>(&at)));
        places
    }

    fn check_place(&self, place: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        entry_at::<T>(place, limits).map(drop)
    }

    fn edit_rights(
        &mut self,
        writer: &mut Replica,
        places: &[&[u8]],
        limits: &Limits,
        each: &mut dyn FnMut(usize, &dyn Rights),
    ) -> Vec<Drawn> {
        let entries: Vec<_> = places.iter().map(|place| entry_at::<T>(place, limits).ok()).collect();
        self.edit(writer, None, &mut |editor| {
            for (index, at) in entries.iter().enumerate() {
                at.iter().for_each(|at| T::rights(&editor, at, &mut |rights| each(index, rights)));
            }
            true
        })
    }
}

/// Where an entry leads: its bytes.
fn place<T: Wire>(at: &T::Entry) -> Option<Place> {
    let mut place = Writer::default();
    T::encode_entry(at, &mut place).ok()?;
    Some(place.into_bytes())
}

/// An entry that leads to a place.
fn entry_at<T: Wire>(place: &[u8], limits: &Limits) -> Result<T::Entry, DecodeError> {
    let mut from = Reader::new(place, limits);
    let at = T::decode_entry(&mut from)?;
    from.finish().map(|()| at)
}

/// Joins neighbours, then pairs of neighbours, and so on: no entry is copied more often than that.
fn join_all<T: Wire>(mut deltas: Vec<Delta<T>>) -> Delta<T> {
    while deltas.len() > 1 {
        let mut rest = deltas.into_iter();
        let pairs = std::iter::from_fn(|| {
            let mut pair = rest.next()?;
            rest.next().into_iter().for_each(|other| pair.merge(other));
            Some(pair)
        });
        deltas = pairs.collect();
    }
    deltas.pop().unwrap_or_default()
}
