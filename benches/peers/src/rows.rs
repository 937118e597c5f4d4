//! The rows of the table: what each is called, counts in, and is to reach.

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
    /// The states of two more replicas joined, each of as many other elements.
    MergeDisjoint,
    /// An equal state joined.
    MergeIdentical,
    /// A state joined when each side has half a per cent of its own.
    MergeNear,
    /// The state as bytes.
    Encode,
    /// A state from bytes.
    Decode,
    /// How many these are.
    Bytes,
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

impl Row {
    /// In the order of the table.
    pub const ALL: [Self; 15] = [
        Self::Insert,
        Self::Hit,
        Self::Miss,
        Self::Heap,
        Self::MergeDisjoint,
        Self::MergeIdentical,
        Self::MergeNear,
        Self::Encode,
        Self::Decode,
        Self::Bytes,
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
            Self::MergeDisjoint => "merge of 3 disjoint states",
            Self::MergeIdentical => "merge of identical states",
            Self::MergeNear => "merge with 1 % differing",
            Self::Encode => "encode the state",
            Self::Decode => "decode the state",
            Self::Bytes => "the state's bytes",
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
            Self::MergeDisjoint | Self::MergeIdentical | Self::MergeNear => "ns/element",
            Self::Encode | Self::Decode => "ns/element",
            Self::Heap | Self::Bytes => "B/element",
            Self::DeltaBytes => "B",
            Self::Growth => "×",
        }
    }

    /// What ours may be over the floor's, at most: `--check` fails beyond it.
    pub fn bound(self) -> Option<f64> {
        match self {
            Self::Insert | Self::Hit | Self::Miss | Self::Heap | Self::Growth => Some(1.5),
            Self::MergeDisjoint | Self::MergeIdentical | Self::MergeNear => Some(1.5),
            _ => None,
        }
    }

    /// Whether ours must be ahead of every other crate: `--check` fails where it is not.
    pub fn leads(self) -> bool {
        !matches!(self, Self::Growth)
    }

    /// What ours is to reach over the floor's in the long run.
    pub fn aim(self) -> Option<f64> {
        match self {
            Self::Insert => Some(1.1),
            Self::Encode => Some(1.2),
            Self::MergeIdentical => Some(0.002),
            Self::MergeNear => Some(0.05),
            Self::Growth => Some(1.5),
            Self::Bytes | Self::DeltaBytes => None,
            _ => Some(1.0),
        }
    }
}
