//! The engine, as those hold it who know the type of its document.

use std::fmt;
use std::time::Duration;

use crdt_core::clock::CausalContext;
use crdt_core::codec::Wire;
use crdt_core::{Delta, Doc, Dot, Observed};

use super::config::Config;
use super::document::Typed;
use super::error::{ConfigError, PeerError, RecoverError, TryUpdateError, UpdateError};
use super::event::Event;
use super::id::PeerId;
use super::machine::Machine;
use super::persist::{Batch, Stored};
use super::status::Status;
use super::time::Now;
use super::token::{Token, Written};

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
/// nothing or the stream takes no more, and poll `poll_datagram`; then ask `poll_timeout` when to come
/// back. A stream that takes no more is polled again when it does, with no input in between. Nothing is
/// queued for a slow peer: what it is sent is worked out when its stream can take it.
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
    machine: Machine<Typed<T>>,
}

impl<T: Wire> fmt::Debug for Engine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { cluster, name, .. } = self.config();
        f.debug_struct("Engine").field("cluster", cluster).field("name", name).finish_non_exhaustive()
    }
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
        Ok(Self { machine: Machine::new(config, seed, now)? })
    }

    /// A node that goes on from what its store holds, and writes to that store from now on.
    ///
    /// What the store holds is applied and durable; whatever else this node ever had, its own writes
    /// included, peers give back. Its first write takes a new replica id, so a store that is older
    /// than the last start, or a copy of another's, does no harm.
    ///
    /// # Errors
    ///
    /// The configuration cannot work, or what the store holds is not of this cluster, this type or
    /// any known version, or damaged. Nothing was changed.
    ///
    /// ```
    /// use crdt_core::OrSet;
    /// use crdt_sync::proto::{Config, Engine, Now, Stored};
    ///
    /// let (config, now, mut disk) = (Config::new("shop"), Now::default(), Stored::default());
    /// let mut engine = Engine::<OrSet<String>>::recover(config.clone(), [1; 32], now, &disk)?;
    /// let written = engine.update(now, |set| set.insert("book".to_owned()))?;
    /// assert!(!engine.covers_durably(&written.token));
    ///
    /// // A driver writes the batch to disk, and says so.
    /// let batch = engine.poll_persist().expect("there is something to write");
    /// disk.apply(&batch);
    /// engine.persisted(now);
    /// assert!(engine.covers_durably(&written.token));
    ///
    /// let again = Engine::<OrSet<String>>::recover(config, [2; 32], now, &disk)?;
    /// assert!(again.doc().contains("book"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recover(config: Config, seed: [u8; 32], now: Now, stored: &Stored) -> Result<Self, RecoverError> {
        let mut machine = Machine::new(config, seed, now)?;
        machine.any_mut().recover(now, stored)?;
        Ok(Self { machine })
    }
}

/// Inputs: what happened.
impl<T: Wire> Engine<T> {
    /// The link to `peer` is up, and `name` is whom both sides' certificates vouch for.
    ///
    /// Beyond [`Config::max_peers`](crate::proto::Config::max_peers) the connection is refused
    /// through [`poll_refused`](Self::poll_refused).
    pub fn connected(&mut self, peer: PeerId, name: &str, now: Now) {
        self.machine.any_mut().connected(peer, name, now);
    }

    /// The link to `peer` is gone. What was on its way is lost, and so is what this node believed
    /// of the peer.
    pub fn disconnected(&mut self, peer: PeerId, now: Now) {
        self.machine.any_mut().disconnected(peer, now);
    }

    /// A whole frame arrived on the ordered stream of `peer`.
    ///
    /// # Errors
    ///
    /// Says what the peer did and who has to change something. The driver closes this connection,
    /// and only this. Updates before the one that is refused stay applied.
    pub fn handle_frame(&mut self, peer: PeerId, frame: &[u8], now: Now) -> Result<(), PeerError> {
        self.machine.any_mut().handle_frame(peer, frame, now)
    }

    /// A datagram arrived from `peer`.
    ///
    /// # Errors
    ///
    /// As [`handle_frame`](Self::handle_frame).
    pub fn handle_datagram(&mut self, peer: PeerId, datagram: &[u8], now: Now) -> Result<(), PeerError> {
        self.machine.any_mut().handle_datagram(peer, datagram, now)
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come. Calling it early or late
    /// does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.machine.any_mut().handle_timeout(now);
    }

    /// Edits the document and numbers what changed, to be sent to every node.
    ///
    /// It never waits for a peer. All changes of one closure travel together and become visible
    /// together. A closure that changes nothing makes no update. If the closure panics, the document
    /// is as before.
    ///
    /// # Errors
    ///
    /// [`UpdateError`] if the nodes have not agreed to take so much at once, or this one is
    /// [frozen](Self::freeze); nothing was written.
    pub fn update<R>(
        &mut self,
        now: Now,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Result<Written<R>, UpdateError> {
        self.machine.update(now, None, edit)
    }

    /// Edits the document if the closure succeeds, like [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// The closure's error, or the engine's. Nothing was written.
    pub fn try_update<R, E>(
        &mut self,
        now: Now,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<Written<R>, TryUpdateError<E>> {
        self.machine.try_update(now, None, edit)
    }

    /// Edits the document as somebody saw it before, like
    /// [`Doc::update_observed`](crdt_core::Doc::update_observed): what has arrived since is neither
    /// seen nor taken away.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update).
    pub fn update_observed<R>(
        &mut self,
        now: Now,
        observed: &Observed,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Result<Written<R>, UpdateError> {
        self.machine.update(now, Some(observed), edit)
    }

    /// Edits the document as somebody saw it before, like [`update_observed`](Self::update_observed), if
    /// the closure succeeds.
    ///
    /// # Errors
    ///
    /// As [`try_update`](Self::try_update).
    pub fn try_update_observed<R, E>(
        &mut self,
        now: Now,
        observed: &Observed,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<Written<R>, TryUpdateError<E>> {
        self.machine.try_update(now, Some(observed), edit)
    }

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
        self.machine.any_mut().freeze(now);
    }

    /// Applies some of what is held, in the order in which it came and about
    /// [`Config::batch_bytes`](crate::proto::Config::batch_bytes) at once, so that readers need not
    /// wait for all of it. Returns whether more is left: the node is frozen until nothing is.
    pub fn thaw(&mut self, now: Now) -> bool {
        self.machine.any_mut().thaw(now)
    }

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
        self.machine.any_mut().leave(now);
    }

    /// The store is gone with the process: it is written to, and counts for nothing. Say so before
    /// the first connection, since peers are told in the hello.
    pub fn assume_volatile(&mut self) {
        self.machine.any_mut().assume_volatile();
    }

    /// The batch is in the store, and will be there after any crash: it counts for
    /// [`covers_durably`](Self::covers_durably), and peers are told.
    pub fn persisted(&mut self, now: Now) {
        self.machine.any_mut().persisted(now);
    }

    /// The batch may be in the store or not. It does not count, and the next batch brings what it
    /// held again. Nothing else is kept for the store: however long it fails, it costs no memory.
    pub fn persist_failed(&mut self, now: Now) {
        self.machine.any_mut().persist_failed(now);
    }
}

/// Outputs: what to do.
impl<T: Wire> Engine<T> {
    /// The next frame for the stream of `peer`, of about `budget` bytes, if there is one.
    ///
    /// Call it when the stream can take the frame: what is returned counts as sent. A frame may be
    /// larger than the budget if it cannot be divided, but never larger than
    /// [`Config::max_frame`](crate::proto::Config::max_frame). Small frames come first, then
    /// updates, then walks.
    pub fn poll_transmit(&mut self, peer: PeerId, budget: usize, now: Now) -> Option<Vec<u8>> {
        self.machine.any_mut().poll_transmit(peer, budget, now)
    }

    /// The connections for which there may be something to transmit, or a datagram: all others need
    /// not be polled after this input.
    pub fn ready(&mut self, now: Now) -> Vec<PeerId> {
        self.machine.any_mut().ready(now)
    }

    /// The next datagram for `peer`, if there is one.
    pub fn poll_datagram(&mut self, peer: PeerId, now: Now) -> Option<Vec<u8>> {
        self.machine.any_mut().poll_datagram(peer, now)
    }

    /// The next event, if there is one.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.machine.any_mut().poll_event()
    }

    /// A connection that the driver is to close for a reason that no call could return.
    #[must_use]
    pub fn poll_refused(&mut self) -> Option<(PeerId, PeerError)> {
        self.machine.any_mut().poll_refused()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), in the driver's monotonic time.
    ///
    /// It changes with every input. Nothing is due while there is no peer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.machine.any().poll_timeout()
    }

    /// What the store is to write next, whole or not at all; nothing while it is writing, and
    /// nothing if everything is there.
    ///
    /// Poll it after every input. What waits meanwhile goes together into the next batch. A snapshot
    /// of the whole document is asked for when a walk brought what the log never had, when the store
    /// fell behind the log, and when its records outgrow [`Config::store_log_bytes`]. It is the state
    /// as it was when the snapshot began, and goes out in pieces over as many batches as it takes,
    /// between which the node works on.
    #[must_use]
    pub fn poll_persist(&mut self) -> Option<Batch> {
        self.machine.any_mut().poll_persist()
    }

    /// Adds about [`Config::batch_bytes`] of a state to the batch that was polled last. Returns
    /// whether there is more that the batch has room for.
    ///
    /// A driver may leave it, write the batch, and get as much in the next one; but full batches save
    /// syncs of the disk. Let go of the engine between two calls, so that others get at it.
    pub fn extend_persist(&mut self, batch: &mut Batch) -> bool {
        self.machine.any_mut().extend_persist(batch)
    }
}

/// Queries, which change nothing.
impl<T: Wire> Engine<T> {
    /// The document. Read it by dereference.
    #[must_use]
    pub fn doc(&self) -> &Doc<T> {
        self.machine.doc()
    }

    /// The numbers of all updates applied here.
    #[must_use]
    pub fn vector(&self) -> &CausalContext {
        self.machine.any().vector()
    }

    /// What an update wrote, and the dots of what it took away, while the log holds it by itself: see
    /// [`Node::delta_of`](crate::Node::delta_of).
    #[must_use]
    pub fn delta_of(&self, update: Dot) -> Option<Delta<T>> {
        self.machine.delta_of(update)
    }

    /// The numbers of all updates that this node has: those applied, and those held while it is
    /// [frozen](Self::freeze).
    #[must_use]
    pub fn held(&self) -> &CausalContext {
        self.machine.any().held()
    }

    /// A hash of the state: equal for equal states of one cluster.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.machine.any().fingerprint()
    }

    /// Whether the document may show parts of updates that the vector does not contain: a walk is
    /// under way or was cut. Its fingerprint then says nothing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.machine.any().is_partial()
    }

    /// How long the driver is to leave this connection unread, because its peer sent more than
    /// [`Config::max_chatter`] that brought nothing. What the peer sends meanwhile waits in its streams.
    /// A driver that reads on does no harm; its peer is refused no later.
    #[must_use]
    pub fn pause(&self, peer: PeerId, now: Now) -> Option<Duration> {
        self.machine.any().pause(peer, now)
    }

    /// Covers everything applied here so far.
    #[must_use]
    pub fn token(&self) -> Token {
        self.machine.any().token()
    }

    /// Whether everything that the token stands for is applied here.
    #[must_use]
    pub fn covers(&self, token: &Token) -> bool {
        self.machine.any().covers(token)
    }

    /// The numbers of all updates that are in this node's store; nothing if it has none, or one that is gone
    /// with the process.
    #[must_use]
    pub fn durable(&self) -> Option<&CausalContext> {
        self.machine.any().durable()
    }

    /// Whether the store, if there is one, has everything that this node has.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.machine.any().is_stored()
    }

    /// Whether everything that the token stands for is in this node's store. Never, if it has none.
    #[must_use]
    pub fn covers_durably(&self, token: &Token) -> bool {
        self.machine.any().covers_durably(token)
    }

    /// How many *other* nodes have reported to have everything that the token stands for: in their
    /// stores, or in memory if they have none, as they said in their hello. A frozen peer counts with what
    /// it holds.
    ///
    /// Only live connections count, each name once: a node that is gone may have lost what it had.
    #[must_use]
    pub fn replicas_covering(&self, token: &Token) -> usize {
        self.machine.any().replicas_covering(token)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.machine.any().config()
    }

    /// A picture of the engine. It costs the updates that peers have not reported yet.
    #[must_use]
    pub fn status(&self) -> Status {
        self.machine.any().status()
    }

    /// Whether nothing keeps the node from stopping after [`leave`](Self::leave): it holds no rights, or
    /// no peer that is connected will take them.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.machine.any().has_left()
    }
}
