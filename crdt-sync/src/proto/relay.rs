//! Which updates of others a peer is sent at once, and which it may have from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crdt_core::ReplicaId;

use super::config::Config;
use super::log::{Position, Update};

/// What is held back from one peer.
///
/// In a full mesh everybody has an update from who wrote it, and passing it on is waste; on other
/// ways it is the only way. So updates of others wait until the peer had time to report them. One
/// that it has not reported by then is sent. If the peer does not say that it came twice, and the same
/// happens again, later ones of the origin go at once, until it says so. Then they wait longer than
/// before: its reports take that long.
///
/// Once is not enough, since everybody's reports are late when the machine is busy, and passing on
/// everything at once would keep it so.
#[derive(Debug)]
pub(super) struct Relay {
    /// Origins of which an update waited in vain, and when it was applied here.
    waited: BTreeMap<ReplicaId, Duration>,
    /// Those of which another did, after the peer had time to say that the first came twice.
    eager: BTreeSet<ReplicaId>,
    /// How long updates of other origins wait.
    hold: Duration,
    /// When the connection came up: what is older was not held back for it.
    since: Duration,
    /// Everything in the log between the peer's cursor and this is known to the peer or waits.
    pub(super) ahead: Position,
    /// It is time for what waits, and the peer has not been polled since.
    pub(super) woken: bool,
}

/// Origins remembered for one peer; those beyond wait.
const MAX_ORIGINS: usize = 1_024;

impl Relay {
    pub(super) fn new(now: Duration, config: &Config) -> Self {
        let (waited, eager) = (BTreeMap::new(), BTreeSet::new());
        Self { waited, eager, hold: config.relay_delay, since: now, ahead: 0, woken: false }
    }

    /// The log is looked through from the peer's cursor on again.
    pub(super) fn rewind(&mut self) {
        self.ahead = 0;
    }

    /// Whether an update that the peer lacks is to be sent now.
    pub(super) fn is_due(&self, update: &Update<'_>, now: Duration) -> bool {
        self.due(update).is_none_or(|due| due <= now)
    }

    /// Until when an update waits, if it does.
    pub(super) fn due(&self, update: &Update<'_>) -> Option<Duration> {
        let eager = update.group.is_none() && self.eager.contains(&update.number.replica);
        let waits = !update.own && !self.hold.is_zero() && !eager;
        waits.then(|| update.at.saturating_add(self.hold))
    }

    /// This one is on its way to the peer, which nobody else gave it in time. Of groups nothing is
    /// learned: nobody else has the same.
    pub(super) fn sent(&mut self, update: &Update<'_>) {
        if update.group.is_some() || update.at < self.since || self.due(update).is_none() {
            return;
        }
        let id = update.number.replica;
        match self.waited.get(&id) {
            Some(first) if update.at >= first.saturating_add(self.hold) => {
                self.eager.insert(id);
            }
            None if self.waited.len() < MAX_ORIGINS => {
                self.waited.insert(id, update.at);
            }
            Some(_) | None => {}
        }
    }

    /// The peer has the updates of these origins from elsewhere.
    pub(super) fn spare(&mut self, origins: &BTreeSet<ReplicaId>, config: &Config) {
        let before = self.waited.len();
        self.waited.retain(|id, _| !origins.contains(id));
        self.eager.retain(|id| !origins.contains(id));
        if self.waited.len() < before {
            // Beyond that the exchange is as fast.
            self.hold = (self.hold * 2).min(config.exchange_every.max(config.relay_delay));
        }
    }
}

#[cfg(test)]
mod tests {
    use crdt_core::Dot;

    use super::*;

    const DELAY: Duration = Duration::from_millis(50);

    fn origin(id: u128) -> ReplicaId {
        ReplicaId::from_u128(id)
    }

    fn update(id: u128, at: Duration) -> Update<'static> {
        Update { number: Dot::new(origin(id), 1), group: None, bytes: &[], at, own: false }
    }

    fn config() -> Config {
        let mut config = Config::new("c");
        config.relay_delay = DELAY;
        config
    }

    fn relay() -> Relay {
        Relay::new(Duration::ZERO, &config())
    }

    #[test]
    fn what_others_wrote_waits_and_what_this_node_wrote_does_not() {
        let (relay, mut update) = (relay(), update(1, DELAY));
        assert!(!relay.is_due(&update, DELAY));
        assert!(relay.is_due(&update, 2 * DELAY));
        update.own = true;
        assert!(relay.is_due(&update, DELAY));
    }

    #[test]
    fn an_origin_that_was_needed_twice_no_longer_waits_until_its_updates_come_twice() {
        let (mut relay, config) = (relay(), config());
        relay.sent(&update(1, Duration::ZERO));
        relay.sent(&update(1, DELAY / 2));
        assert!(!relay.is_due(&update(1, DELAY), DELAY), "the peer may be about to say so");
        relay.sent(&update(1, DELAY));
        assert!(relay.is_due(&update(1, DELAY), DELAY));
        assert!(!relay.is_due(&update(2, DELAY), DELAY), "another origin");
        relay.spare(&[origin(1), origin(2)].into(), &config);
        assert!(!relay.is_due(&update(1, DELAY), 2 * DELAY), "longer than before");
        assert!(relay.is_due(&update(1, DELAY), 3 * DELAY));
        relay.spare(&[origin(1)].into(), &config);
        assert!(relay.is_due(&update(1, DELAY), 3 * DELAY), "said twice, meant once");
    }

    #[test]
    fn what_was_there_before_the_connection_teaches_nothing() {
        let mut relay = Relay::new(2 * DELAY, &config());
        relay.sent(&update(1, DELAY));
        relay.sent(&update(1, 2 * DELAY));
        assert!(!relay.is_due(&update(1, 3 * DELAY), 3 * DELAY));
    }

    #[test]
    fn nothing_waits_where_nothing_is_to_be_held_back() {
        let mut config = config();
        config.relay_delay = Duration::ZERO;
        let mut relay = Relay::new(Duration::ZERO, &config);
        assert!(relay.is_due(&update(1, DELAY), DELAY));
        relay.spare(&[origin(1)].into(), &config);
        assert!(relay.is_due(&update(1, DELAY), DELAY));
    }
}
