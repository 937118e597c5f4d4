//! The document with its numbers: the one place where either changes.

mod hold;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crdt_core::clock::{CausalContext, Clock, Stamp};
use crdt_core::codec::{DecodeError, Limits};
use crdt_core::{Dot, Replica, ReplicaId, Span};

use self::hold::Frozen;
use super::compaction::Compaction;
use super::config::Config;
use super::document::Document;
use super::donation::{Donation, Start};
use super::error::{PeerError, RecoverError, UpdateError};
use super::id::PeerId;
use super::log::{Log, Position, Update};
use super::persist::{Head, Record, Stored};
use super::saving::{Saved, Saving};
use super::time::Now;
use super::vector;

/// The state of one node.
///
/// Four things belong together and are kept so here: a number enters `applied` only with all of
/// its content in `doc`; a number in `applied` is in `log` or in `lost`, or in both; a walk through the
/// document is that of a donation or of the saving, and ends with it; and what is held is the end of
/// `log`.
pub(super) struct State<D: ?Sized = dyn Document> {
    applied: Arc<CausalContext>,
    /// Hash of `applied`, until it changes.
    hash: Option<u64>,
    log: Log,
    compaction: Compaction,
    /// Applied, and no longer or never in the log; also what is there once more in a group.
    lost: CausalContext,
    /// How often `lost` grew by what was never in the log.
    claims: u64,
    /// What the document may hold in part.
    parts: CausalContext,
    /// To whom walks are given. A few, in the order in which they began.
    donations: Vec<(PeerId, Donation)>,
    saving: Option<Saving>,
    /// While nothing is applied.
    frozen: Option<Frozen>,
    writer: Option<Writer>,
    wall: Wall,
    /// The largest stamp seen that is not too far ahead.
    highest: Stamp,
    /// Last, so that the state of a document of one type is one of any type, in place.
    doc: D,
}

/// The right to write, and the next number.
struct Writer {
    replica: Replica,
    next: u64,
}

/// Wall time as the driver last told it.
#[derive(Clone, Default)]
struct Wall(Arc<AtomicU64>);

impl Clock for Wall {
    fn now_millis(&mut self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<D> State<D> {
    /// That of a node with an empty document.
    pub(super) fn new(doc: D) -> Self {
        Self {
            applied: Arc::default(),
            hash: None,
            log: Log::default(),
            compaction: Compaction::default(),
            lost: CausalContext::default(),
            claims: 0,
            parts: CausalContext::default(),
            donations: Vec::new(),
            saving: None,
            frozen: None,
            writer: None,
            wall: Wall::default(),
            highest: Stamp::default(),
            doc,
        }
    }
}

impl<D: ?Sized> State<D> {
    pub(super) fn doc(&self) -> &D {
        &self.doc
    }

    /// The document, and the right to write, which [`ready_writer`](State::ready_writer) made sure of.
    pub(super) fn writing(&mut self) -> (&mut D, &mut Replica) {
        let writer = self.writer.as_mut().expect("there is an id to write under");
        (&mut self.doc, &mut writer.replica)
    }
}

impl State {
    /// Takes what a store holds into a new state: everything in it, and nothing else, is applied.
    /// Returns where its snapshot ends.
    pub(super) fn recover(
        &mut self,
        stored: &Stored,
        now: Now,
        config: &Config,
    ) -> Result<Position, RecoverError> {
        let start = stored.records.first().map(|record| record.index);
        let Some((head, pieces)) = stored.state.split_first() else {
            return if start.is_none() { Ok(0) } else { Err(corrupt("records without a state")) };
        };
        let head = Head::decode(head, config)?;
        for piece in pieces {
            self.doc.stage(piece, &Limits::TRUSTED).map_err(|error| corrupt(&error))?;
            self.observe(now, config);
            self.doc.merge();
        }
        self.log = Log::starting_at(start.unwrap_or(head.end));
        (self.applied, self.parts) = (Arc::new(head.updates), head.parts);
        for record in &stored.records {
            self.replay(record, head.end, now, config)?;
        }
        if self.log.end() < head.end {
            return Err(corrupt("records are missing at the end"));
        }
        let mut logged = CausalContext::default();
        self.log.since(0).for_each(|update| update.add_to(&mut logged));
        self.lost = self.applied.difference(&logged);
        self.grown();
        Ok(head.end)
    }

    /// Applies a record, unless it is older than the snapshot, which ends at `end`: then it is kept
    /// for peers only.
    fn replay(
        &mut self,
        record: &Record,
        end: Position,
        now: Now,
        config: &Config,
    ) -> Result<(), RecoverError> {
        let group = record.group(config)?;
        let (numbers, bytes) =
            group.as_ref().map_or((None, &record.bytes[..]), |(all, bytes)| (Some(all), *bytes));
        let update = Update { number: record.number, group: numbers, bytes, at: now.mono, own: false };
        if record.index != self.log.end() {
            return Err(corrupt("records are missing"));
        }
        if record.index >= end {
            self.doc.stage(bytes, &Limits::TRUSTED).map_err(|error| corrupt(&error))?;
            self.observe(now, config);
            self.commit(update);
        } else if update.is_in(&self.applied) {
            self.log.push(update);
        } else {
            return Err(corrupt("a record is older than the state and not in it"));
        }
        Ok(())
    }

    /// The state as it is now begins to go to the store.
    pub(super) fn save(&mut self, config: &Config) {
        let (updates, parts) = (CausalContext::clone(&self.applied), self.parts.clone());
        let head = Head { end: self.applied_end(), updates, parts };
        self.stop_saving();
        self.saving = Some(Saving::begin(&mut self.doc, head, self.claims, config));
    }

    pub(super) fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// What comes next of the state that goes to the store; the saving ends with what is no piece.
    pub(super) fn next_saved(&mut self, config: &Config) -> Saved {
        if let Some(piece) = self.saving.as_mut().and_then(|saving| saving.next(&mut self.doc, config)) {
            return Saved::Piece(piece);
        }
        self.stop_saving()
    }

    pub(super) fn stop_saving(&mut self) -> Saved {
        self.saving.take().map_or(Saved::Missed, |saving| saving.end(&mut self.doc))
    }

    /// Makes sure that there is an id to write under. `id` is called the first time, and when a member
    /// claims to know numbers of the id in use that it has not given: what is written under these would
    /// be taken for known, and be lost.
    pub(super) fn ready_writer(&mut self, id: impl FnOnce() -> ReplicaId, now: Now) {
        self.wall.0.store(now.wall_ms, Ordering::Relaxed);
        let (wall, highest) = (self.wall.clone(), self.highest);
        self.writer.take_if(|writer| writer.is_claimed(&self.doc));
        self.writer.get_or_insert_with(|| Writer::new(id(), wall, highest));
    }

    /// Commits the edit that is staged under the next number of this start. Nothing changes if that
    /// fails, and no number is given to what changes nothing.
    pub(super) fn commit_edit(&mut self, now: Now, config: &Config) -> Result<Option<Dot>, UpdateError> {
        let Some(bytes) = encode_update(&self.doc, config)? else { return Ok(None) };
        let writer = self.writer.as_mut().expect("there is an id to write under");
        let number = Dot::new(writer.replica.id(), writer.next);
        writer.next += 1;
        self.commit(Update { number, group: None, bytes: &bytes, at: now.mono, own: true });
        Ok(Some(number))
    }

    /// Decodes what comes next.
    pub(super) fn stage(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        self.doc.stage(bytes, limits)
    }

    /// Applies the update that is staged. It is not applied yet; of several joined to one some may be.
    pub(super) fn apply(&mut self, update: Update<'_>) {
        debug_assert!(self.frozen.is_none() && !update.is_in(&self.applied), "a number is new");
        self.commit(update);
    }

    fn commit(&mut self, update: Update<'_>) {
        self.doc.merge();
        update.add_to(Arc::make_mut(&mut self.applied));
        self.log.push(update);
        self.grown();
    }

    /// Merges what is staged and came by a walk. It has no number, and nothing is claimed for it.
    pub(super) fn merge_part(&mut self) -> bool {
        self.doc.merge()
    }

    /// A walk begins that may bring parts of these.
    pub(super) fn expect_parts(&mut self, updates: &CausalContext, config: &Config) -> Result<(), PeerError> {
        self.parts.union_with(updates);
        self.grown();
        vector::check(&self.parts, config)
    }

    /// A walk is complete: the document holds all of these.
    pub(super) fn claim(&mut self, updates: &CausalContext) {
        let news = updates.difference(&self.applied);
        if news.is_empty() {
            return;
        }
        Arc::make_mut(&mut self.applied).union_with(&news);
        self.lost.union_with(&news);
        self.claims += 1;
        self.grown();
    }

    fn grown(&mut self) {
        self.hash = None;
        if !self.parts.is_empty() && self.applied.is_superset(&self.parts) {
            self.parts = CausalContext::default();
        }
    }

    /// Whether the log takes more than `limit` bytes, and does not begin with what is held.
    pub(super) fn may_trim(&self, limit: usize) -> bool {
        self.log.bytes() > limit && self.log.start() < self.applied_end()
    }

    /// Drops what is oldest in a log that takes more than `limit` bytes; returns how many updates.
    pub(super) fn trim(&mut self, limit: usize) -> Option<u64> {
        self.log.trim(limit, &mut self.lost)
    }

    /// Whether the log is to be compacted.
    pub(super) fn wants_compaction(&self, config: &Config) -> bool {
        self.compaction.is_due(&self.log, config)
    }

    /// Joins the oldest updates in the log to fewer, of those before a position, if that pays; returns how
    /// many. What is held stays as it is.
    pub(super) fn compact(&mut self, before: Position, config: &Config) -> u64 {
        let before = before.min(self.applied_end());
        self.compaction.run(&mut self.log, before, &self.doc, config)
    }

    /// Lets the clock of later writes follow the stamps that are staged, but for those too far ahead of
    /// the wall clock. Returns by how much the worst of them is ahead.
    pub(super) fn observe(&mut self, now: Now, config: &Config) -> Option<Duration> {
        let drift = u64::try_from(config.max_drift.as_millis()).unwrap_or(u64::MAX);
        let bound = now.wall_ms.saturating_add(drift);
        let (mut worst, highest) = (None, &mut self.highest);
        self.doc.staged_stamps(&mut |stamp| {
            if stamp.millis() > bound {
                worst = worst.max(Some(stamp.millis() - now.wall_ms));
            } else {
                *highest = stamp.max(*highest);
            }
        });
        if let Some(writer) = &mut self.writer {
            writer.replica.observe(self.highest);
        }
        worst.map(Duration::from_millis)
    }

    /// Begins to give a walk. A walk that is under way to the same peer is dropped.
    pub(super) fn give(
        &mut self,
        peer: PeerId,
        id: u64,
        receiver: &CausalContext,
        now: Now,
        config: &Config,
    ) {
        self.stop_giving(peer);
        let start = Start {
            updates: CausalContext::clone(&self.applied),
            parts: self.parts.clone(),
            unseen: receiver.difference(&self.doc.context()),
        };
        let deadline = now.mono + config.walk_timeout;
        let pin = self.applied_end();
        let donation = Donation::begin(&mut self.doc, receiver, id, start, pin, deadline, config);
        self.donations.push((peer, donation));
    }

    pub(super) fn stop_giving(&mut self, peer: PeerId) -> Option<Donation> {
        let at = self.donations.iter().position(|(to, _)| *to == peer)?;
        let (_, donation) = self.donations.remove(at);
        donation.end(&mut self.doc);
        Some(donation)
    }

    pub(super) fn donations(&self) -> &[(PeerId, Donation)] {
        &self.donations
    }

    pub(super) fn donation(&self, peer: PeerId) -> Option<&Donation> {
        self.donations.iter().find(|(to, _)| *to == peer).map(|(_, donation)| donation)
    }

    /// The next frame of the walk to this peer.
    pub(super) fn next_piece(
        &mut self,
        peer: PeerId,
        budget: usize,
        now: Now,
        config: &Config,
    ) -> Option<Vec<u8>> {
        let (_, donation) = self.donations.iter_mut().find(|(to, _)| *to == peer)?;
        let frame = donation.next_frame(&mut self.doc, budget, config)?;
        donation.deadline = now.mono + config.walk_timeout;
        Some(frame)
    }

    /// The peer answered a question of the walk that it is given.
    pub(super) fn answered(
        &mut self,
        (peer, id): (PeerId, u64),
        answer: (u64, &[Span]),
        now: Now,
        config: &Config,
    ) {
        let mut given = self.donations.iter_mut();
        if let Some((_, donation)) = given.find(|(to, donation)| *to == peer && donation.id == id) {
            donation.deadline = now.mono + config.walk_timeout;
            donation.answered(&mut self.doc, answer, config);
        }
    }

    pub(super) fn applied(&self) -> &Arc<CausalContext> {
        &self.applied
    }

    pub(super) fn hash(&mut self) -> u64 {
        *self.hash.get_or_insert_with(|| vector::hash(&self.applied))
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// What a peer can have by a walk only: also what is in groups, if it takes none.
    pub(super) fn walked(&self, takes_groups: bool) -> CausalContext {
        let mut walked = self.lost.clone();
        if !takes_groups {
            let groups = self.log.since(self.log.start()).filter(|update| update.group.is_some());
            groups.for_each(|update| update.add_to(&mut walked));
        }
        walked
    }

    pub(super) fn lost(&self) -> &CausalContext {
        &self.lost
    }

    pub(super) fn claims(&self) -> u64 {
        self.claims
    }

    /// Whether the document may show parts of updates that are not applied.
    pub(super) fn is_partial(&self) -> bool {
        !self.parts.is_empty()
    }

    pub(super) fn replica(&self) -> Option<ReplicaId> {
        self.writer.as_ref().map(|writer| writer.replica.id())
    }
}

impl Writer {
    fn new(id: ReplicaId, wall: Wall, highest: Stamp) -> Self {
        let mut replica = Replica::with_clock(id, wall);
        replica.observe(highest);
        Self { replica, next: 1 }
    }

    /// Whether the document has seen numbers of this writer that it never gave.
    fn is_claimed(&self, doc: &dyn Document) -> bool {
        doc.last_seen(self.replica.id()) > self.replica.last()
    }
}

fn corrupt(reason: impl ToString) -> RecoverError {
    RecoverError::Corrupt { reason: reason.to_string() }
}

/// The bytes of the edit that is staged, as an update that every node can take: what is refused later
/// would be a hole for ever. Nothing if it changes nothing.
fn encode_update(doc: &dyn Document, config: &Config) -> Result<Option<Vec<u8>>, UpdateError> {
    let refused = |reason: String| UpdateError::Unencodable { reason };
    let bytes = doc.encode_staged().map_err(|error| refused(error.to_string()))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let (size, allowed) = (bytes.len(), config.max_update_bytes);
    if size > allowed {
        return Err(UpdateError::TooLarge { size, allowed });
    }
    match doc.check(&bytes, &config.update_limits()) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) => Err(refused(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use crdt_core::OrSet;

    use super::super::document::Typed;
    use super::*;

    #[test]
    fn a_walk_through_the_document_ends_with_what_it_was_for() {
        let (config, peer, nothing) = (Config::new("c"), PeerId(1), CausalContext::default());
        let mut typed = State::new(Typed::<OrSet<u64>>::with_key([0; 16]));
        let state: &mut State = &mut typed;
        for id in [1, 2] {
            state.give(peer, id, &nothing, Now::default(), &config);
            state.save(&config);
        }
        assert_eq!(typed.doc().walks(), 2, "one to the peer and one to the store");
        let state: &mut State = &mut typed;
        assert!(state.stop_giving(peer).is_some());
        while let Saved::Piece(_) = state.next_saved(&config) {}
        assert_eq!(typed.doc().walks(), 0);
    }
}
