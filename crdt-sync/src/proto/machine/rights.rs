//! Rights of bounded counters: asked for, given, and handed over before the node leaves.

use std::collections::BTreeMap;

use crdt_core::view::Rights;
use crdt_core::{Dot, ReplicaId};

use super::Machine;
use crate::proto::document::Drawn;
use crate::proto::error::{PeerError, UpdateError};
use crate::proto::frame::{MOVES_RIGHTS, TAKES_GROUPS};
use crate::proto::id::PeerId;
use crate::proto::peer::Peer;
use crate::proto::rights::{Levels, MAX_WANTS, Place, Want, gift, plan, transfer_bytes};
use crate::proto::time::Now;

impl Machine {
    pub(crate) fn leave(&mut self, now: Now) {
        self.now = now.mono;
        if self.moves_rights() {
            self.rights.leaving = true;
            self.announce();
            self.hand_over_rights(now);
        }
    }

    pub(crate) fn has_left(&self) -> bool {
        let unnamed = |peer: &Peer| peer.is_live() && peer.share.agreed && peer.share.writer.is_none();
        !self.rights.leaving || !self.peers.values().any(unnamed) || !self.holds_rights()
    }

    fn holds_rights(&self) -> bool {
        self.state.replica().is_some_and(|own| !self.state.doc().rights_of(own).is_empty())
    }

    pub(super) fn moves_rights(&self) -> bool {
        self.state.doc().has_rights() && self.config.move_rights
    }

    /// What this node can do, for its hello.
    pub(super) fn features(&self) -> u64 {
        TAKES_GROUPS | if self.moves_rights() { MOVES_RIGHTS } else { 0 }
    }

    /// The peer said in its hello what it can do. Who may be given rights needs a name, which it gets
    /// here if it has not written yet.
    pub(super) fn agree_on_rights(&mut self, id: PeerId, theirs: u64, now: Now) {
        if self.features() & theirs & MOVES_RIGHTS == 0 {
            return;
        }
        self.ready_writer(now);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.share.agreed = true;
            peer.waiting.writer = true;
        }
    }

    /// Tells peers the id of this start, and whether it goes on.
    pub(super) fn announce(&mut self) {
        let agreed = self.peers.values_mut().filter(|peer| peer.share.agreed);
        agreed.for_each(|peer| peer.waiting.writer = true);
    }

    /// A peer says under which id it writes now.
    pub(super) fn take_writer(
        &mut self,
        id: PeerId,
        (writer, leaving): (ReplicaId, bool),
    ) -> Result<(), PeerError> {
        let peer = self.peers.get_mut(&id).filter(|peer| peer.share.agreed);
        let peer = peer.ok_or(PeerError::Unexpected { frame: "writer" })?;
        (peer.share.writer, peer.share.leaving) = (Some(writer), leaving);
        self.rights.grown = true;
        self.rights.look_again();
        Ok(())
    }

    /// The ids of those who can give rights or take them, each with the first connection to it.
    fn holders(&self) -> BTreeMap<ReplicaId, PeerId> {
        let mut holders = BTreeMap::new();
        let own = self.state.replica();
        for (id, peer) in self.peers.iter().filter(|(_, peer)| peer.is_live() && !peer.share.leaving) {
            if let Some(writer) = peer.share.writer.filter(|writer| Some(*writer) != own) {
                holders.entry(writer).or_insert(*id);
            }
        }
        holders
    }
}

/// Asking.
impl Machine {
    /// A write of this node took rights at these places, or lacked so many.
    pub(super) fn drew(&mut self, mut drawn: Vec<Drawn>, now: Now) {
        if drawn.is_empty() || !self.moves_rights() || self.rights.leaving {
            return;
        }
        // Scratches come in no particular order.
        drawn.sort_unstable();
        let longest = self.longest_place();
        let drawn = drawn.into_iter().filter(|(place, _)| place.len() <= longest);
        drawn.for_each(|(place, lacking)| self.rights.drew(place, lacking));
        self.ask_for_rights(now);
    }

    /// With a longer place a transfer might not fit into an update.
    fn longest_place(&self) -> usize {
        self.config.max_update_bytes / 2
    }

    /// Looks at the places whose turn it is, and asks for rights where they run low.
    pub(super) fn ask_for_rights(&mut self, now: Now) {
        let (batch, pause) = (self.config.rights_batch, self.config.rights_pause);
        let looked = self.rights.look(batch, now.mono, pause);
        let Some(own) = self.state.replica().filter(|_| !looked.is_empty()) else { return };
        let (places, holders) = (looked.iter().map(|looked| &looked.place[..]).collect(), self.holders());
        let mut asked = Vec::new();
        // It changes nothing.
        let _ = self.edit_rights(places, now, &mut |at, rights| {
            let held = held(&rights.holders(), own);
            let lacking = looked[at].lacking(held);
            asked.push((at, (held, lacking), whom_to_ask(rights, (own, lacking), &holders)));
        });
        for (at, (held, lacking), asked) in asked {
            let place = &looked[at].place;
            if lacking == 0 {
                self.rights.suffices(place);
            } else {
                self.rights.lacks(place, held.saturating_add(lacking.into()), now.mono);
            }
            if !asked.is_empty() {
                self.rights.asked(place, now.mono, pause);
            }
            for (peer, levels) in asked {
                self.want(peer, Want { levels, place: place.clone() });
            }
        }
    }

    /// Puts a line on the next request to a peer. A peer so slow that there is no room is not asked.
    fn want(&mut self, peer: PeerId, want: Want) {
        let Some(peer) = self.peers.get_mut(&peer) else { return };
        peer.waiting.wants.retain(|other| other.place != want.place);
        if peer.waiting.wants.len() < MAX_WANTS {
            peer.waiting.wants.push(want);
            self.counters.rights_asked += 1;
        }
    }
}

/// Giving.
impl Machine {
    /// A peer asks for rights.
    pub(super) fn take_wants(
        &mut self,
        id: PeerId,
        wants: Vec<(Levels, &[u8])>,
        now: Now,
    ) -> Result<(), PeerError> {
        if self.peers.get(&id).is_none_or(|peer| !peer.share.agreed) {
            return Err(PeerError::Unexpected { frame: "want" });
        }
        let allowed = self.longest_place();
        for (_, place) in &wants {
            if place.len() > allowed {
                let (found, allowed) = (place.len() as u64, allowed as u64);
                return Err(PeerError::LimitExceeded { limit: "max_update_bytes", found, allowed });
            }
            let checked = self.state.doc().check_place(place, &self.config.update_limits());
            checked.map_err(|error| PeerError::undecodable(None, &error))?;
        }
        let wants = wants.into_iter().map(|(levels, place)| (levels, place.to_vec())).collect();
        self.rights.requested(id, wants, self.config.max_frame);
        self.give_rights(now);
        Ok(())
    }

    /// Answers those whose turn it is, all in one update.
    ///
    /// Of two that lack the same rights and ask each other, the one with the lower id gets them: they
    /// would swap them for ever.
    pub(super) fn give_rights(&mut self, now: Now) {
        let (most, room) = (self.config.rights_batch, self.transfer_room());
        let served = self.rights.serve((most, room), now.mono, self.config.rights_pause);
        let Some(own) = self.state.replica().filter(|_| !served.is_empty()) else { return };
        let named = served.into_iter().filter_map(|(peer, levels, place)| {
            let to = self.peers.get(&peer).filter(|peer| peer.is_live())?.share.writer?;
            let keeps = own < to && self.rights.is_lacking(&place, now.mono);
            if keeps { None } else { Some((to, levels, place)) }
        });
        let named: Vec<(ReplicaId, Levels, Place)> = named.collect();
        let places = named.iter().map(|(_, _, place)| &place[..]).collect();
        self.transfer(places, now, &mut |at, rights| {
            let ((to, levels, _), holders) = (&named[at], rights.holders());
            rights.give(*to, gift(held(&holders, own), held(&holders, *to), *levels).into());
        });
    }

    /// Hands all rights over to whoever has been connected for longest and stays.
    fn hand_over_rights(&mut self, now: Now) {
        self.rights.grown = false;
        let heir = self.holders().into_iter().min_by_key(|(_, peer)| *peer);
        let (Some((heir, _)), Some(own)) = (heir, self.state.replica()) else { return };
        let (mut places, longest) = (self.state.doc().rights_of(own), self.longest_place());
        places.retain(|place| place.len() <= longest);
        let mut left = &places[..];
        while !left.is_empty() {
            let mut room = self.transfer_room();
            let fits = |place: &&Place| {
                room = room.saturating_sub(transfer_bytes(place.len()));
                room > 0
            };
            let (fitting, rest) = left.split_at(left.iter().take_while(fits).count().max(1));
            left = rest;
            let fitting = fitting.iter().map(|place| &place[..]).collect();
            self.transfer(fitting, now, &mut |_, rights| {
                rights.give(heir, u128::MAX);
            });
        }
    }

    /// The document may hold rights that it did not when they were handed over.
    pub(super) fn hand_on_rights(&mut self, now: Now) {
        if self.rights.leaving && self.rights.grown {
            self.hand_over_rights(now);
        }
    }

    /// How many bytes of transfers an update takes.
    fn transfer_room(&self) -> usize {
        self.config.max_update_bytes - 128
    }

    /// An update that moves rights. What it writes has room, and what it leaves undone is asked for
    /// again.
    fn transfer(&mut self, places: Vec<&[u8]>, now: Now, give: EachRights<'_>) {
        if let Ok(Some(_)) = self.edit_rights(places, now, give) {
            self.counters.rights_given += 1;
        }
    }

    /// An edit of the rights at these places, of which `each` is told the index.
    fn edit_rights(
        &mut self,
        places: Vec<&[u8]>,
        now: Now,
        each: EachRights<'_>,
    ) -> Result<Option<Dot>, UpdateError> {
        self.begin_write(now)?;
        let (doc, writer) = self.state.writing();
        let drawn = doc.edit_rights(writer, &places, &self.config.update_limits(), each);
        self.finish_write(drawn, now)
    }
}

/// What is done with the rights at each of several places, of which it is told the index.
type EachRights<'a> = &'a mut dyn FnMut(usize, &dyn Rights);

/// Whom to ask for rights at a place where this node, `own`, lacked so many.
fn whom_to_ask(
    rights: &dyn Rights,
    (own, lacking): (ReplicaId, u64),
    peers: &BTreeMap<ReplicaId, PeerId>,
) -> Vec<(PeerId, Levels)> {
    let holders = rights.holders();
    let others = peers.iter().map(|(writer, peer)| (*peer, held(&holders, *writer)));
    plan(held(&holders, own), lacking, others.collect())
}

/// What a replica holds, by the list of all that hold anything.
fn held(holders: &[(ReplicaId, u128)], of: ReplicaId) -> u128 {
    holders.binary_search_by_key(&of, |(id, _)| *id).map_or(0, |at| holders[at].1)
}
