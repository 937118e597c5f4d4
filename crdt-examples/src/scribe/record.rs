//! What the nodes said they wrote, and what must be there in the end.

use std::collections::{BTreeMap, BTreeSet};

use crdt_core::clock::CausalContext;
use crdt_core::{Dot, ReplicaId};

use super::words::{Said, Update};

/// Everything that was said by all starts of all nodes.
#[derive(Debug, Default)]
pub struct Record {
    starts: Vec<Start>,
    /// Which element each update number stands for.
    numbers: BTreeMap<Dot, u64>,
    /// What was removed, or perhaps not: who said so may have been killed before it happened, or after.
    perhaps: BTreeSet<u64>,
}

/// One start of a node.
#[derive(Debug, Default)]
struct Start {
    node: usize,
    updates: Vec<Update>,
    /// How many of them are in its own store, and in those of both others.
    durable: usize,
    replicated: usize,
    /// Whether its own store was replaced since.
    forgotten: bool,
    /// Whether it was killed.
    ended: bool,
}

/// The sums of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Updates that were made.
    pub written: usize,
    /// Of these, how many their writers have stored.
    pub durable: usize,
    /// Of these, how many two other nodes have stored.
    pub replicated: usize,
}

impl Record {
    /// A node starts; what it says from now on belongs to the start with this number.
    pub fn start(&mut self, node: usize) -> usize {
        self.starts.push(Start { node, ..Start::default() });
        self.starts.len() - 1
    }

    /// Takes down what a start said.
    ///
    /// # Errors
    /// When it gives a number that was given before, or one that is none.
    pub fn hear(&mut self, start: usize, said: Said) -> Result<(), String> {
        let start = &mut self.starts[start];
        match said {
            Said::Removes(removed) => {
                self.perhaps.insert(removed);
            }
            Said::Wrote(update) => {
                let number = number(&update)?;
                if let Some(other) = self.numbers.insert(number, update.added) {
                    return Err(format!("{number:?} was given to {other} and to {}", update.added));
                }
                start.updates.push(update);
            }
            Said::Durable(count) => start.durable = start.durable.max(count as usize),
            Said::Replicated(count) => start.replicated = start.replicated.max(count as usize),
            Said::Started(_) | Said::Reached | Said::Stopped | Said::View(_) => {}
        }
        Ok(())
    }

    /// The process was killed: what it had not acknowledged may be lost.
    pub fn end(&mut self, start: usize) {
        self.starts[start].ended = true;
    }

    /// The node's store was replaced: what it alone had acknowledged may be lost.
    pub fn forget_own(&mut self, node: usize) {
        for start in self.starts.iter_mut().filter(|start| start.node == node) {
            start.forgotten = true;
        }
    }

    /// The numbers of all updates that were acknowledged and not lost with a store.
    #[must_use]
    pub fn acknowledged(&self) -> CausalContext {
        self.kept().filter_map(|update| number(update).ok()).collect()
    }

    /// The numbers of all updates that must get everywhere: those of processes that live, acknowledged or
    /// not, and of others what was acknowledged.
    #[must_use]
    pub fn owed(&self) -> CausalContext {
        let of = |start: &Start| if start.ended { start.acknowledged() } else { start.updates.len() };
        let updates = self.starts.iter().flat_map(|start| start.updates.iter().take(of(start)));
        updates.filter_map(|update| number(update).ok()).collect()
    }

    /// How much it is.
    #[must_use]
    pub fn sums(&self) -> Sums {
        self.starts.iter().fold(Sums::default(), |sums, start| Sums {
            written: sums.written + start.updates.len(),
            durable: sums.durable + start.durable,
            replicated: sums.replicated + start.replicated,
        })
    }

    /// Checks what a node shows in the end.
    ///
    /// # Errors
    /// Names something that is lost, or back.
    pub fn check(&self, shown: &BTreeSet<u64>) -> Result<(), String> {
        let removed: BTreeSet<u64> = self.kept().filter_map(|update| update.removed).collect();
        if let Some(back) = removed.intersection(shown).next() {
            return Err(format!("{back} was removed, and that acknowledged, and it is shown"));
        }
        let mut added = self.kept().map(|update| update.added);
        let lost = added.find(|it| !shown.contains(it) && !self.perhaps.contains(it));
        lost.map_or(Ok(()), |lost| Err(format!("{lost} was acknowledged, and is lost")))
    }

    /// The updates that were acknowledged and not lost with a store.
    fn kept(&self) -> impl Iterator<Item = &Update> {
        self.starts.iter().flat_map(|start| start.updates.iter().take(start.acknowledged()))
    }
}

impl Start {
    /// How many of its updates were acknowledged and not lost with its store.
    fn acknowledged(&self) -> usize {
        let own = if self.forgotten { 0 } else { self.durable };
        own.max(self.replicated)
    }
}

fn number(update: &Update) -> Result<Dot, String> {
    let id = u128::from_str_radix(&update.replica, 16).map_err(|error| error.to_string())?;
    Ok(Dot::new(ReplicaId::from_u128(id), update.seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrote(seq: u64, added: u64, removed: Option<u64>) -> Said {
        Said::Wrote(Update { replica: "0a".to_owned(), seq, added, removed })
    }

    fn record() -> (Record, usize) {
        let mut record = Record::default();
        let start = record.start(0);
        record.hear(start, Said::Removes(10)).unwrap();
        for (seq, added, removed) in [(1, 10, None), (2, 11, Some(10)), (3, 12, None)] {
            record.hear(start, wrote(seq, added, removed)).unwrap();
        }
        (record, start)
    }

    #[test]
    fn a_number_that_is_given_twice_is_noticed() {
        let (mut record, _) = record();
        let again = record.start(0);
        assert!(record.hear(again, wrote(3, 50, None)).unwrap_err().contains("12 and to 50"));
    }

    #[test]
    fn what_was_acknowledged_must_be_there_and_what_was_removed_must_not() {
        let (mut record, start) = record();
        assert_eq!(record.check(&BTreeSet::new()), Ok(()), "nothing was acknowledged");
        record.hear(start, Said::Durable(2)).unwrap();
        assert_eq!(record.check(&BTreeSet::from([11])), Ok(()));
        assert!(record.check(&BTreeSet::from([12])).unwrap_err().contains("11 was acknowledged"));
        assert!(record.check(&BTreeSet::from([10, 11])).unwrap_err().contains("10 was removed"));
        assert_eq!(record.acknowledged().len(), 2);
    }

    #[test]
    fn a_living_process_owes_what_it_wrote_and_a_killed_one_what_it_acknowledged() {
        let (mut record, start) = record();
        record.hear(start, Said::Durable(2)).unwrap();
        assert_eq!((record.owed().len(), record.acknowledged().len()), (3, 2));
        record.end(start);
        assert_eq!(record.owed(), record.acknowledged());
    }

    #[test]
    fn a_removal_that_a_kill_kept_from_being_told_may_have_happened() {
        let (mut record, start) = record();
        record.hear(start, Said::Durable(3)).unwrap();
        assert!(record.check(&BTreeSet::from([11])).unwrap_err().contains("12 was acknowledged"));
        record.hear(start, Said::Removes(12)).unwrap();
        assert_eq!(record.check(&BTreeSet::from([11])), Ok(()));
        assert_eq!(record.check(&BTreeSet::from([11, 12])), Ok(()));
    }

    #[test]
    fn what_only_a_lost_store_had_may_be_lost() {
        let (mut record, start) = record();
        record.hear(start, Said::Durable(3)).unwrap();
        record.hear(start, Said::Replicated(2)).unwrap();
        record.forget_own(1);
        assert!(record.check(&BTreeSet::from([11])).is_err(), "another node's store");
        record.forget_own(0);
        assert_eq!(record.check(&BTreeSet::from([11])), Ok(()));
        assert!(record.check(&BTreeSet::new()).is_err());
    }
}
