//! Rights of bounded counters on their way to where they are used: who is asked, and who gives what.
//!
//! Rights move on demand. What a node subtracts is looked at: where it lacked rights, or holds less
//! than a quarter of a fair share afterwards, it asks those linked peers that hold most. A peer answers
//! with an ordinary update of ordinary transfers out of what it holds itself, so that no mistake or
//! race in here can spend a right twice. Where nobody subtracts nothing moves. What was refused is
//! remembered until enough is held: whenever a peer comes, it is asked for again.
//!
//! A request says how many rights its sender wants to *hold*. Whoever answers takes off what that one
//! holds already, its own earlier answers included: a request that comes again, while the answer to
//! the one before is still on its way, moves nothing again.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::id::PeerId;

/// How many places one frame asks for at most.
pub(super) const MAX_WANTS: usize = 256;

/// How many places wait to be looked at. One more that would is dropped: its next subtraction comes
/// again.
const MAX_DRAWN: usize = 1024;

/// A holder of less than a fair share divided by this is low.
const LOW: u128 = 4;

/// For how many pauses a place where this node lacked rights counts as one where it still does.
const LACKING_PAUSES: u32 = 16;

/// How many rights a node wants to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Levels {
    /// With fewer, something was refused.
    pub(super) needed: u64,
    /// To come by for a while.
    pub(super) wished: u64,
}

/// One line of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) levels: Levels,
    pub(super) place: Place,
}

/// A place in the document: the bytes of an entry that leads to the counter.
pub(super) type Place = Vec<u8>;

/// What is to be asked for and what is to be given.
///
/// Each happens once in a pause at most, in turn, and a limited number of places at a time.
#[derive(Debug, Default)]
pub(super) struct Rights {
    /// Where this node subtracted: to be looked at.
    drawn: BTreeMap<Place, Drawn>,
    /// How many were ever drawn: their order.
    turn: u64,
    ask_at: Duration,
    /// Where this node was refused, and has not held enough since.
    lacking: BTreeMap<Place, Lack>,
    /// What peers asked for and did not get yet.
    requests: BTreeMap<PeerId, VecDeque<(Levels, Place)>>,
    /// Who was served last.
    served: Option<PeerId>,
    give_at: Duration,
    /// The node hands over all it holds, and what still comes.
    pub(super) leaving: bool,
    /// The document grew since the last time that it was handed over.
    pub(super) grown: bool,
}

#[derive(Debug)]
struct Drawn {
    lacking: u64,
    turn: u64,
}

#[derive(Debug)]
struct Lack {
    /// What the node has to hold so that it is not refused again, since it was last looked at.
    needed: u128,
    /// Until when what it asked for may be on its way.
    until: Duration,
}

/// A place to look at.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) place: Place,
    lacking: u64,
    needed: u128,
}

impl Looked {
    /// How many rights it lacks there, of which it holds so many.
    pub(super) fn lacking(&self, held: u128) -> u64 {
        self.lacking.max(clamped(self.needed.saturating_sub(held)))
    }
}

impl Rights {
    /// This node took rights at a place, or lacked so many.
    pub(super) fn drew(&mut self, place: Place, lacking: u64) {
        if lacking == 0 {
            self.lacking.remove(&place);
        } else if let Some(lack) = self.lacking.get_mut(&place) {
            // An older refusal may have been of more.
            lack.needed = 0;
        }
        if let Some(drawn) = self.drawn.get_mut(&place) {
            drawn.lacking = lacking;
        } else {
            self.queue(place, lacking);
        }
    }

    /// Somebody has come who may hold what this node lacks. Who waits for that need not try again.
    pub(super) fn look_again(&mut self) {
        let waiting = self.lacking.keys().filter(|place| !self.drawn.contains_key(*place));
        let waiting: Vec<Place> = waiting.cloned().collect();
        waiting.into_iter().for_each(|place| self.queue(place, 0));
    }

    fn queue(&mut self, place: Place, lacking: u64) {
        if self.drawn.len() < MAX_DRAWN {
            self.turn += 1;
            self.drawn.insert(place, Drawn { lacking, turn: self.turn });
        }
    }

    /// The places to look at now: up to `most`, those that lacked some first, then in turn.
    pub(super) fn look(&mut self, most: usize, now: Duration, pause: Duration) -> Vec<Looked> {
        if now < self.ask_at || self.drawn.is_empty() {
            return Vec::new();
        }
        self.ask_at = now.saturating_add(pause);
        let turns = self.drawn.iter().map(|(place, drawn)| ((drawn.lacking == 0, drawn.turn), place));
        let mut turns: Vec<_> = turns.collect();
        turns.sort_unstable();
        let chosen: Vec<Place> = turns.into_iter().take(most).map(|(_, place)| place.clone()).collect();
        let taken = chosen.into_iter().filter_map(|place| {
            let Drawn { lacking, .. } = self.drawn.remove(&place)?;
            let needed = self.lacking.get(&place).map_or(0, |lack| lack.needed);
            Some(Looked { place, lacking, needed })
        });
        taken.collect()
    }

    /// This node lacks rights there until it holds `needed`. Where that is at more places than are kept,
    /// those give way of which nothing can be on its way any more.
    pub(super) fn lacks(&mut self, place: &[u8], needed: u128, now: Duration) {
        if let Some(lack) = self.lacking.get_mut(place) {
            lack.needed = needed;
            return;
        }
        if self.lacking.len() >= MAX_DRAWN {
            self.lacking.retain(|_, lack| lack.until > now);
        }
        if self.lacking.len() < MAX_DRAWN {
            self.lacking.insert(place.to_vec(), Lack { needed, until: now });
        }
    }

    /// This node asked for what it lacks there.
    pub(super) fn asked(&mut self, place: &[u8], now: Duration, pause: Duration) {
        if let Some(lack) = self.lacking.get_mut(place) {
            lack.until = now.saturating_add(pause * LACKING_PAUSES);
        }
    }

    /// This node holds enough there.
    pub(super) fn suffices(&mut self, place: &[u8]) {
        self.lacking.remove(place);
    }

    /// Whether what this node lacked there may be on its way.
    pub(super) fn is_lacking(&self, place: &[u8], now: Duration) -> bool {
        self.lacking.get(place).is_some_and(|lack| lack.until > now)
    }

    /// A peer asks. What it asked for at the same places before is out of date; of what is more than
    /// `room` in bytes, or [`MAX_WANTS`] places, nothing is kept.
    pub(super) fn requested(&mut self, peer: PeerId, wants: Vec<(Levels, Place)>, room: usize) {
        let queue = self.requests.entry(peer).or_default();
        for (levels, place) in wants {
            queue.retain(|(_, old)| *old != place);
            let taken: usize = queue.iter().map(|(_, old)| old.len()).sum();
            if queue.len() < MAX_WANTS && taken + place.len() <= room {
                queue.push_back((levels, place));
            }
        }
        self.requests.retain(|_, queue| !queue.is_empty());
    }

    /// The peer is gone.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.requests.remove(&peer);
    }

    /// The requests to answer now: up to `most`, of the peer after the one that was served last, then
    /// of the next, as long as there is `room` in bytes; one at least.
    pub(super) fn serve(
        &mut self,
        (most, room): (usize, usize),
        now: Duration,
        pause: Duration,
    ) -> Vec<(PeerId, Levels, Place)> {
        let mut served = Vec::new();
        if now < self.give_at || self.requests.is_empty() {
            return served;
        }
        self.give_at = now.saturating_add(pause);
        let mut left = room;
        while let Some(peer) = self.next_served() {
            let Some(requests) = self.requests.get_mut(&peer) else { break };
            let size = requests.front().map_or(0, |(_, place)| transfer_bytes(place.len()));
            if served.len() >= most || size > left && !served.is_empty() {
                break;
            }
            left = left.saturating_sub(size);
            served.extend(requests.pop_front().map(|(levels, place)| (peer, levels, place)));
            if requests.is_empty() {
                self.requests.remove(&peer);
            }
            self.served = Some(peer);
        }
        served
    }

    /// Whose turn it is. Each place is a turn, so that a long request holds up no short one.
    fn next_served(&self) -> Option<PeerId> {
        let after = |last: &PeerId| self.requests.keys().find(|peer| *peer > last);
        self.served.as_ref().and_then(after).or_else(|| self.requests.keys().next()).copied()
    }

    /// When there is something to look at or to give.
    pub(super) fn due(&self) -> Option<Duration> {
        let ask = (!self.drawn.is_empty()).then_some(self.ask_at);
        let give = (!self.requests.is_empty()).then_some(self.give_at);
        ask.into_iter().chain(give).min()
    }
}

/// The bytes that a transfer at a place takes in an update, at most: those of the place, a receiver, an
/// amount, and two dots.
pub(super) fn transfer_bytes(place: usize) -> usize {
    place + 96
}

/// Whom to ask for rights, and for which levels.
///
/// `mine` are those of this node, `lacking` what it was short of, and `others` what its peers hold.
/// What they do not hold together is not asked for: it would take theirs from them, and not help.
pub(super) fn plan(mine: u128, lacking: u64, mut others: Vec<(PeerId, u128)>) -> Vec<(PeerId, Levels)> {
    let theirs = others.iter().fold(0u128, |sum, (_, held)| sum.saturating_add(*held));
    let fair = mine.saturating_add(theirs) / (others.len() as u128 + 1);
    let is_low = lacking > 0 || mine.saturating_mul(LOW) < fair;
    let mut wished = if is_low { fair } else { 0 };
    let mut lacking = if u128::from(lacking) <= theirs { u128::from(lacking) } else { 0 };
    others.sort_unstable_by_key(|(peer, held)| (std::cmp::Reverse(*held), *peer));
    let mut asked = Vec::new();
    for (peer, held) in others {
        let part = lacking.min(held);
        let needed = mine.saturating_add(part);
        wished = wished.max(needed);
        if held == 0 || wished <= mine {
            break;
        }
        asked.push((peer, Levels { needed: clamped(needed), wished: clamped(wished) }));
        (lacking, wished) = (lacking - part, 0);
    }
    asked
}

/// How many rights to give to a peer that holds `theirs`, of `mine`.
///
/// What it needs it gets. What it only wishes takes half of what is here at most: two that wish for the
/// same rights do not pass them to and fro.
pub(super) fn gift(mine: u128, theirs: u128, levels: Levels) -> u64 {
    let needed = u128::from(levels.needed).saturating_sub(theirs).min(mine);
    let wished = u128::from(levels.wished).saturating_sub(theirs).min(mine / 2);
    clamped(needed.max(wished))
}

fn clamped(rights: u128) -> u64 {
    u64::try_from(rights).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(held: &[u128]) -> Vec<(PeerId, u128)> {
        (0..).map(PeerId).zip(held.iter().copied()).collect()
    }

    fn levels(needed: u64, wished: u64) -> Levels {
        Levels { needed, wished }
    }

    #[test]
    fn who_has_enough_asks_nobody() {
        assert_eq!(plan(25, 0, peers(&[100, 175])), []);
        assert_eq!(plan(24, 0, peers(&[100, 176])), [(PeerId(1), levels(24, 100))]);
        assert_eq!(plan(0, 0, peers(&[])), []);
        assert_eq!(plan(0, 5, peers(&[0, 0])), []);
    }

    #[test]
    fn what_is_needed_is_asked_of_those_who_hold_most() {
        assert_eq!(plan(0, 60, peers(&[100])), [(PeerId(0), levels(60, 60))]);
        assert_eq!(plan(33, 27, peers(&[33, 34])), [(PeerId(1), levels(60, 60))]);
        let both = [(PeerId(1), levels(50, 50)), (PeerId(0), levels(40, 40))];
        assert_eq!(plan(10, 70, peers(&[30, 40])), both);
        assert_eq!(plan(0, 1, peers(&[99, 3])), [(PeerId(0), levels(1, 34))]);
    }

    #[test]
    fn what_nobody_can_give_is_not_asked_for() {
        assert_eq!(plan(30, 71, peers(&[40, 30])), [(PeerId(0), levels(30, 33))]);
        assert_eq!(plan(0, u64::MAX, peers(&[1])), []);
    }

    #[test]
    fn who_needs_gets_all_and_who_wishes_half() {
        assert_eq!(gift(100, 0, levels(60, 60)), 60);
        assert_eq!(gift(50, 0, levels(60, 60)), 50);
        assert_eq!(gift(100, 0, levels(1, 80)), 50);
        assert_eq!(gift(100, 60, levels(60, 60)), 0, "it was given already");
        assert_eq!(gift(1, 0, levels(0, 1)), 0);
        assert_eq!(gift(u128::MAX, 0, levels(0, u64::MAX)), u64::MAX);
    }

    #[test]
    fn what_a_peer_asks_for_is_limited_and_the_last_word_counts() {
        let mut rights = Rights::default();
        let wants = |level| (0..4).map(|name| (levels(level, level), place(name))).collect::<Vec<_>>();
        rights.requested(PeerId(1), wants(1), 3);
        rights.requested(PeerId(1), wants(2), 3);
        let served = rights.serve((9, usize::MAX), Duration::ZERO, PAUSE);
        let served: Vec<_> = served.iter().map(|(_, levels, place)| (levels.needed, place[0])).collect();
        assert_eq!(served, [(2, 0), (2, 1), (2, 2)]);
        rights.requested(PeerId(1), wants(1), 0);
        assert_eq!(rights.due(), None);
        let many = (0..=MAX_WANTS).map(|name| (levels(1, 1), name.to_le_bytes().into()));
        rights.requested(PeerId(1), many.collect(), usize::MAX);
        assert_eq!(rights.serve((usize::MAX, usize::MAX), PAUSE, PAUSE).len(), MAX_WANTS);
    }

    fn place(name: u8) -> Place {
        vec![name]
    }

    fn names(looked: &[Looked]) -> Vec<u8> {
        looked.iter().map(|looked| looked.place[0]).collect()
    }

    const PAUSE: Duration = Duration::from_millis(100);

    #[test]
    fn places_that_lack_rights_go_first_and_the_others_in_turn() {
        let mut rights = Rights::default();
        for (name, lacking) in [(5, 0), (4, 0), (3, 7), (5, 0), (2, 1)] {
            rights.drew(place(name), lacking);
        }
        assert_eq!(names(&rights.look(3, Duration::ZERO, PAUSE)), [3, 2, 5]);
        assert_eq!(rights.due(), Some(PAUSE));
        assert_eq!(names(&rights.look(3, PAUSE / 2, PAUSE)), [0u8; 0], "a pause is a pause");
        rights.drew(place(5), 0);
        assert_eq!(names(&rights.look(3, PAUSE, PAUSE)), [4, 5]);
        assert_eq!(rights.due(), None);
    }

    #[test]
    fn what_waits_to_be_looked_at_is_limited() {
        let mut rights = Rights::default();
        for name in 0..2 * MAX_DRAWN {
            rights.drew(name.to_le_bytes().to_vec(), 1);
        }
        assert_eq!(rights.look(usize::MAX, Duration::ZERO, PAUSE).len(), MAX_DRAWN);
    }

    #[test]
    fn refusals_wait_for_those_who_come_and_the_newest_are_kept() {
        let mut rights = Rights::default();
        let name = |name: usize| name.to_le_bytes().to_vec();
        (0..MAX_DRAWN).for_each(|at| rights.lacks(&name(at), 9, Duration::ZERO));
        rights.asked(&name(7), Duration::ZERO, PAUSE);
        rights.lacks(&name(MAX_DRAWN), 9, Duration::ZERO);
        rights.look_again();
        let looked = rights.look(usize::MAX, Duration::ZERO, PAUSE);
        let mut places: Vec<&Place> = looked.iter().map(|looked| &looked.place).collect();
        places.sort_unstable();
        assert_eq!(places, [&name(MAX_DRAWN), &name(7)]);
        assert_eq!((looked[0].lacking(4), looked[0].lacking(10)), (5, 0));
        [7, MAX_DRAWN].iter().for_each(|at| rights.suffices(&name(*at)));
        rights.look_again();
        assert_eq!(rights.due(), None);
    }

    #[test]
    fn all_who_ask_are_served_in_turn_within_the_room() {
        let mut rights = Rights::default();
        let wants = |names: &[u8]| names.iter().map(|name| (levels(1, 1), place(*name))).collect();
        rights.requested(PeerId(1), wants(&[1, 2, 3]), 3);
        rights.requested(PeerId(2), wants(&[9]), 3);
        let mut serve = |room, now| {
            let served = rights.serve((2, room), now, PAUSE);
            served.into_iter().map(|(peer, _, place)| (peer.0, place[0])).collect::<Vec<_>>()
        };
        assert_eq!(serve(usize::MAX, Duration::ZERO), [(1, 1), (2, 9)]);
        assert_eq!(serve(usize::MAX, PAUSE / 2), [], "a pause is a pause");
        assert_eq!(serve(0, PAUSE), [(1, 2)], "one at least");
        assert_eq!(serve(usize::MAX, 2 * PAUSE), [(1, 3)]);
        assert_eq!(rights.due(), None);
    }
}
