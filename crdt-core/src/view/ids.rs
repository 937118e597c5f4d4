//! Replica ids as small numbers within one document.

use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::dot::{Dot, ReplicaId};

/// A dot whose replica is a place in the document's table: 12 bytes in place of 24.
///
/// Its order is not canonical, since tables differ between documents: ask [`Ids`] for that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LocalDot {
    replica: u32,
    // Two halves, so that the type is aligned to 4 and fits beside a key without padding.
    seq: [u32; 2],
}

impl LocalDot {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of one number")]
    pub(crate) const fn new(replica: u32, seq: u64) -> Self {
        Self { replica, seq: [(seq >> 32) as u32, seq as u32] }
    }

    /// The place of the replica in the document's table.
    #[must_use]
    pub const fn replica(self) -> u32 {
        self.replica
    }

    /// The number of the dot.
    #[must_use]
    pub const fn seq(self) -> u64 {
        (self.seq[0] as u64) << 32 | self.seq[1] as u64
    }
}

/// The replica ids that a document has met.
#[derive(Clone, Default, Debug)]
pub struct Ids {
    list: Vec<ReplicaId>,
    places: HashMap<ReplicaId, u32, foldhash::fast::RandomState>,
}

impl Ids {
    /// The id at a place of the table.
    ///
    /// # Panics
    /// When no dot of this document has that place.
    #[must_use]
    pub fn id(&self, place: u32) -> ReplicaId {
        self.list[place as usize]
    }

    /// The dot that every document understands.
    #[must_use]
    pub fn dot(&self, dot: LocalDot) -> Dot {
        Dot::new(self.id(dot.replica()), dot.seq())
    }

    /// How many bytes of memory they have on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.list.capacity() * size_of::<ReplicaId>() + self.places.allocation_size()
    }

    /// The place that the next new id will have.
    pub(crate) fn next(&self) -> u32 {
        u32::try_from(self.list.len()).expect("four billion ids do not fit into memory")
    }

    #[inline]
    pub(crate) fn place(&self, id: ReplicaId) -> Option<u32> {
        match self.list.as_slice() {
            // The common small cases cost a comparison, not a hash.
            [only] => (*only == id).then_some(0),
            _ => self.places.get(&id).copied(),
        }
    }

    /// The place of `id`, made if it has none.
    #[inline]
    pub(crate) fn intern(&mut self, id: ReplicaId) -> u32 {
        if let Some(place) = self.place(id) {
            return place;
        }
        let place = self.next();
        self.list.push(id);
        self.places.insert(id, place);
        place
    }

    /// Every place, in the order of the ids.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        let mut places: Vec<u32> = (0u32..).take(self.list.len()).collect();
        places.sort_unstable_by_key(|&place| self.id(place));
        places
    }
}
