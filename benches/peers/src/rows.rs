//! The rows of the table: what each is called, counts in, and is to reach.

use crate::items::Shape;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A write, applied, and the delta of it made.
    Insert,
    /// A look-up of a key that is in.
    Hit,
    /// A look-up of a key that is not.
    Miss,
    /// What the state holds on the heap.
    Heap,
    /// The same after half of the keys were removed, over a state that never held them.
    HalfHeap,
    /// The same after very many keys came and went, over a state that never held them.
    ChurnHeap,
    /// The states of two more replicas joined, each of as many other elements.
    MergeDisjoint,
    /// An equal state joined.
    MergeIdentical,
    /// An equal state joined after every key was written twice more.
    MergeOverwritten,
    /// A state joined when each side has half a per cent of its own.
    MergeNear,
    /// The state as bytes.
    Encode,
    /// A state from bytes.
    Decode,
    /// How many these are.
    Bytes,
    /// How many these are after very many keys came and went, over a state that never held them.
    ChurnBytes,
    /// One more write, its delta made and encoded.
    AddEncode,
    /// The bytes of one more write decoded and joined.
    DecodeMerge,
    /// How many these are.
    DeltaBytes,
    /// All elements, written, encoded, decoded and joined elsewhere one by one.
    Stream,
    /// A one-element delta joined by the large state over the same by the small one.
    Growth,
}

/// How far ours may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Ours over the floor's.
    OverFloor(f64),
    /// Ours as it is: it says already over what.
    Itself(f64),
}

impl Row {
    /// In the order of the table.
    pub const ALL: [Self; 19] = [
        Self::Insert,
        Self::Hit,
        Self::Miss,
        Self::Heap,
        Self::HalfHeap,
        Self::ChurnHeap,
        Self::MergeDisjoint,
        Self::MergeIdentical,
        Self::MergeOverwritten,
        Self::MergeNear,
        Self::Encode,
        Self::Decode,
        Self::Bytes,
        Self::ChurnBytes,
        Self::AddEncode,
        Self::DecodeMerge,
        Self::DeltaBytes,
        Self::Stream,
        Self::Growth,
    ];

    /// What the table and the JSON call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert with its delta",
            Self::Hit => "look-up, hit",
            Self::Miss => "look-up, miss",
            Self::Heap => "heap",
            Self::HalfHeap => "heap, half removed",
            Self::ChurnHeap => "heap, many came and went",
            Self::MergeDisjoint => "merge of 3 disjoint states",
            Self::MergeIdentical => "merge of identical states",
            Self::MergeOverwritten => "the same, twice overwritten",
            Self::MergeNear => "merge with 1 % differing",
            Self::Encode => "encode the state",
            Self::Decode => "decode the state",
            Self::Bytes => "the state's bytes",
            Self::ChurnBytes => "bytes, many came and went",
            Self::AddEncode => "one add: make and encode",
            Self::DecodeMerge => "one add: decode and merge",
            Self::DeltaBytes => "one add: bytes",
            Self::Stream => "adds shipped one by one",
            Self::Growth => "growth of one-delta merge",
        }
    }

    /// What one unit of its numbers is. An element is one of the state's, or one that is joined.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Insert | Self::AddEncode | Self::DecodeMerge | Self::Stream => "ns/write",
            Self::Hit | Self::Miss => "ns/look-up",
            Self::MergeDisjoint | Self::MergeIdentical | Self::MergeOverwritten => "ns/element",
            Self::MergeNear | Self::Encode | Self::Decode => "ns/element",
            Self::Heap | Self::Bytes => "B/element",
            Self::DeltaBytes => "B",
            Self::HalfHeap | Self::ChurnHeap | Self::ChurnBytes => "× fresh",
            Self::Growth => "×",
        }
    }

    /// What `--check` fails beyond.
    pub fn bound(self, shape: Shape) -> Option<Limit> {
        match self {
            Self::Heap if shape == Shape::Carts => Some(Limit::OverFloor(2.5)),
            Self::Insert | Self::Hit | Self::Miss | Self::Heap | Self::Growth => Some(Limit::OverFloor(1.5)),
            Self::MergeDisjoint | Self::MergeIdentical | Self::MergeNear => Some(Limit::OverFloor(1.5)),
            Self::MergeOverwritten => Some(Limit::OverFloor(1.5)),
            Self::HalfHeap | Self::ChurnHeap | Self::ChurnBytes if shape == Shape::Map => None,
            Self::HalfHeap | Self::ChurnHeap | Self::ChurnBytes => Some(Limit::Itself(2.0)),
            _ => None,
        }
    }

    /// Whether ours must be ahead of `crdts`: `--check` fails where it is not.
    pub fn leads(self) -> bool {
        !matches!(self, Self::Growth | Self::HalfHeap | Self::ChurnHeap | Self::ChurnBytes)
    }

    /// What ours is to reach in the long run.
    pub fn aim(self, shape: Shape) -> Option<Limit> {
        match self {
            Self::Insert => Some(Limit::OverFloor(1.1)),
            Self::Encode => Some(Limit::OverFloor(1.2)),
            Self::MergeIdentical | Self::MergeOverwritten => Some(Limit::OverFloor(0.002)),
            Self::MergeNear => Some(Limit::OverFloor(0.05)),
            Self::Growth => Some(Limit::OverFloor(1.5)),
            Self::Heap if shape == Shape::Carts => Some(Limit::OverFloor(2.0)),
            // A removal from this map is a write, which stays until all have seen it.
            Self::HalfHeap | Self::ChurnHeap | Self::ChurnBytes if shape == Shape::Map => None,
            Self::HalfHeap => Some(Limit::Itself(1.5)),
            Self::ChurnHeap | Self::ChurnBytes => Some(Limit::Itself(1.1)),
            Self::Bytes | Self::DeltaBytes => None,
            _ => Some(Limit::OverFloor(1.0)),
        }
    }
}
