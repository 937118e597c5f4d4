//! Unique ids without coordination.

use core::fmt;
use core::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::{Hlc, Stamp};
use crate::dot::ReplicaId;
use crate::replica::Replica;

/// An id that no other generator makes; ids sort by the time at which they were made.
///
/// 24 bytes: a [`Stamp`], then the [`ReplicaId`] of the generator. It displays as 48 hexadecimal
/// digits, which sort like it and parse to it; serde writes them where people read, and the bytes
/// elsewhere.
///
/// ```
/// use crdt_core::{IdGen, Replica, UniqueId};
///
/// let id = IdGen::new(Replica::random()).id();
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert!("a1b2".parse::<UniqueId>().is_err());
/// ```
#[doc(alias("uuid", "ulid"))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UniqueId {
    stamp: Stamp,
    by: ReplicaId,
}

impl UniqueId {
    /// When it was made, by the clock of its generator.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The replica id under which it was made.
    #[must_use]
    pub const fn replica(&self) -> ReplicaId {
        self.by
    }
}

/// The text is not a [`UniqueId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a unique id has 48 hexadecimal digits")
    }
}

impl core::error::Error for ParseIdError {}

impl FromStr for UniqueId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        // The parsers of numbers would take a sign.
        if text.len() != 48 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ParseIdError);
        }
        let (stamp, by) = text.split_at(16);
        let stamp = u64::from_str_radix(stamp, 16).map_err(|_| ParseIdError)?;
        let by = u128::from_str_radix(by, 16).map_err(|_| ParseIdError)?;
        Ok(Self { stamp: Stamp::from_bits(stamp), by: ReplicaId::from_u128(by) })
    }
}

impl Serialize for UniqueId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            return to.collect_str(self);
        }
        let mut bytes = [0; 24];
        let (stamp, by) = bytes.split_at_mut(8);
        stamp.copy_from_slice(&self.stamp.to_bits().to_be_bytes());
        by.copy_from_slice(self.by.as_bytes());
        to.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for UniqueId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            return from.deserialize_str(TextOrBytes);
        }
        from.deserialize_bytes(TextOrBytes)
    }
}

struct TextOrBytes;

impl Visitor<'_> for TextOrBytes {
    type Value = UniqueId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the 24 bytes of a unique id, or their 48 hexadecimal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<UniqueId, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<UniqueId, E> {
        let halves = bytes.split_first_chunk::<8>();
        let id = halves.and_then(|(stamp, by)| {
            let (stamp, by) = (u64::from_be_bytes(*stamp), by.try_into().ok()?);
            Some(UniqueId { stamp: Stamp::from_bits(stamp), by: ReplicaId::from_bytes(by) })
        });
        id.ok_or_else(|| E::invalid_length(bytes.len(), &self))
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:032x}", self.stamp.to_bits(), self.by.as_u128())
    }
}

/// Makes ids that no other generator makes, offline and partitioned too: in place of the
/// auto-increment of a single primary.
///
/// It takes a [`Replica`] of its own, with an id of its own, since whoever else made ids under that
/// one would make the same. Ids grow within one generator; between generators they follow the clocks.
/// It never ends.
///
/// ```
/// use crdt_core::{IdGen, Replica};
///
/// let mut tokyo = IdGen::new(Replica::random());
/// let mut london = IdGen::new(Replica::random());
/// let (first, second) = (tokyo.id(), tokyo.id());
/// assert!(first < second && first.to_string() < second.to_string());
/// assert_ne!(first, london.id());
/// ```
#[derive(Debug)]
pub struct IdGen {
    replica: Replica,
    hlc: Hlc,
}

/// The year 6429. A clock that says it is later is taken to say this, so that a broken one leaves
/// 2⁶³ ids to be made.
const LATEST_MILLIS: u64 = 1 << 47;

impl IdGen {
    /// A generator that makes ids under the id of `replica`, by its clock.
    #[must_use]
    pub fn new(replica: Replica) -> Self {
        Self { replica, hlc: Hlc::default() }
    }

    /// The next id.
    pub fn id(&mut self) -> UniqueId {
        let now_millis = self.replica.now_millis();
        UniqueId { stamp: self.hlc.tick(now_millis.min(LATEST_MILLIS)), by: self.replica.id() }
    }
}

impl Iterator for IdGen {
    type Item = UniqueId;

    fn next(&mut self) -> Option<UniqueId> {
        Some(self.id())
    }
}
