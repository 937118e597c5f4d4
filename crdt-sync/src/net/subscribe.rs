//! Watching a node.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;

use super::Replicated;
use super::fault::LinkError;
use super::health::Health;
use super::hub::Hub;
use crate::proto::{Event, Machine, Token};

/// What a subscriber is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Something happened.
    Event(Event),
    /// A member is refused, or refuses this node: two live processes have one name, another node
    /// answers than was expected, or somebody breaks the protocol. Somebody should look; it is told
    /// again with each attempt. [`NodeStatus::peers`](crate::NodeStatus::peers) keeps the last one
    /// of each peer.
    Refused {
        /// The peer's name, from its certificate.
        name: String,
        /// Where it is.
        address: SocketAddr,
        /// What is wrong.
        error: LinkError,
    },
    /// The store began to fail, fails otherwise than before, or works again.
    Health(Health),
    /// The subscriber was slower than the node: older events are gone. Whoever rebuilds from events
    /// reads the document now; it shows at least what `resume` stands for, and every later event
    /// comes.
    Lagged {
        /// How many events are gone.
        missed: u64,
        /// What the node had applied when it said so.
        resume: Token,
    },
}

/// A bounded stream of a node's events, from [`Node::subscribe`](crate::Node::subscribe).
pub struct Subscription<T: Replicated> {
    notices: Receiver<Notice>,
    ended: watch::Receiver<bool>,
    hub: Weak<Hub>,
    value: PhantomData<fn() -> T>,
}

impl<T: Replicated> Subscription<T> {
    pub(super) fn new(hub: &Arc<Hub>) -> Self {
        Self { notices: hub.subscribe(), ended: hub.ended(), hub: Arc::downgrade(hub), value: PhantomData }
    }

    /// The next event, or nothing when the node was shut down or is gone.
    ///
    /// Safe to cancel: no event is lost.
    pub async fn next(&mut self) -> Option<Notice> {
        let told = tokio::select! {
            // What was told before the end is told.
            biased;
            told = self.notices.recv() => told,
            // Whoever follows a node may hold a handle of it, too.
            _ = self.ended.wait_for(|ended| *ended) => return None,
        };
        let missed = match told {
            // The engine had more to tell at once than it keeps.
            Ok(Notice::Event(Event::Lost { events })) => events,
            Ok(notice) => return Some(notice),
            Err(RecvError::Lagged(missed)) => missed,
            Err(RecvError::Closed) => return None,
        };
        let resume = self.hub.upgrade()?.read(Machine::token);
        Some(Notice::Lagged { missed, resume })
    }

    /// Waits until the document has changed, by whatever and how often it may be, since the subscription
    /// or since the last call; returns whether the node is still there. Whatever else was told until then
    /// is passed over.
    ///
    /// For who shows the document anew. Safe to cancel: a change that was not told is told next time.
    ///
    /// ```
    /// use crdt_core::OrSet;
    /// use crdt_sync::{Node, certs::Ca};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let identity = Ca::generate("shop")?.issue("tokyo")?;
    /// let node = Node::<OrSet<u32>>::builder().listen("127.0.0.1:0".parse()?);
    /// let node = node.identity(identity).start().await?;
    /// let mut changes = node.subscribe(); // before the first reading, so that nothing is missed
    /// let screen = tokio::spawn({
    ///     let node = node.clone();
    ///     async move {
    ///         while node.read(|set| set.len())? < 100 {
    ///             assert!(changes.changed().await);
    ///         }
    ///         Ok::<(), crdt_sync::NodeError>(())
    ///     }
    /// });
    /// for n in 0..100 {
    ///     node.update(|set| set.insert(n))?;
    /// }
    /// screen.await??;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn changed(&mut self) -> bool {
        loop {
            match self.next().await {
                None => return false,
                Some(notice) if notice.is_change() => break,
                Some(_) => {}
            }
        }
        while !matches!(self.notices.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
        true
    }
}

impl<T: Replicated> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.hub.upgrade().map(|hub| hub.name.clone());
        f.debug_struct("Subscription").field("node", &node).finish_non_exhaustive()
    }
}

impl Notice {
    /// Whether the document may show something else than before.
    fn is_change(&self) -> bool {
        matches!(self, Self::Event(Event::Applied { .. } | Event::WalkMerged { .. }) | Self::Lagged { .. })
    }
}
