//! Deltas and documents as bytes.

use alloc::vec::Vec;
use core::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::front::{Folder, unfold};
use super::grouped::{Groups, Order};
use super::{DecodeError, EncodeError, Limits, Reader, Wire, Writer};
use crate::clock::{CausalContext, Intervals};
use crate::doc::{Delta, Doc, Filling};
use crate::dot::{Dot, ReplicaId};
use crate::few::Few;
use crate::view::{At, LocalDot};

/// The first byte where entries are written in full.
const PLAIN: u8 = 1;
/// The first byte where entries take over how the one before them begins.
const COMPACT: u8 = 2;
/// The same, where those of one key come behind one another.
const GROUPED: u8 = 3;

impl<T: Wire> Delta<T> {
    /// The delta as bytes: the same for equal deltas. The [module](crate::codec) has the format.
    ///
    /// # Errors
    /// When a user's key or value refuses to be serialised.
    ///
    /// ```
    /// use crdt_core::{Delta, Doc, OrSet, Replica, ReplicaId, codec::Limits};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(7));
    /// let mut set = Doc::<OrSet<String>>::default();
    /// let delta = set.update(&mut me, |set| set.insert("user:000123".to_owned()));
    /// let bytes = delta.encode()?;
    /// assert_eq!(bytes.len(), 34);
    /// let back = Delta::<OrSet<String>>::decode(&bytes, &Limits::default())?;
    /// assert_eq!(back, delta);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = self.encode_head(PLAIN);
        for (_, entry) in self.entries() {
            T::encode_entry(entry, &mut out)?;
        }
        Ok(out.into_bytes())
    }

    /// The delta as fewer bytes where entries begin alike: the same for equal deltas.
    ///
    /// Entries are compared with the one before them in the order of dots, so it pays for many of
    /// them with keys of one kind, such as a whole document; a single one takes two bytes more than
    /// with [`encode`](Delta::encode). It costs a comparison for each entry.
    ///
    /// # Errors
    /// When a user's key or value refuses to be serialised.
    ///
    /// ```
    /// use crdt_core::{Delta, Doc, OrSet, Replica, ReplicaId, codec::Limits};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(7));
    /// let mut set = Doc::<OrSet<String>>::default();
    /// let delta = set.update(&mut me, |set| (100..200).for_each(|n| set.insert(format!("user:{n}"))));
    /// assert_eq!(delta.encode()?.len(), 922);
    /// let bytes = delta.encode_compact()?;
    /// assert_eq!(bytes.len(), 240);
    /// assert_eq!(Delta::<OrSet<String>>::decode(&bytes, &Limits::default())?, delta);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode_compact(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = self.encode_head(COMPACT);
        let mut folder = Folder::default();
        for (_, entry) in self.entries() {
            folder.entry::<T>(&mut out, |out| T::encode_entry(entry, out))?;
        }
        Ok(out.into_bytes())
    }

    /// All that comes before the entries, in a writer with room for them.
    fn encode_head(&self, version: u8) -> Writer {
        let live: CausalContext = self.entries.iter().map(|(dot, _)| *dot).collect();
        encode_head(version, &live, &self.dead, self.entries.len())
    }

    /// The delta that these bytes are.
    ///
    /// # Errors
    /// When they are no delta of this type, or exceed the limits. Time and memory are bounded by the
    /// length of the input.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let Self { mut entries, mut dead } = Self::default();
        let (mut input, mut live) = (Reader::new(bytes, limits), Few::default());
        let (version, count) = decode_head(&mut input, limits, &mut live, &mut dead)?;
        decode_entries::<T>(version, &mut input, &live, limits.max_bytes, |(_, dot), entry| {
            let entry = T::decode_entry(entry)?;
            if entries.is_empty() {
                // Only now: a head may claim what is not there.
                entries = Few::with_capacity(count);
            }
            entries.push_with(|| (Dot::new(live[dot.replica() as usize].0, dot.seq()), entry));
            Ok(())
        })?;
        if version == GROUPED {
            entries.sort_unstable_by_key(|(dot, _)| *dot);
        }
        Ok(Self { entries, dead })
    }
}

impl<T: Wire> Doc<T> {
    /// The whole document as bytes, which are those of a delta: the same for equal documents.
    ///
    /// Where a map has several entries under a key, they are written behind one another, with the key once,
    /// in version 3 of the [format](crate::codec); all else as by [`Delta::encode`].
    ///
    /// # Errors
    /// When a user's key or value refuses to be serialised.
    #[doc(alias("save", "to_bytes"))]
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if let Some(groups) = Groups::of(self) {
            return self.encode_grouped(&groups);
        }
        let mut out = self.encode_head(PLAIN);
        self.try_for_each_slot(|at, dot, slot| T::encode_slot(self, at, dot, slot, &mut out))?;
        Ok(out.into_bytes())
    }

    /// The whole document as fewer bytes: as [`encode`](Doc::encode) where a map has several entries under a
    /// key, all else as by [`Delta::encode_compact`].
    ///
    /// # Errors
    /// When a user's key or value refuses to be serialised.
    pub fn encode_compact(&self) -> Result<Vec<u8>, EncodeError> {
        if let Some(groups) = Groups::of(self) {
            return self.encode_grouped(&groups);
        }
        let mut out = self.encode_head(COMPACT);
        let mut folder = Folder::default();
        self.try_for_each_slot(|at, dot, slot| {
            folder.entry::<T>(&mut out, |out| T::encode_slot(self, at, dot, slot, out))
        })?;
        Ok(out.into_bytes())
    }

    fn encode_grouped(&self, groups: &Groups) -> Result<Vec<u8>, EncodeError> {
        let mut out = self.encode_head(GROUPED);
        groups.encode(self, &mut out)?;
        Ok(out.into_bytes())
    }

    /// All that comes before the entries, in a writer with room for them.
    fn encode_head(&self, version: u8) -> Writer {
        let (live, dead) = self.dots();
        encode_head(version, &live, &dead, self.live_len())
    }

    /// The document that these bytes are, with the public fingerprint key.
    ///
    /// A state is data and not the right to write: go on under a new [`Replica`](crate::Replica).
    ///
    /// ```
    /// use crdt_core::{Doc, OrSet, Replica, codec::Limits};
    ///
    /// let path = std::env::temp_dir().join(format!("cart-{}.crdt", std::process::id()));
    /// let (mut me, mut cart) = (Replica::random(), Doc::<OrSet<String>>::default());
    /// let _ = cart.update(&mut me, |cart| cart.insert("apple".to_owned()));
    /// std::fs::write(&path, cart.encode()?)?;
    ///
    /// // The next start of the program. Whoever reads what others may have written takes
    /// // `Limits::default()`, or limits of its own.
    /// let cart = Doc::<OrSet<String>>::decode(&std::fs::read(&path)?, &Limits::TRUSTED)?;
    /// assert!(cart.contains("apple"));
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Delta::decode`].
    #[doc(alias("load", "from_bytes"))]
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let (mut input, mut live, mut dead) =
            (Reader::new(bytes, limits), Few::default(), CausalContext::default());
        let (version, count) = decode_head(&mut input, limits, &mut live, &mut dead)?;
        let (mut filling, mut before) = (Filling::<T>::new(&live, count), None);
        decode_entries::<T>(version, &mut input, &live, limits.max_bytes, |dot, entry| {
            let decode =
                |root: &mut T, at: &mut At<'_>, dot: LocalDot| root.decode_slot(at, dot, before, entry);
            before = Some(filling.take_in(dot, decode)?);
            Ok(())
        })?;
        let mut doc = filling.finish();
        doc.join_dead(&dead);
        Ok(doc)
    }
}

/// Calls `each` for every entry behind a head, in the order in which they are written, with its number in the
/// order of the dots, and its dot by the place of its replica in `live`. What entries stand for counts against
/// `room`.
fn decode_entries<T: Wire>(
    version: u8,
    input: &mut Reader<'_>,
    live: &[(ReplicaId, Intervals)],
    mut room: usize,
    mut each: impl FnMut((usize, LocalDot), &mut Reader<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let (mut order, mut bytes) = ((version == GROUPED).then(|| Order::new(live)), Vec::new());
    let mut number = 0;
    for (place, (_, seqs)) in (0u32..).zip(live) {
        for (first, last) in seqs.iter() {
            for seq in first..=last {
                let next = (number, LocalDot::new(place, seq));
                number += 1;
                if version == PLAIN {
                    each(next, input)?;
                    continue;
                }
                // Where entries come in another order, there are as many.
                let next = order.as_mut().map_or(Ok(next), |order| order.next(input.number()?))?;
                let shared = unfold(input, &mut bytes, &mut room)?;
                let mut entry = input.of_entry::<T>(&bytes, shared);
                each(next, &mut entry)?;
                entry.finish()?;
            }
        }
    }
    input.finish()
}

/// Reads all that comes before the entries; returns the version, and how many entries follow.
#[inline]
fn decode_head(
    input: &mut Reader<'_>,
    limits: &Limits,
    live: &mut Few<(ReplicaId, Intervals)>,
    dead: &mut CausalContext,
) -> Result<(u8, usize), DecodeError> {
    if input.len() > limits.max_bytes {
        return Err(DecodeError::TooLarge { limit: "max_bytes" });
    }
    let [version] = input.array()?;
    if ![PLAIN, COMPACT, GROUPED].contains(&version) {
        return Err(DecodeError::Version { found: version });
    }
    decode_dots(input, limits, live, dead)?;
    let entries = count(live, limits)?;
    // What an entry takes at least: a step, what it shares.
    let least = if version == GROUPED { 2 } else { 1 };
    if entries > input.len() / least { Err(DecodeError::Truncated) } else { Ok((version, entries)) }
}

/// How many entries there are: not more than the limits allow.
pub(super) fn count(live: &[(ReplicaId, Intervals)], limits: &Limits) -> Result<usize, DecodeError> {
    let count = live.iter().fold(0u64, |sum, (_, seqs)| sum.saturating_add(seqs.len()));
    let count = usize::try_from(count).map_err(|_| DecodeError::Truncated)?;
    if count > limits.max_entries { Err(DecodeError::TooLarge { limit: "max_entries" }) } else { Ok(count) }
}

/// All that comes before so many entries, in a writer with room for them.
pub(super) fn encode_head(version: u8, live: &CausalContext, dead: &CausalContext, entries: usize) -> Writer {
    // An id or two with their runs, and entries that are short: a guess that spares growing.
    let mut out = Writer::with_capacity(64 + 16 * entries);
    out.raw(&[version]);
    encode_dots(live, dead, &mut out);
    out
}

fn encode_dots(live: &CausalContext, dead: &CausalContext, out: &mut Writer) {
    out.number(by_replica(live, dead).count() as u64);
    by_replica(live, dead).for_each(|(id, ..)| out.raw(id.as_bytes()));
    for (_, live, dead) in by_replica(live, dead) {
        encode_runs(live, out);
        encode_runs(dead, out);
    }
}

/// The replicas of two sets of dots, ascending, with their numbers in each.
fn by_replica<'a>(
    one: &'a CausalContext,
    other: &'a CausalContext,
) -> impl Iterator<Item = (ReplicaId, Option<&'a Intervals>, Option<&'a Intervals>)> {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    core::iter::from_fn(move || {
        let next = one.peek().into_iter().chain(other.peek()).map(|(id, _)| *id).min()?;
        let of_next = |(id, _): &(ReplicaId, &Intervals)| *id == next;
        let (one, other) = (one.next_if(of_next), other.next_if(of_next));
        Some((next, one.map(|(_, seqs)| seqs), other.map(|(_, seqs)| seqs)))
    })
}

/// Adds the live dots, ascending by id, to `live`, and the dots that are gone to `dead`: both are empty.
pub(super) fn decode_dots(
    input: &mut Reader<'_>,
    limits: &Limits,
    live: &mut Few<(ReplicaId, Intervals)>,
    dead: &mut CausalContext,
) -> Result<(), DecodeError> {
    let count = input.count()?;
    if count > limits.max_replicas {
        return Err(DecodeError::TooLarge { limit: "max_replicas" });
    }
    let (ids, _) = input.raw(count.checked_mul(16).ok_or(DecodeError::Truncated)?)?.as_chunks::<16>();
    if !ids.is_sorted_by(|one, next| one < next) {
        return Err(DecodeError::Malformed { rule: "ids ascend" });
    }
    *live = Few::with_capacity(count);
    for id in ids.iter().copied().map(ReplicaId::from_bytes) {
        live.push_with(|| (id, Intervals::default()));
        let (_, alive) = live.last_mut().expect("a replica was just added");
        let mut gone = Intervals::default();
        decode_runs(input, alive)?;
        decode_runs(input, &mut gone)?;
        if alive.is_empty() && gone.is_empty() {
            return Err(DecodeError::Malformed { rule: "every id has a dot" });
        }
        if !gone.is_empty() {
            if gone.iter().any(|(first, last)| alive.overlapping(first, last).next().is_some()) {
                return Err(DecodeError::Malformed { rule: "a dot is live or gone" });
            }
            dead.extend([(id, gone)]);
        }
    }
    Ok(())
}

fn encode_runs(runs: Option<&Intervals>, out: &mut Writer) {
    let Some(runs) = runs else { return out.number(0u8) };
    out.number(runs.runs() as u64);
    let mut least = 1;
    for (first, last) in runs.iter() {
        out.number(first - least);
        out.number(last - first);
        least = last.saturating_add(2);
    }
}

fn decode_runs(input: &mut Reader<'_>, runs: &mut Intervals) -> Result<(), DecodeError> {
    const RULE: DecodeError = DecodeError::Malformed { rule: "numbers of dots end at 2^62" };
    let mut least = 1u64;
    for _ in 0..input.count()? {
        let first = least.checked_add(input.number()?).ok_or(RULE)?;
        let last = first.checked_add(input.number()?).filter(|last| *last <= Dot::MAX_SEQ).ok_or(RULE)?;
        runs.insert_range(first, last);
        least = last + 2;
    }
    Ok(())
}

/// As the bytes of [`Delta::encode`].
impl<T: Wire> Serialize for Delta<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.encode().map_err(serde::ser::Error::custom)?)
    }
}

/// Through [`Delta::decode`] with the default limits.
impl<'de, T: Wire> Deserialize<'de> for Delta<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_bytes(Envelope(Self::decode))
    }
}

/// As the bytes of [`Doc::encode`].
impl<T: Wire> Serialize for Doc<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.encode().map_err(serde::ser::Error::custom)?)
    }
}

/// Through [`Doc::decode`] with the default limits.
impl<'de, T: Wire> Deserialize<'de> for Doc<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_bytes(Envelope(Self::decode))
    }
}

/// What reads the bytes.
struct Envelope<V>(fn(&[u8], &Limits) -> Result<V, DecodeError>);

impl<'de, V> Visitor<'de> for Envelope<V> {
    type Value = V;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a delta")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<V, E> {
        (self.0)(bytes, &Limits::default()).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<V, A::Error> {
        let limits = Limits::default();
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element()? {
            if bytes.len() == limits.max_bytes {
                return Err(A::Error::custom(DecodeError::TooLarge { limit: "max_bytes" }));
            }
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
}
