//! The machine that puts the parts together: the gossip protocol of one document on one node.
//!
//! What its methods mean stands at [`Engine`](super::Engine), which is the machine for who knows the type
//! of the document.

mod hold;
mod input;
mod links;
mod output;
mod persist;
mod query;
mod rights;
mod timers;
mod walks;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crdt_core::codec::Wire;
use crdt_core::{Delta, Doc, Dot};
use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};

use super::config::Config;
use super::document::{Document, Typed};
use super::error::{ConfigError, PeerError};
use super::event::{Event, Events};
use super::exchange::Exchange;
use super::id::PeerId;
use super::peer::Peer;
use super::persist::Disk;
use super::receiver::Receiver;
use super::rights::Rights;
use super::state::State;
use super::status::Counters;
use super::time::Now;

/// One node's part in the gossip. Of a document of one type, [`Typed`], it can be written; of any,
/// `dyn Document`, it is driven: that is nearly all of it, and is compiled once.
pub(crate) struct Machine<D: ?Sized = dyn Document> {
    config: Config,
    rng: ChaCha12Rng,
    /// Drawn at the start: a connection that leads back here is told by it.
    nonce: [u8; 16],
    /// Ordered, so that equal inputs give equal outputs.
    peers: BTreeMap<PeerId, Peer>,
    receiver: Receiver,
    /// How far the store is, if there is one.
    disk: Option<Disk>,
    exchange: Exchange,
    rights: Rights,
    /// When to report what was applied.
    report_at: Option<Duration>,
    events: Events,
    refused: VecDeque<(PeerId, PeerError)>,
    /// Room for the bytes of one update that came.
    unpacked: Vec<u8>,
    /// Room for the dots of its entries.
    brought: Vec<Dot>,
    counters: Counters,
    /// The latest time heard of.
    now: Duration,
    /// Last, so that the machine of a document of one type is one of any type, in place.
    state: State<D>,
}

impl<T: Wire> Machine<Typed<T>> {
    pub(crate) fn new(config: Config, seed: [u8; 32], now: Now) -> Result<Self, ConfigError> {
        let doc = Typed::with_key(fingerprint_key(&config.cluster));
        Self::of(doc, config, seed, now)
    }

    /// The machine, whatever its document.
    pub(crate) fn any(&self) -> &Machine {
        self
    }

    /// The machine, whatever its document.
    pub(crate) fn any_mut(&mut self) -> &mut Machine {
        self
    }

    pub(crate) fn doc(&self) -> &Doc<T> {
        self.state.doc().doc()
    }

    pub(crate) fn delta_of(&self, update: Dot) -> Option<Delta<T>> {
        let update = self.any().state.log().find(update)?;
        // What is in the log was decoded or checked before.
        Delta::decode(update.bytes, &self.config.update_limits()).ok()
    }
}

impl<D> Machine<D> {
    fn of(doc: D, config: Config, seed: [u8; 32], now: Now) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut rng = ChaCha12Rng::from_seed(seed);
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        Ok(Self {
            exchange: Exchange::new(&config, now.mono, &mut rng),
            config,
            rng,
            nonce,
            peers: BTreeMap::new(),
            receiver: Receiver::default(),
            disk: None,
            rights: Rights::default(),
            report_at: None,
            events: Events::default(),
            refused: VecDeque::new(),
            unpacked: Vec::new(),
            brought: Vec::new(),
            counters: Counters::default(),
            now: now.mono,
            state: State::new(doc),
        })
    }
}

impl Machine {
    fn tell(&mut self, event: Event) {
        if self.events.push(event, self.config.max_events) {
            self.counters.events_lost += 1;
        }
    }

    /// The document grew by numbers: peers are to be told, and the log may have to give way.
    fn grown(&mut self, now: Now) {
        self.exchange.changed(&self.config, now.mono, &mut self.rng);
        self.report_at.get_or_insert(now.mono.saturating_add(self.config.ack_delay));
        self.rights.grown = true;
        self.trim();
    }
}

/// Fingerprints compare within one cluster.
fn fingerprint_key(cluster: &str) -> [u8; 16] {
    use siphasher::sip128::{Hasher128, SipHasher24};
    use std::hash::Hasher;

    let mut hasher = SipHasher24::new();
    hasher.write(cluster.as_bytes());
    hasher.finish128().as_bytes()
}
