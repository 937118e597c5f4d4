//! Who wrote what: replica ids and dots.

use core::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The name under which one run of one writer mints its dots: 128 bits, never used twice.
///
/// A replica id belongs to a *start* of a program, not to a machine or a document. Whoever loads a
/// state, from a disk, a backup or a peer, gets data and not the right to go on under the id that
/// wrote it: it takes [`ReplicaId::random`] and a new [`Replica`](crate::Replica). So no restore, copy
/// or crash can give one dot two meanings.
///
/// ```
/// use crdt_core::ReplicaId;
///
/// let id = ReplicaId::from_u128(7);
/// assert_eq!(id.as_u128(), 7);
/// assert_ne!(ReplicaId::random(), ReplicaId::random());
/// ```
#[doc(alias("actor id", "client id"))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplicaId(#[serde(with = "id_bytes")] [u8; 16]);

impl ReplicaId {
    /// A version 4 UUID from the operating system's randomness.
    #[cfg(feature = "std")]
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that draws an id, on request")]
    pub fn random() -> Self {
        Self(Uuid::new_v4().into_bytes())
    }

    /// The id with this value; the caller answers for its uniqueness.
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value.to_be_bytes())
    }

    /// The id as a number, in the order in which ids compare.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The id with these bytes, most significant first.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id, most significant first.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<Uuid> for ReplicaId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.into_bytes())
    }
}

impl From<ReplicaId> for Uuid {
    fn from(id: ReplicaId) -> Self {
        Self::from_bytes(id.0)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from(*self).fmt(f)
    }
}

/// The first eight hexadecimal digits are enough to tell replicas apart in a log.
impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.as_u128() >> 64 == 0 {
            return write!(f, "{:x}", self.as_u128());
        }
        write!(f, "{:08x}…", self.as_u128() >> 96)
    }
}

/// Sixteen bytes in formats that know bytes, so that an id never costs more than it must.
mod id_bytes {
    use core::fmt;
    use serde::de::{Error, SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(id: &[u8; 16], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 16], D::Error> {
        from.deserialize_bytes(Sixteen)
    }

    struct Sixteen;

    impl<'de> Visitor<'de> for Sixteen {
        type Value = [u8; 16];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the 16 bytes of a replica id")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut id = [0; 16];
            for (at, byte) in id.iter_mut().enumerate() {
                *byte = items.next_element()?.ok_or_else(|| A::Error::invalid_length(at, &self))?;
            }
            Ok(id)
        }
    }
}

/// One event of one replica: its `seq`-th, counted from 1.
///
/// A dot names one entry for ever: an entry never changes, and any change is a new dot that
/// supersedes the dots it saw. Dots order by replica id, then number; this is the canonical order
/// of deltas and bytes. (Almeida, Shoker, Baquero: *Delta state replicated data types*, section 7.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Who minted the dot.
    pub replica: ReplicaId,
    /// The how-many-th of that replica; never 0 in a valid state.
    pub seq: u64,
}

impl Dot {
    /// The largest number of a dot that decoding accepts, 2⁶²: nobody counts so far, and a state
    /// that claims to leaves no room for its replica to write.
    pub const MAX_SEQ: u64 = 1 << 62;

    /// The dot of `replica` with the number `seq`.
    #[must_use]
    pub const fn new(replica: ReplicaId, seq: u64) -> Self {
        Self { replica, seq }
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{}", self.replica, self.seq)
    }
}
