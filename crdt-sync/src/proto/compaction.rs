//! The older part of the log, in fewer bytes.

use crdt_core::clock::CausalContext;

use super::config::Config;
use super::document::Document;
use super::frame::group::{self, MAX_NUMBERS};
use super::log::{Group, Log, Position, Update};
use super::wire::{Reader, Writer};

/// When the log is compacted, and how.
///
/// The older half of a full log is made of groups: consecutive updates, joined to one and encoded once,
/// in which what was overwritten is gone, and what counters went through on their way. Where that saves
/// little, since every update brings something that stays, the log is left as it is, and only now and
/// then it is tried again.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// It is not tried before the log has lost what is older than this.
    not_before: Position,
    /// How often in a row it did not pay.
    failures: u32,
}

/// Bytes that are looked at in one go at most, and updates as many as make a group: it holds the node up
/// for less than a millisecond, and takes in what one frame may bring.
const MAX_BYTES: usize = 64 << 10;
/// Into which part of their room members have to fit. Less is not worth it: joining takes about a
/// microsecond for each, a third of what a node that passes it on takes for all else.
const LEAST_SAVING: usize = 3;
/// After so many failures the pauses grow no longer: one update of sixty-four is tried.
const MAX_FAILURES: u32 = 6;

impl Compaction {
    /// Whether the log is full, and for the most part as it came: what came last may be asked for one by
    /// one.
    pub(super) fn is_due(&self, log: &Log, config: &Config) -> bool {
        let full = log.bytes() > config.log_bytes && log.bytes_as_came() > config.log_bytes / 2;
        full && log.start_as_came() >= self.not_before
    }

    /// Puts groups in the place of the oldest updates before a position, where there are enough and it
    /// pays, until the log is no longer full. Returns how many updates are in these groups.
    pub(super) fn run(
        &mut self,
        log: &mut Log,
        before: Position,
        document: &dyn Document,
        config: &Config,
    ) -> u64 {
        let (mut joined, mut bytes) = (0, 0);
        while joined < MAX_NUMBERS && bytes < MAX_BYTES && self.is_due(log, config) {
            let before_step = log.bytes_as_came();
            let Some(group) = self.step(log, before, document, config) else { break };
            joined += group;
            bytes += before_step - log.bytes_as_came();
        }
        joined
    }

    fn step(
        &mut self,
        log: &mut Log,
        before: Position,
        document: &dyn Document,
        config: &Config,
    ) -> Option<u64> {
        let start = log.start_as_came();
        let members = if start < before { oldest(log, config.log_bytes / 4) } else { Vec::new() };
        let count = members.len();
        if count == 0 || start + count as u64 >= before {
            return None;
        }
        let group = match &members[..] {
            [single] => Some(alone(single)),
            _ => join(&members, document, config),
        };
        let Some(group) = group else {
            self.not_before = start + ((count as u64) << self.failures);
            self.failures = MAX_FAILURES.min(self.failures + 1);
            return None;
        };
        self.failures = 0;
        let joined = group.numbers.len();
        log.replace(count, group);
        Some(joined)
    }
}

/// The oldest updates that are as they came: as many as go into one group and one step, or one that is
/// so large that others would save nothing beside it.
fn oldest(log: &Log, most_bytes: usize) -> Vec<Update<'_>> {
    let (mut numbers, mut bytes, most_bytes) = (0, 0, most_bytes.min(MAX_BYTES));
    let mut follows_large = false;
    let fits = |update: &Update<'_>| {
        let (first, large) = (numbers == 0, update.cost() > most_bytes / 8);
        numbers += update.count();
        bytes += update.cost();
        let fits = numbers <= MAX_NUMBERS && bytes <= most_bytes && !large && !follows_large;
        follows_large |= large;
        first || fits
    };
    log.since(log.start_as_came()).take_while(fits).collect()
}

/// A group of one.
fn alone(update: &Update<'_>) -> Group {
    let mut numbers = CausalContext::default();
    update.add_to(&mut numbers);
    Group { numbers, bytes: update.bytes.into(), at: update.at, own: update.own }
}

/// One update with all that these bring and no more, if it saves enough and every node can take it.
fn join(members: &[Update<'_>], document: &dyn Document, config: &Config) -> Option<Group> {
    let deltas: Vec<&[u8]> = members.iter().map(|member| member.bytes).collect();
    let bytes = document.join(&deltas, &config.update_limits())?.into();
    let mut numbers = CausalContext::default();
    members.iter().for_each(|member| member.add_to(&mut numbers));
    let own = members.iter().all(|member| member.own);
    let group = Group { numbers, bytes, at: members.first()?.at, own };
    let cost: usize = members.iter().map(Update::cost).sum();
    let pays = group.as_update().cost() <= cost / LEAST_SAVING;
    (pays && is_takeable(&group, document, config)).then_some(group)
}

/// Whether it is within what all nodes agreed to take: the members are, and all of them together need not
/// be.
fn is_takeable(group: &Group, document: &dyn Document, config: &Config) -> bool {
    let mut body = Writer::default();
    group::write(&group.numbers, &group.bytes, &mut body);
    let checked = document.check(&group.bytes, &config.update_limits());
    group::decode(Reader::new(&body.finish()), config).is_ok() && checked.is_ok()
}
