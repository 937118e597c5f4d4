//! A node that is frozen: what comes is kept and passed on, and nothing is applied.

use super::Machine;
use crate::proto::event::WalkOutcome;
use crate::proto::id::PeerId;
use crate::proto::log::Update;
use crate::proto::time::Now;

impl Machine {
    pub(crate) fn freeze(&mut self, now: Now) {
        self.now = now.mono;
        self.stop_receiving(WalkOutcome::Cut, now);
        for peer in self.peers.values_mut() {
            (peer.waiting.request, peer.waiting.compared) = (None, None);
        }
        self.state.freeze();
    }

    pub(crate) fn thaw(&mut self, now: Now) -> bool {
        self.now = now.mono;
        if !self.state.is_frozen() {
            return false;
        }
        let mut left = self.config.batch_bytes;
        while left > 0
            && let Some(held) = self.state.stage_held(&self.config)
        {
            let (number, from) = (held.number, held.from);
            left = left.saturating_sub(held.cost);
            let news = self.will_apply(number, held.group.as_ref(), now);
            self.state.apply_held(&held);
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
