//! What users hold.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crdt_core::{Delta, Doc, Dot, Observed};

use super::Replicated;
use super::builder::Builder;
use super::error::{NodeError, TryError, WaitError};
use super::hub::{Engine, Hub};
use super::subscribe::Subscription;
use super::user::Inside;
use crate::proto::{Machine, Now, Token, Typed, Written};

/// A running node: a document that is the same on every node of the cluster.
///
/// A handle: clones are the same node, and it stops when the last one is dropped. Its port and the file
/// of its store are then free a moment later: to use them again, or to leave with nothing unsent, await
/// [`shutdown`](Node::shutdown) first. Reads and writes are synchronous, wait for no peer, and work
/// offline. A write is visible to every later read on this node; it is safe when other nodes have it,
/// see [`replicated`](Node::replicated).
///
/// ```no_run
/// use crdt_core::OrSet;
/// use crdt_sync::{Identity, Node};
///
/// # async fn run(identity: Identity) -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::<OrSet<String>>::builder()
///     .listen("0.0.0.0:4433".parse()?)
///     .identity(identity)
///     .peers(["london.example.org:4433"])
///     .start()
///     .await?;
/// node.update(|cart| cart.insert("apple".to_owned()))?;
/// assert!(node.read(|cart| cart.contains("apple"))?);
/// # Ok(())
/// # }
/// ```
pub struct Node<T: Replicated> {
    inner: Arc<Inner<T>>,
}

/// Stops the node when the last handle is gone.
struct Inner<T: Replicated> {
    hub: Arc<Hub>,
    /// The engine that the hub has too, for who knows the type of the document.
    engine: Arc<Engine<Typed<T>>>,
}

impl<T: Replicated> Clone for Node<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T: Replicated> fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the engine: whoever prints may be within an `update`.
        let mut node = f.debug_struct("Node");
        node.field("name", &self.name()).field("address", &self.local_addr()).finish_non_exhaustive()
    }
}

impl<T: Replicated> Drop for Inner<T> {
    fn drop(&mut self) {
        self.hub.end("dropped");
    }
}

impl<T: Replicated> Node<T> {
    pub(super) fn new(hub: Arc<Hub>, engine: Arc<Engine<Typed<T>>>) -> Self {
        Self { inner: Arc::new(Inner { hub, engine }) }
    }

    /// What a node needs to start.
    pub fn builder() -> Builder<T> {
        Builder::default()
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.inner.hub
    }

    /// Edits the document; every node will see what changed.
    ///
    /// All changes of one closure become visible together, here at once and elsewhere when they
    /// arrive. If the closure panics, nothing was written. What it returns is the
    /// [`value`](crate::Written::value) of what this returns, an error too, beside which all that it changed
    /// is written: a closure that can fail is for [`try_update`](Node::try_update).
    ///
    /// # Errors
    /// When the update is larger than the nodes agreed to take, or the node is frozen or was shut down,
    /// or the call comes from within the node's own `update` or `read`. Nothing was written.
    #[doc(alias("transact", "write"))]
    pub fn update<R>(&self, edit: impl FnOnce(T::Editor<'_>) -> R) -> Result<Written<R>, NodeError> {
        self.write(|engine, now| engine.update(now, None, edit))?.map_err(NodeError::Update)
    }

    /// Edits the document if the closure succeeds.
    ///
    /// ```
    /// use crdt_core::{BoundedCounter, InsufficientRights, OrMap};
    /// use crdt_sync::{Node, TryError, certs::Ca};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let identity = Ca::generate("shop")?.issue("tokyo")?;
    /// let node = Node::<OrMap<String, BoundedCounter>>::builder().listen("127.0.0.1:0".parse()?);
    /// let node = node.identity(identity).start().await?;
    /// node.update(|stock| stock.entry("pens").add(5))?;
    ///
    /// let refused = node.try_update(|stock| {
    ///     stock.entry("ink").add(1);
    ///     stock.entry("pens").sub(6)
    /// });
    /// assert_eq!(refused.unwrap_err(), TryError::Closure(InsufficientRights { asked: 6, held: 5 }));
    /// assert!(!node.read(|stock| stock.contains_key("ink"))?, "all of it or nothing");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A node that lacks rights of a [`BoundedCounter`](crdt_core::BoundedCounter) asks its peers for some:
    /// who can wait tries again whenever the document has [changed](Subscription::changed).
    ///
    /// # Errors
    /// The closure's error, or the node's as in [`update`](Node::update). Nothing was written.
    pub fn try_update<R, E>(
        &self,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<Written<R>, TryError<E>> {
        Ok(self.write(|engine, now| engine.try_update(now, None, edit))??)
    }

    /// Edits the document as somebody saw it before: what has arrived since is neither seen nor taken
    /// away.
    ///
    /// For screens that have become stale: take [`Doc::observe`] in the [`read`](Node::read) that fills
    /// the screen, and keep it with the form or the session. It is plain data and means the same at
    /// every node.
    ///
    /// # Errors
    /// As [`update`](Node::update).
    pub fn update_observed<R>(
        &self,
        observed: &Observed,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Result<Written<R>, NodeError> {
        self.write(|engine, now| engine.update(now, Some(observed), edit))?.map_err(NodeError::Update)
    }

    /// Edits the document as somebody saw it before, like [`update_observed`](Node::update_observed), if the
    /// closure succeeds.
    ///
    /// # Errors
    /// As [`try_update`](Node::try_update).
    pub fn try_update_observed<R, E>(
        &self,
        observed: &Observed,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<Written<R>, TryError<E>> {
        Ok(self.write(|engine, now| engine.try_update(now, Some(observed), edit))??)
    }

    /// Stops the document where it is, until [`thaw`](Node::thaw): for a copy, a migration, an
    /// inspection.
    ///
    /// Reads go on; writes are refused with [`UpdateError::Frozen`](crate::proto::UpdateError::Frozen).
    /// What peers send is held: kept, stored, passed on to other peers, and counted as had by
    /// [`replicated`](Node::replicated) and [`durable`](Node::durable), but not shown, so that
    /// [`wait_for`](Node::wait_for) waits. [`status`](Node::status) says how much it is. What is more
    /// than [`Config::held_bytes`](crate::proto::Config::held_bytes) is not kept, and comes again later.
    /// It is not remembered over a restart; see [`Builder::frozen`].
    ///
    /// A frozen node neither asks for rights of a [`BoundedCounter`](crdt_core::BoundedCounter) nor gives
    /// any: thaw it before [`shutdown`](Node::shutdown), so that those that it holds are not lost.
    ///
    /// ```
    /// use crdt_core::OrSet;
    /// use crdt_sync::{Node, certs::Ca};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let node = Node::<OrSet<String>>::builder()
    ///     .listen("127.0.0.1:0".parse()?)
    ///     .identity(Ca::generate("shop")?.issue("tokyo")?);
    /// let node = node.start().await?;
    /// node.freeze()?;
    /// assert!(node.status()?.engine.frozen);
    /// assert!(node.update(|set| set.insert("apple".to_owned())).is_err());
    /// node.thaw().await?;
    /// assert!(node.update(|set| set.insert("apple".to_owned())).is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the node was shut down, or the call comes from within the node's own `update` or `read`.
    #[doc(alias("pause", "read-only"))]
    pub fn freeze(&self) -> Result<(), NodeError> {
        self.write(|engine, now| engine.any_mut().freeze(now))?;
        tracing::info!(node = %self.name(), "frozen");
        Ok(())
    }

    /// Applies everything that was held, in the order in which it came, and takes writes again.
    ///
    /// Readers and other tasks get their turn meanwhile. A future that is dropped before it is done
    /// leaves the node frozen, with less to apply.
    ///
    /// # Errors
    /// When the node was shut down, or the call comes from within the node's own `update` or `read`.
    pub async fn thaw(&self) -> Result<(), NodeError> {
        while self.write(|engine, now| engine.any_mut().thaw(now))? {
            tokio::task::yield_now().await;
        }
        tracing::info!(node = %self.name(), "thawed");
        Ok(())
    }

    /// The lock is given back without regard to who waits, unlike by links: users write on while others
    /// wake up.
    fn write<R>(&self, write: impl FnOnce(&mut Machine<Typed<T>>, Now) -> R) -> Result<R, NodeError> {
        let hub = self.hub();
        let _inside = Inside::enter(hub)?;
        if hub.is_stopping() {
            return Err(NodeError::Stopped);
        }
        hub.visited();
        let mut engine = self.inner.engine.write();
        let now = hub.now();
        let result = write(&mut engine, now);
        let wanted = hub.wanted(engine.any_mut(), now);
        drop(engine);
        hub.fulfil(&wanted);
        Ok(result)
    }

    fn engine<R>(&self, read: impl FnOnce(&Machine<Typed<T>>) -> R) -> Result<R, NodeError> {
        let _inside = Inside::enter(self.hub())?;
        self.hub().visited();
        Ok(read(&self.inner.engine.read()))
    }

    /// Reads the document. The closure should be short: writes wait for it.
    ///
    /// A closure that asks another node of the same process holds this one meanwhile: where two threads do
    /// so in opposite order, each may wait for the other for ever.
    ///
    /// # Errors
    /// When the call comes from within the node's own `update` or `read`.
    pub fn read<R>(&self, read: impl FnOnce(&Doc<T>) -> R) -> Result<R, NodeError> {
        self.engine(|engine| read(engine.doc()))
    }

    /// What an update changed, for whoever follows [`Event::Applied`](crate::proto::Event::Applied):
    /// its entries, each with its path, and the dots of those that it took away.
    ///
    /// It is there as long as the log holds the update by itself, which for one that was just applied it
    /// does, unless it came joined with others to a node that was away for long, and for one that waits
    /// while the node is [frozen](Node::freeze) as well. Otherwise, and after a walk, read the document. A
    /// removal names writes by their dots: who needs
    /// to know what they were keeps them from when they came.
    ///
    /// ```
    /// # use crdt_core::LwwMap;
    /// use crdt_sync::{Event, Node, Notice, certs::Ca};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let identity = Ca::generate("shop")?.issue("tokyo")?;
    /// let node = Node::<LwwMap<String, u8>>::builder().listen("127.0.0.1:0".parse()?);
    /// let node = node.identity(identity).start().await?;
    /// let mut changes = node.subscribe();
    /// node.update(|settings| settings.insert("volume".to_owned(), 11))?;
    ///
    /// if let Some(Notice::Event(Event::Applied { update, .. })) = changes.next().await {
    ///     let delta = node.delta_of(update)?.expect("it was just written");
    ///     let (_, (key, written)) = &delta.entries()[0];
    ///     assert_eq!((key.as_str(), written.value), ("volume", Some(11)));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the call comes from within the node's own `update` or `read`.
    pub fn delta_of(&self, update: Dot) -> Result<Option<Delta<T>>, NodeError> {
        self.engine(|engine| engine.delta_of(update))
    }

    /// Covers everything that this node has applied so far: hand it to who must read at least as
    /// much elsewhere.
    ///
    /// # Errors
    /// When the call comes from within the node's own `update` or `read`.
    pub fn token(&self) -> Result<Token, NodeError> {
        self.hub().ask(Machine::token)
    }

    /// A hash of the document: equal on nodes that show the same.
    ///
    /// # Errors
    /// When the call comes from within the node's own `update` or `read`.
    pub fn fingerprint(&self) -> Result<u128, NodeError> {
        self.hub().ask(Machine::fingerprint)
    }

    /// Waits until this node shows everything that the token stands for.
    ///
    /// # Errors
    /// [`WaitError::Timeout`], which says how much is missing.
    #[doc(alias("read your writes", "causal"))]
    pub async fn wait_for(&self, token: &Token, limit: Duration) -> Result<(), WaitError> {
        self.hub().wait_for(token, limit).await
    }

    /// Waits until everything that the token stands for is in this node's store: it outlives a crash
    /// of the process and of the machine, and the node starts again with it.
    ///
    /// ```
    /// # #[cfg(feature = "redb")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use crdt_core::OrSet;
    /// use crdt_sync::{Node, certs::Ca, store::RedbStore};
    /// use std::time::Duration;
    ///
    /// # let path = std::env::temp_dir().join(format!("crdt-sync-durable-{}.redb", std::process::id()));
    /// let (ca, any) = (Ca::generate("shop")?, "127.0.0.1:0".parse()?);
    /// let start = async || -> Result<_, Box<dyn std::error::Error>> {
    ///     let node = Node::<OrSet<String>>::builder().listen(any).identity(ca.issue("tokyo")?);
    ///     Ok(node.store(RedbStore::open(&path)?).start().await?)
    /// };
    /// let tokyo = start().await?;
    /// let written = tokyo.update(|cart| cart.insert("apple".to_owned()))?;
    /// tokyo.durable(&written.token, Duration::from_secs(10)).await?;
    /// tokyo.shutdown().await;
    ///
    /// let tokyo = start().await?;
    /// assert!(tokyo.read(|cart| cart.contains("apple"))?);
    /// # drop(tokyo);
    /// # std::fs::remove_file(path).ok();
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "redb"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`WaitError::Volatile`] at once if the node has no such store; [`WaitError::NotDurable`], which
    /// says whether the store works. The data stays, and is written when the store can.
    #[doc(alias("fsync", "flush"))]
    pub async fn durable(&self, token: &Token, limit: Duration) -> Result<(), WaitError> {
        self.hub().durable(token, limit).await
    }

    /// Waits until `count` *other* nodes have reported to have everything that the token stands for:
    /// in their stores, or in memory if they have none. Then the write outlives this node.
    ///
    /// # Errors
    /// [`WaitError::NotReplicated`], which says how many have, and how many are linked at all. The data
    /// stays and goes on spreading.
    #[doc(alias("quorum", "acknowledged"))]
    pub async fn replicated(&self, token: &Token, count: usize, limit: Duration) -> Result<(), WaitError> {
        self.hub().replicated(token, count, limit).await
    }

    /// The node's events from now on: applied updates, peers that come and go, walks, drift,
    /// divergence, members that are refused. A subscriber that is slow loses events and is told.
    ///
    /// [`Subscription::changed`] is for who shows the document anew, [`delta_of`](Node::delta_of) for who
    /// follows it change by change.
    #[doc(alias("watch", "on_change"))]
    #[must_use]
    pub fn subscribe(&self) -> Subscription<T> {
        Subscription::new(self.hub())
    }

    /// The name of the node, from its certificate.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.hub().name
    }

    /// Where the node listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.hub().address()
    }

    /// Stops the node when every linked peer has reported to have applied everything that this node
    /// has, and its store has it too, or after
    /// [`NetConfig::drain_timeout`](crate::NetConfig::drain_timeout). Returns whether they all have.
    /// The rights of [`BoundedCounter`](crdt_core::BoundedCounter)s that it holds go to a linked peer
    /// first; without one, or when a node is dropped or crashes instead, nobody can use them any more.
    /// Writes are refused from here on; reads go on. The store is closed; the port is free when the
    /// last handle is gone, and QUIC no longer waits for a peer that does not answer, some three seconds.
    #[doc(alias("stop", "close"))]
    pub async fn shutdown(&self) -> bool {
        self.hub().shutdown().await
    }
}
