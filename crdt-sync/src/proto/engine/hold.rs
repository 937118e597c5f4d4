//! A node that is frozen: what comes is kept and passed on, and nothing is applied.

use crdt_core::codec::Wire;

use super::Engine;
use crate::proto::event::WalkOutcome;
use crate::proto::id::PeerId;
use crate::proto::log::Update;
use crate::proto::time::Now;

impl<T: Wire> Engine<T> {
    /// Stops the document where it is, until [`thaw`](Self::thaw): for a copy, a migration, an
    /// inspection.
    ///
    /// Reads go on, and writes are refused with
    /// [`UpdateError::Frozen`](crate::proto::UpdateError::Frozen). What peers send is *held*: it is
    /// kept, goes to the store and on to other peers, and counts as had wherever nodes ask who has
    /// what, [`replicas_covering`](Self::replicas_covering) of its writer included. It is neither in
    /// the document nor in [`vector`](Self::vector), so [`covers`](Self::covers) says no. A walk that
    /// is being received is cut, and none is asked for; walks are given, of the document as it is.
    ///
    /// Beyond [`Config::held_bytes`](crate::proto::Config::held_bytes) nothing more is kept. No
    /// connection suffers, and peers bring it again when the node has thawed.
    ///
    /// Rights of bounded counters are neither asked for nor given meanwhile.
    ///
    /// A node that is started from its store has applied what it held: freezing is not remembered.
    ///
    /// ```
    /// use crdt_core::OrSet;
    /// use crdt_sync::proto::{Config, Engine, Now, UpdateError};
    ///
    /// let now = Now::default();
    /// let mut engine = Engine::<OrSet<u8>>::new(Config::new("shop"), [1; 32], now)?;
    /// engine.freeze(now);
    /// assert_eq!(engine.update(now, |set| set.insert(7)), Err(UpdateError::Frozen));
    /// while engine.thaw(now) {}
    /// assert!(engine.update(now, |set| set.insert(7)).is_ok());
    /// # Ok::<(), crdt_sync::proto::ConfigError>(())
    /// ```
    pub fn freeze(&mut self, now: Now) {
        self.now = now.mono;
        self.stop_receiving(WalkOutcome::Cut, now);
        for peer in self.peers.values_mut() {
            (peer.waiting.request, peer.waiting.compared) = (None, None);
        }
        self.state.freeze();
    }

    /// Applies some of what is held, in the order in which it came and about
    /// [`Config::batch_bytes`](crate::proto::Config::batch_bytes) at once, so that readers need not
    /// wait for all of it. Returns whether more is left: the node is frozen until nothing is.
    pub fn thaw(&mut self, now: Now) -> bool {
        self.now = now.mono;
        if !self.state.is_frozen() {
            return false;
        }
        let mut left = self.config.batch_bytes;
        while left > 0
            && let Some(held) = self.state.first_held(&self.config)
        {
            let (number, from) = (held.number, held.from);
            left = left.saturating_sub(held.cost);
            let news = self.will_apply(number, held.group.as_ref(), &held.delta, now);
            self.state.apply_held(held);
            self.has_applied(number, news.as_ref(), from);
        }
        self.grown(now);
        if !self.state.thaw() {
            return true;
        }
        // What was not kept is missing, and no peer knows.
        for peer in self.peers.values_mut().filter(|peer| peer.is_live()) {
            peer.waiting.digest.get_or_insert(false);
        }
        self.hand_on_rights(now);
        self.seek_walk(now);
        false
    }

    /// Keeps an update that cannot be applied now, if there is room.
    pub(super) fn hold(&mut self, update: Update<'_>, from: PeerId) {
        let news = update.group.map_or(1, |numbers| numbers.difference(self.state.held()).len());
        if self.state.hold(update, from, &self.config) {
            self.counters.held += news;
        } else {
            self.counters.not_held += news;
        }
    }
}
