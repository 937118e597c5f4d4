//! What a peer has, as far as this node can know.

use crdt_core::clock::CausalContext;

use super::config::Config;
use super::error::PeerError;
use super::vector::{self, Run};

/// The updates that one peer has: what it said, and what was sent to it on this connection.
///
/// Numbers are all that is compared. An update whose number the peer lacks is sent whole, whatever
/// else the peer holds.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    /// Whether the peer keeps nothing over a restart: what it has applied is all that it has.
    volatile: bool,
    /// What the peer said that it has in its store.
    durable: CausalContext,
    /// What the peer said that it has applied.
    applied: CausalContext,
    /// The same, and what was sent since: a stream delivers, or the connection is lost and all of
    /// this with it.
    known: CausalContext,
    /// The question that is open: what was sent since it was asked is on its way in any case.
    open: Option<Question>,
    last_id: u64,
}

#[derive(Debug)]
struct Question {
    id: u64,
    sent_since: CausalContext,
}

impl Holdings {
    /// What the peer said that it has applied.
    pub(super) fn applied(&self) -> &CausalContext {
        &self.applied
    }

    /// What need not be sent to the peer.
    pub(super) fn known(&self) -> &CausalContext {
        &self.known
    }

    /// What the peer has in the best way that it has anything: in its store if it has one.
    pub(super) fn kept(&self) -> &CausalContext {
        if self.volatile { &self.applied } else { &self.durable }
    }

    /// Whether the peer has a store, as it said in its hello.
    pub(super) fn set_volatile(&mut self, volatile: bool) {
        self.volatile = volatile;
    }

    /// The peer has these in its store.
    pub(super) fn stored(&mut self, updates: &CausalContext) {
        self.durable.union_with(updates);
    }

    /// The peer has applied these; it may have applied others.
    pub(super) fn reported(&mut self, updates: &CausalContext) {
        self.applied.union_with(updates);
        self.known.union_with(updates);
    }

    /// Whether what the peer said so far is more than any vector may hold.
    pub(super) fn check(&self, config: &Config) -> Result<(), PeerError> {
        vector::check(&self.durable, config)?;
        vector::check(&self.known, config)
    }

    /// The peer has applied these: it sent them.
    pub(super) fn received(&mut self, run: Run) {
        run.add_to(&mut self.applied);
        run.add_to(&mut self.known);
    }

    /// These are on their way to the peer.
    pub(super) fn sent(&mut self, run: Run) {
        run.add_to(&mut self.known);
        if let Some(question) = &mut self.open {
            run.add_to(&mut question.sent_since);
        }
    }

    /// All of these are on their way to the peer.
    pub(super) fn sent_all(&mut self, updates: &CausalContext) {
        self.known.union_with(updates);
        if let Some(question) = &mut self.open {
            question.sent_since.union_with(updates);
        }
    }

    /// Opens a question, and forgets an earlier one. The answer will contain everything sent before.
    pub(super) fn ask(&mut self) -> u64 {
        self.last_id += 1;
        self.open = Some(Question { id: self.last_id, sent_since: CausalContext::default() });
        self.last_id
    }

    /// The peer has applied these and no others, but for what was sent since it was asked. Returns
    /// whether something that was taken for known is not: it was lost on the way.
    ///
    /// An answer to a question that is no longer open says nothing: it is old.
    pub(super) fn answered(&mut self, id: u64, updates: CausalContext) -> bool {
        let Some(question) = self.open.take_if(|question| question.id == id) else { return false };
        let mut known = updates.clone();
        known.union_with(&question.sent_since);
        let lost = !known.is_superset(&self.known);
        self.known = known;
        self.applied = updates;
        lost
    }
}

#[cfg(test)]
mod tests {
    use crdt_core::{Dot, ReplicaId};

    use super::*;

    fn numbers(seqs: &[u64]) -> CausalContext {
        seqs.iter().map(|seq| number(*seq)).collect()
    }

    fn number(seq: u64) -> Dot {
        Dot::new(ReplicaId::from_u128(1), seq)
    }

    fn run(seq: u64) -> Run {
        Run { id: ReplicaId::from_u128(1), first: seq, last: seq }
    }

    #[test]
    fn an_answer_replaces_what_was_taken_for_known() {
        let mut holdings = Holdings::default();
        holdings.reported(&numbers(&[1]));
        holdings.sent(run(2));
        let id = holdings.ask();
        assert!(holdings.answered(id, numbers(&[1])), "2 was lost");
        assert_eq!(holdings.known(), &numbers(&[1]));
    }

    #[test]
    fn what_was_sent_after_the_question_is_still_on_its_way() {
        let mut holdings = Holdings::default();
        let id = holdings.ask();
        holdings.sent(run(1));
        assert!(!holdings.answered(id, numbers(&[])));
        assert_eq!(holdings.known(), &numbers(&[1]));
        assert_eq!(holdings.applied(), &numbers(&[]));
    }

    #[test]
    fn an_old_answer_says_nothing() {
        let mut holdings = Holdings::default();
        let old = holdings.ask();
        let new = holdings.ask();
        holdings.sent(run(1));
        assert!(!holdings.answered(old, numbers(&[])));
        assert!(!holdings.answered(new, numbers(&[1])));
        assert!(!holdings.answered(new, numbers(&[])), "answered twice");
        assert_eq!(holdings.known(), &numbers(&[1]));
    }
}
