//! Vectors of update numbers: their bytes and their hash.

use std::hash::Hasher;

use crdt_core::clock::CausalContext;
use crdt_core::{Dot, ReplicaId};
use siphasher::sip::SipHasher24;

use super::config::Config;
use super::error::{FrameError, PeerError};
use super::wire::{Reader, Writer};

/// Writes replica ids ascending, each with its runs as (gap, length) in steps of at least one, so
/// that one vector has one form.
pub(super) fn encode(vector: &CausalContext, to: &mut Writer) {
    to.count(vector.replicas());
    for (id, numbers) in vector.iter() {
        to.id(id);
        to.count(numbers.runs());
        // The least number at which the next run can begin: runs neither touch nor hold zero.
        let mut least = 1;
        for (first, last) in numbers.iter() {
            to.number(first - least);
            to.number(last - first);
            least = last + 2;
        }
    }
}

/// Reads a vector; at most as much is allocated as the bytes at hand can fill.
pub(super) fn decode(from: &mut Reader<'_>, config: &Config) -> Result<CausalContext, PeerError> {
    let mut vector = CausalContext::default();
    let mut last_id = None;
    let mut runs_left = config.max_runs as u64;
    for _ in 0..limited(from.number()?, "max_replicas", config.max_replicas as u64)? {
        let id = from.id()?;
        if last_id.replace(id).is_some_and(|last| last >= id) {
            return Err(FrameError::Order.into());
        }
        let runs = limited(from.number()?, "max_runs", runs_left)?;
        runs_left -= runs;
        if runs == 0 {
            return Err(FrameError::Order.into());
        }
        let mut least = 1u64;
        for _ in 0..runs {
            let first = least.checked_add(from.number()?).ok_or(FrameError::Order)?;
            let last = first.checked_add(from.number()?).filter(|last| *last <= Dot::MAX_SEQ);
            let last = last.ok_or(FrameError::Order)?;
            vector.insert_range(id, first, last);
            least = last + 2;
        }
    }
    Ok(vector)
}

/// Consecutive numbers of one origin: most of what passes at once, and cheaper to note at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: ReplicaId,
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Run {
    /// Adds a number to the run in `open`, or begins another and returns the one before.
    pub(super) fn extend(open: &mut Option<Self>, number: Dot) -> Option<Self> {
        match open {
            Some(run) if run.id == number.replica && run.last + 1 == number.seq => {
                run.last = number.seq;
                None
            }
            _ => open.replace(Self { id: number.replica, first: number.seq, last: number.seq }),
        }
    }

    pub(super) fn add_to(self, vector: &mut CausalContext) {
        vector.insert_range(self.id, self.first, self.last);
    }
}

/// Refuses what grew beyond the limits piece by piece.
pub(super) fn check(vector: &CausalContext, config: &Config) -> Result<(), PeerError> {
    limited(vector.replicas() as u64, "max_replicas", config.max_replicas as u64)?;
    limited(vector.runs() as u64, "max_runs", config.max_runs as u64)?;
    Ok(())
}

pub(super) fn limited(found: u64, limit: &'static str, allowed: u64) -> Result<u64, PeerError> {
    if found <= allowed { Ok(found) } else { Err(PeerError::LimitExceeded { limit, found, allowed }) }
}

/// Equal for equal vectors; the same on every node and every machine.
pub(super) fn hash(vector: &CausalContext) -> u64 {
    let mut bytes = Writer::default();
    encode(vector, &mut bytes);
    let mut hasher = SipHasher24::new();
    hasher.write(&bytes.finish());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(runs: &[(u128, u64, u64)]) -> CausalContext {
        let mut vector = CausalContext::default();
        for &(id, first, last) in runs {
            vector.insert_range(ReplicaId::from_u128(id), first, last);
        }
        vector
    }

    fn bytes(vector: &CausalContext) -> Vec<u8> {
        let mut writer = Writer::default();
        encode(vector, &mut writer);
        writer.finish()
    }

    #[test]
    fn a_vector_comes_back_as_it_was() {
        let max = Dot::MAX_SEQ;
        let cases = [
            vector(&[]),
            vector(&[(1, 1, 1)]),
            vector(&[(1, 1, 7), (1, 9, 9), (2, 3, 300), (u128::MAX, max, max)]),
            vector(&[(5, 1, max)]),
            vector(&[(5, 1, max - 2), (5, max, max)]),
        ];
        for case in cases {
            let bytes = bytes(&case);
            let mut reader = Reader::new(&bytes);
            assert_eq!(decode(&mut reader, &Config::new("c")), Ok(case));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn numbers_that_follow_each_other_are_one_run() {
        let numbers = [(1, 1), (1, 2), (1, 3), (1, 3), (2, 4), (2, 6)];
        let (mut open, mut noted, mut runs) = (None, CausalContext::default(), 0);
        for (id, seq) in numbers {
            if let Some(run) = Run::extend(&mut open, Dot::new(ReplicaId::from_u128(id), seq)) {
                run.add_to(&mut noted);
                runs += 1;
            }
        }
        open.expect("the last one").add_to(&mut noted);
        assert_eq!((runs, noted), (3, vector(&[(1, 1, 3), (2, 4, 4), (2, 6, 6)])));
    }

    #[test]
    fn what_no_vector_is_written_as_is_refused() {
        let id = [7; 16];
        let order = Err(PeerError::from(FrameError::Order));
        let two_ids = [&[2][..], &id, &[1, 0, 0], &id, &[1, 0, 0]].concat();
        assert_eq!(decode(&mut Reader::new(&two_ids), &Config::new("c")), order, "an id twice");
        let no_runs = [&[1][..], &id, &[0]].concat();
        assert_eq!(decode(&mut Reader::new(&no_runs), &Config::new("c")), order, "an id without runs");
        let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let overflow = [&[1][..], &id, &[1, 0], &max].concat();
        assert_eq!(decode(&mut Reader::new(&overflow), &Config::new("c")), order, "a run past the end");
        let beyond = [&[1][..], &id, &[1], &[0x80; 8], &[0x40, 0]].concat();
        assert_eq!(decode(&mut Reader::new(&beyond), &Config::new("c")), order, "a run after the end");
    }

    #[test]
    fn counts_are_refused_before_they_are_believed() {
        let mut config = Config::new("c");
        (config.max_replicas, config.max_runs) = (2, 3);
        let fits = vector(&[(1, 1, 1), (2, 1, 1), (2, 3, 3)]);
        assert_eq!(decode(&mut Reader::new(&bytes(&fits)), &config), Ok(fits));
        let limit = |bytes: &[u8]| match decode(&mut Reader::new(bytes), &config) {
            Err(PeerError::LimitExceeded { limit, .. }) => limit,
            other => panic!("{other:?}"),
        };
        let ids = vector(&[(1, 1, 1), (2, 1, 1), (3, 1, 1)]);
        assert_eq!(limit(&bytes(&ids)), "max_replicas");
        let runs = vector(&[(1, 1, 1), (1, 3, 3), (2, 1, 1), (2, 3, 3)]);
        assert_eq!(limit(&bytes(&runs)), "max_runs");
    }

    #[test]
    fn the_hash_is_the_same_everywhere() {
        assert_eq!(hash(&vector(&[])), 0x8b5a_0baa_49fb_c58d);
        assert_ne!(hash(&vector(&[(1, 1, 2)])), hash(&vector(&[(1, 1, 3)])));
    }
}
