//! The causal context: which dots have been seen.

use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::{fmt, mem};

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Intervals;
use crate::dot::{Dot, ReplicaId};
use crate::few::Few;

/// A set of dots as runs per replica.
///
/// As the context of a state it says which dots the state has seen, live or not: a dot in the
/// context without an entry *was there and is gone*. There are no tombstones. A gap is never
/// closed by assumption: a dot counts as seen only when it was seen itself. (Almeida, Shoker,
/// Baquero 2018, section 7.2; interval sets in place of vector and cloud.)
///
/// **Equal contexts do not mean equal states**: an observed removal mints no dot. Compare
/// [fingerprints](crate::Doc::fingerprint), and ask for a difference with a
/// [`Digest`](crate::Digest).
///
/// ```
/// use crdt_core::{Dot, ReplicaId, clock::CausalContext};
///
/// let a = ReplicaId::from_u128(1);
/// let mut seen = CausalContext::default();
/// seen.insert(Dot::new(a, 1));
/// seen.insert(Dot::new(a, 3));
/// assert!(!seen.contains(Dot::new(a, 2)));
/// assert_eq!(seen.len(), 2);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct CausalContext {
    /// Ascending by id; no empty set.
    replicas: Few<(ReplicaId, Intervals)>,
}

impl CausalContext {
    /// Whether no dot is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    /// How many dots are in the set, at most `u64::MAX`.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.iter().fold(0, |sum, (_, seen)| sum.saturating_add(seen.len()))
    }

    /// How many replicas have a dot in the set.
    #[must_use]
    pub fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// How many runs the set takes: what it costs to keep and to send.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.iter().map(|(_, seen)| seen.runs()).sum()
    }

    /// The numbers of one replica, if it has any.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> Option<&Intervals> {
        let at = self.find(replica).ok()?;
        Some(&self.replicas[at].1)
    }

    /// Whether the dot is in the set.
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        self.get(dot.replica).is_some_and(|seen| seen.contains(dot.seq))
    }

    /// The largest number of one replica in the set, or 0.
    #[must_use]
    pub fn max(&self, replica: ReplicaId) -> u64 {
        self.get(replica).map_or(0, Intervals::max)
    }

    /// Adds one dot; returns whether it was new. A dot with number 0 is not a dot.
    pub fn insert(&mut self, dot: Dot) -> bool {
        self.insert_range(dot.replica, dot.seq, dot.seq)
    }

    /// Adds the dots `first` to `last` of one replica; returns whether any was new.
    pub fn insert_range(&mut self, replica: ReplicaId, first: u64, last: u64) -> bool {
        if first.max(1) > last {
            return false;
        }
        self.entry(replica).insert_range(first, last)
    }

    /// Adds every dot of `other`; returns whether any was new.
    pub fn union_with(&mut self, other: &Self) -> bool {
        let (mut grew, mut lacking) = (false, Few::default());
        for (id, seen) in other.iter() {
            match self.find(id) {
                Ok(at) => grew |= self.replicas[at].1.union_with(seen),
                Err(_) => lacking.push((id, seen.clone())),
            }
        }
        grew |= !lacking.is_empty();
        self.extend(lacking);
        grew
    }

    /// The dots of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let left = self.iter().map(|(id, seen)| match other.get(id) {
            Some(known) => (id, seen.difference(known)),
            None => (id, seen.clone()),
        });
        left.collect()
    }

    /// The dots that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let both = self.iter().filter_map(|(id, seen)| Some((id, seen.intersection(other.get(id)?))));
        both.collect()
    }

    /// Whether every dot of `other` is in `self`.
    #[must_use]
    pub fn is_superset(&self, other: &Self) -> bool {
        let mut replicas = other.iter();
        replicas.all(|(id, seen)| self.get(id).is_some_and(|known| known.is_superset(seen)))
    }

    /// The numbers of each replica, ascending by id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (ReplicaId, &Intervals)> + ExactSizeIterator + '_ {
        self.replicas.iter().map(|(id, seen)| (*id, seen))
    }

    /// The numbers of the replicas whose ids lie in this range, ascending by id.
    ///
    /// ```
    /// use crdt_core::{Dot, ReplicaId, clock::CausalContext};
    ///
    /// let id = ReplicaId::from_u128;
    /// let seen: CausalContext = (1..=5).map(|n| Dot::new(id(n), 1)).collect();
    /// let ids: Vec<_> = seen.range(id(2)..=id(3)).map(|(id, _)| id).collect();
    /// assert_eq!(ids, [id(2), id(3)]);
    /// ```
    pub fn range(
        &self,
        ids: RangeInclusive<ReplicaId>,
    ) -> impl DoubleEndedIterator<Item = (ReplicaId, &Intervals)> + ExactSizeIterator + '_ {
        let begin = self.replicas.partition_point(|(id, _)| id < ids.start());
        let end = self.replicas.partition_point(|(id, _)| id <= ids.end());
        let within = self.replicas.get(begin..end).unwrap_or_default();
        within.iter().map(|(id, seen)| (*id, seen))
    }

    /// The numbers of one replica, to be made non-empty by the caller.
    fn entry(&mut self, replica: ReplicaId) -> &mut Intervals {
        let at = match self.find(replica) {
            Ok(at) => at,
            Err(at) => {
                self.replicas.insert(at, (replica, Intervals::default()));
                at
            }
        };
        &mut self.replicas[at].1
    }

    /// Puts the replicas in the order of their ids, all at once, and unites the sets of one: unless they are
    /// in order from `known` on, as they are before it.
    fn sort_from(&mut self, known: usize) {
        if self.replicas[known..].is_sorted_by(|(one, _), (next, _)| one < next) {
            return;
        }
        let mut sets = mem::take(&mut self.replicas).into_vec();
        sets.sort_by_key(|(id, _)| *id);
        sets.dedup_by(|(id, seen), (known, all)| {
            let is_one = id == known;
            if is_one {
                all.union_with(seen);
            }
            is_one
        });
        self.replicas = sets.into();
    }

    /// Binary search, with the last replica tried first: dots come in their order.
    fn find(&self, replica: ReplicaId) -> Result<usize, usize> {
        match self.replicas.last() {
            Some((last, _)) if *last == replica => Ok(self.replicas.len() - 1),
            Some((last, _)) if *last < replica => Err(self.replicas.len()),
            _ => self.replicas.binary_search_by_key(&replica, |(id, _)| *id),
        }
    }
}

/// Unites the sets given for each replica; empty ones leave no trace.
impl FromIterator<(ReplicaId, Intervals)> for CausalContext {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, Intervals)>>(sets: I) -> Self {
        let mut context = Self::default();
        context.extend(sets);
        context
    }
}

/// Unites the sets given for each replica with those it has; empty ones leave no trace.
impl Extend<(ReplicaId, Intervals)> for CausalContext {
    fn extend<I: IntoIterator<Item = (ReplicaId, Intervals)>>(&mut self, sets: I) {
        let known = self.replicas.len();
        self.replicas.extend(sets.into_iter().filter(|(_, seen)| !seen.is_empty()));
        self.sort_from(known.saturating_sub(1));
    }
}

impl FromIterator<Dot> for CausalContext {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut context = Self::default();
        for Dot { replica, seq } in dots.into_iter().filter(|dot| dot.seq > 0) {
            match context.replicas.last_mut() {
                Some((last, seen)) if *last == replica => _ = seen.insert(seq),
                _ => context.replicas.push_with(|| (replica, Intervals::from_run(seq, seq))),
            }
        }
        context.sort_from(0);
        context
    }
}

impl fmt::Debug for CausalContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// As a sequence of (id, flat list of firsts and lasts).
impl Serialize for CausalContext {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(|(id, seen)| {
            let runs: Vec<u64> = seen.iter().flat_map(|(first, last)| [first, last]).collect();
            (id, runs)
        }))
    }
}

/// Refuses what no context serialises to: ids or runs out of order, empty or touching runs, zero.
impl<'de> Deserialize<'de> for CausalContext {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Replicas)
    }
}

struct Replicas;

impl<'de> Visitor<'de> for Replicas {
    type Value = CausalContext;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("replica ids with their runs, in canonical order")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut context = CausalContext::default();
        while let Some((id, flat)) = items.next_element::<(ReplicaId, Vec<u64>)>()? {
            if context.replicas.last().is_some_and(|(last, _)| *last >= id) {
                return Err(A::Error::custom("replica ids out of order"));
            }
            let seen = runs(&flat).ok_or_else(|| A::Error::custom("runs not in canonical order"))?;
            context.replicas.push((id, seen));
        }
        Ok(context)
    }
}

/// The set with these firsts and lasts, if they are those of maximal, ascending runs.
fn runs(flat: &[u64]) -> Option<Intervals> {
    let mut seen = Intervals::default();
    for pair in flat.chunks(2) {
        let &[first, last] = pair else { return None };
        let apart = seen.is_empty() || first > seen.max().checked_add(1)?;
        if first == 0 || first > last || !apart {
            return None;
        }
        seen.insert_range(first, last);
    }
    (!seen.is_empty()).then_some(seen)
}
