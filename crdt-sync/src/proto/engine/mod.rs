//! The machine that puts the parts together.

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

use crdt_core::Dot;
use crdt_core::codec::Wire;
use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};

use super::config::Config;
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

/// The gossip protocol of one document on one node, without I/O.
///
/// The engine opens no socket, starts no task, reads no clock and draws no randomness: frames, time
/// and one seed come in as arguments. The same seed and the same inputs give the same outputs, byte
/// for byte.
///
/// # Kinds of methods
///
/// - *Inputs* say what happened: [`connected`](Self::connected),
///   [`disconnected`](Self::disconnected), [`handle_frame`](Self::handle_frame),
///   [`handle_datagram`](Self::handle_datagram), [`handle_timeout`](Self::handle_timeout),
///   [`update`](Self::update) and [`try_update`](Self::try_update), [`freeze`](Self::freeze) and
///   [`thaw`](Self::thaw), [`leave`](Self::leave); with a store, also
///   [`persisted`](Self::persisted) and [`persist_failed`](Self::persist_failed).
/// - *Outputs* say what to do: [`poll_transmit`](Self::poll_transmit) and
///   [`poll_datagram`](Self::poll_datagram) for each peer that [`ready`](Self::ready) names,
///   [`poll_refused`](Self::poll_refused),
///   [`poll_event`](Self::poll_event), [`poll_timeout`](Self::poll_timeout); with a store, also
///   [`poll_persist`](Self::poll_persist). [`pause`](Self::pause) says whom not to read for a while.
/// - *Queries* change nothing: [`doc`](Self::doc), [`vector`](Self::vector),
///   [`covers`](Self::covers), [`replicas_covering`](Self::replicas_covering),
///   [`status`](Self::status), ….
///
/// # Order
///
/// After every input, in this order: poll `poll_refused` and close those connections; poll
/// `poll_event`; for each connection, or those that are `ready`, poll `poll_transmit` until it returns
/// nothing or the stream takes no more, and poll `poll_datagram`; then ask `poll_timeout` when to come back. A stream that
/// takes no more is polled again when it does, with no input in between. Nothing is queued for a
/// slow peer: what it is sent is worked out when its stream can take it.
///
/// A frame travels whole, in order and once, on the stream of its connection. (If it does not, the
/// nodes still converge; the periodic exchange finds what is missing.) A datagram may be lost,
/// doubled and late. When an input returns an error, the driver closes that connection; when a
/// connection is gone, for whatever reason, it calls `disconnected`. A [`PeerId`] is never used
/// twice.
///
/// # Time
///
/// [`Now::mono`] must not go back from one call to the next. Timers never fire by themselves, and
/// one that is late delays, nothing more.
///
/// # Example
///
/// Two engines, wired by hand.
///
/// ```
/// use crdt_core::OrSet;
/// use crdt_sync::proto::{Config, Engine, Now, PeerId};
///
/// let now = Now::default();
/// let mut tokyo = Engine::<OrSet<String>>::new(Config::new("shop"), [1; 32], now)?;
/// let mut london = Engine::<OrSet<String>>::new(Config::new("shop"), [2; 32], now)?;
/// let link = PeerId(0); // each engine has names of its own for its connections
/// tokyo.connected(link, "london", now);
/// london.connected(link, "tokyo", now);
///
/// let written = tokyo.update(now, |set| set.insert("book".to_owned()))?;
/// loop {
///     let to_london = tokyo.poll_transmit(link, 1_200, now);
///     let to_tokyo = london.poll_transmit(link, 1_200, now);
///     if to_london.is_none() && to_tokyo.is_none() {
///         break;
///     }
///     if let Some(frame) = to_london {
///         london.handle_frame(link, &frame, now)?;
///     }
///     if let Some(frame) = to_tokyo {
///         tokyo.handle_frame(link, &frame, now)?;
///     }
/// }
/// assert!(london.doc().contains("book"));
/// assert!(london.covers(&written.token));
/// assert_eq!(tokyo.fingerprint(), london.fingerprint());
///
/// // London reports what it has applied a moment later, when more may have come together.
/// let later = now.after(tokyo.poll_timeout().expect("peers are compared from time to time"));
/// london.handle_timeout(later);
/// let report = london.poll_transmit(link, 1_200, later).expect("what was applied");
/// tokyo.handle_frame(link, &report, later)?;
/// assert_eq!(tokyo.replicas_covering(&written.token), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine<T: Wire> {
    config: Config,
    rng: ChaCha12Rng,
    /// Drawn at the start: a connection that leads back here is told by it.
    nonce: [u8; 16],
    state: State<T>,
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
}

impl<T: Wire> Engine<T> {
    /// A node that has written nothing yet, and keeps nothing over a restart.
    ///
    /// All randomness comes from `seed`: replica ids, jitter, the choice of partners. It must be
    /// fresh at every start, since a replica id that is used twice loses writes.
    ///
    /// # Errors
    ///
    /// Names the field of `config` that cannot work.
    pub fn new(config: Config, seed: [u8; 32], now: Now) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut rng = ChaCha12Rng::from_seed(seed);
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        Ok(Self {
            exchange: Exchange::new(&config, now.mono, &mut rng),
            state: State::new(fingerprint_key(&config.cluster)),
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
        })
    }

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
