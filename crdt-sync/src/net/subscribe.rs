//! Watching a node.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::Replicated;
use super::fault::LinkError;
use super::health::Health;
use super::hub::Hub;
use crate::proto::{Event, Token};

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
    hub: Weak<Hub<T>>,
}

impl<T: Replicated> Subscription<T> {
    pub(super) fn new(hub: &Arc<Hub<T>>) -> Self {
        Self { notices: hub.subscribe(), hub: Arc::downgrade(hub) }
    }

    /// The next event, or nothing when the node is gone.
    ///
    /// Safe to cancel: no event is lost.
    pub async fn next(&mut self) -> Option<Notice> {
        let missed = match self.notices.recv().await {
            // The engine had more to tell at once than it keeps.
            Ok(Notice::Event(Event::Lost { events })) => events,
            Ok(notice) => return Some(notice),
            Err(RecvError::Lagged(missed)) => missed,
            Err(RecvError::Closed) => return None,
        };
        let resume = self.hub.upgrade()?.engine().token();
        Some(Notice::Lagged { missed, resume })
    }
}
