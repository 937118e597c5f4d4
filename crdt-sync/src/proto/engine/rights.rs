//! Rights of bounded counters: asked for, given, and handed over before the node leaves.

use std::collections::BTreeMap;

use crdt_core::ReplicaId;
use crdt_core::codec::{DecodeError, Reader, Wire, Writer};

use super::Engine;
use crate::proto::error::PeerError;
use crate::proto::frame::{MOVES_RIGHTS, TAKES_GROUPS};
use crate::proto::id::PeerId;
use crate::proto::peer::Peer;
use crate::proto::rights::{Levels, MAX_WANTS, Place, Want, gift, plan, transfer_bytes};
use crate::proto::time::Now;

impl<T: Wire> Engine<T> {
    /// Prepares for the end of this node: hands over all rights of bounded counters that it holds to a
    /// peer that stays, and from now on those that still come.
    ///
    /// Rights belong to the id of one start; what an id holds when its program ends is of no use to
    /// anybody any more. Call it before an orderly stop, and go on driving the engine until peers have
    /// what it wrote. It takes an ordinary update, or a few if there are many counters. Without a peer
    /// that can take them, the rights stay here until one comes. Does nothing for types without such
    /// counters, or where [`Config::move_rights`](crate::proto::Config::move_rights) is off.
    ///
    /// ```
    /// use crdt_core::BoundedCounter;
    /// use crdt_sync::sim::{Cluster, SimConfig};
    /// use std::time::Duration;
    ///
    /// let mut cluster = Cluster::<BoundedCounter>::new(SimConfig::quic(2), 7)?;
    /// cluster.write(0, |stock| stock.add(100))?;
    /// cluster.run_for(Duration::from_secs(5));
    ///
    /// // Where rights are lacking, they are there a moment later.
    /// assert!(cluster.write(1, |stock| stock.sub(60))?.value.is_err());
    /// cluster.run_for(Duration::from_secs(1));
    /// assert!(cluster.write(1, |stock| stock.sub(60))?.value.is_ok());
    ///
    /// cluster.leave(0); // calls this
    /// cluster.run_for(Duration::from_secs(1));
    /// cluster.crash(0);
    /// assert!(cluster.write(1, |stock| stock.sub(40))?.value.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leave(&mut self, now: Now) {
        self.now = now.mono;
        if self.moves_rights() {
            self.rights.leaving = true;
            self.announce();
            self.hand_over_rights(now);
        }
    }

    /// Whether nothing keeps the node from stopping after [`leave`](Self::leave): it holds no rights, or
    /// no peer that is connected will take them.
    #[must_use]
    pub fn has_left(&self) -> bool {
        let unnamed = |peer: &Peer| peer.is_live() && peer.share.agreed && peer.share.writer.is_none();
        !self.rights.leaving || !self.peers.values().any(unnamed) || !self.holds_rights()
    }

    fn holds_rights(&self) -> bool {
        let mut holds = false;
        if let Some(own) = self.state.replica() {
            self.state.doc().rights_of(own, &mut |_| holds = true);
        }
        holds
    }

    pub(super) fn moves_rights(&self) -> bool {
        T::HAS_RIGHTS && self.config.move_rights
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
impl<T: Wire> Engine<T> {
    /// A write of this node took rights at these places, or lacked so many.
    pub(super) fn drew(&mut self, drawn: Vec<(T::Entry, u64)>, now: Now) {
        if drawn.is_empty() || !self.moves_rights() || self.rights.leaving {
            return;
        }
        let places = drawn.iter().filter_map(|(at, lacking)| Some((self.place(at)?, *lacking)));
        // Scratches come in no particular order.
        let mut places: Vec<(Place, u64)> = places.collect();
        places.sort_unstable();
        places.into_iter().for_each(|(place, lacking)| self.rights.drew(place, lacking));
        self.ask_for_rights(now);
    }

    /// Where this entry leads, unless no update could take a transfer there.
    fn place(&self, at: &T::Entry) -> Option<Place> {
        let mut place = Writer::default();
        T::encode_entry(at, &mut place).ok()?;
        let place = place.into_bytes();
        (place.len() <= self.longest_place()).then_some(place)
    }

    /// An entry that leads to a place.
    fn entry_at(&self, place: &[u8]) -> Result<T::Entry, DecodeError> {
        let limits = self.config.update_limits();
        let mut from = Reader::new(place, &limits);
        let at = T::decode_entry(&mut from)?;
        from.finish().map(|()| at)
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
        let looked = looked.into_iter();
        let looked =
            looked.filter_map(|(place, lacking)| Some((self.entry_at(&place).ok()?, place, lacking)));
        let looked: Vec<(T::Entry, Place, u64)> = looked.collect();
        let holders = self.holders();
        let read = self.update(now, |editor| {
            looked.iter().map(|(at, _, lacking)| asked::<T>(&editor, at, (own, *lacking), &holders)).collect()
        });
        let asked: Vec<Vec<(PeerId, Levels)>> = read.map_or_else(|_| Vec::new(), |read| read.value);
        for ((_, place, lacking), asked) in looked.into_iter().zip(asked) {
            if lacking > 0 && !asked.is_empty() {
                self.rights.lacks(&place, now.mono, pause);
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
impl<T: Wire> Engine<T> {
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
            let undecodable =
                |error: DecodeError| PeerError::Undecodable { update: None, reason: error.to_string() };
            self.entry_at(place).map_err(undecodable)?;
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
            if keeps { None } else { Some((to, levels, self.entry_at(&place).ok()?)) }
        });
        let named: Vec<(ReplicaId, Levels, T::Entry)> = named.collect();
        self.transfer(now, |editor| {
            for (to, levels, at) in &named {
                T::rights(editor, at, &mut |rights| {
                    let holders = rights.holders();
                    rights.give(*to, gift(held(&holders, own), held(&holders, *to), *levels).into());
                });
            }
        });
    }

    /// Hands all rights over to whoever has been connected for longest and stays.
    fn hand_over_rights(&mut self, now: Now) {
        self.rights.grown = false;
        let heir = self.holders().into_iter().min_by_key(|(_, peer)| *peer);
        let (Some((heir, _)), Some(own)) = (heir, self.state.replica()) else { return };
        let mut places = Vec::new();
        let mut note = |at| places.extend(self.place(&at).map(|place| (at, place.len())));
        self.state.doc().rights_of(own, &mut note);
        let mut left = &places[..];
        while !left.is_empty() {
            let mut room = self.transfer_room();
            let fits = |(_, len): &&(T::Entry, usize)| {
                room = room.saturating_sub(transfer_bytes(*len));
                room > 0
            };
            let (fitting, rest) = left.split_at(left.iter().take_while(fits).count().max(1));
            left = rest;
            self.transfer(now, |editor| {
                for (at, _) in fitting {
                    T::rights(editor, at, &mut |rights| {
                        rights.give(heir, u128::MAX);
                    });
                }
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
    fn transfer(&mut self, now: Now, edit: impl FnOnce(&T::Editor<'_>)) {
        let written = self.update(now, |editor| edit(&editor));
        if written.is_ok_and(|written| written.update.is_some()) {
            self.counters.rights_given += 1;
        }
    }
}

/// Whom to ask for rights at a place where this node, `own`, lacked so many.
fn asked<T: Wire>(
    editor: &T::Editor<'_>,
    at: &T::Entry,
    (own, lacking): (ReplicaId, u64),
    peers: &BTreeMap<ReplicaId, PeerId>,
) -> Vec<(PeerId, Levels)> {
    let mut asked = Vec::new();
    T::rights(editor, at, &mut |rights| {
        let holders = rights.holders();
        let others = peers.iter().map(|(writer, peer)| (*peer, held(&holders, *writer)));
        asked = plan(held(&holders, own), lacking, others.collect());
    });
    asked
}

/// What a replica holds, by the list of all that hold anything.
fn held(holders: &[(ReplicaId, u128)], of: ReplicaId) -> u128 {
    holders.binary_search_by_key(&of, |(id, _)| *id).map_or(0, |at| holders[at].1)
}
