//! What operators do with a node.

use super::Replicated;
use super::error::NodeError;
use super::link::Close;
use super::node::Node;
use super::status::NodeStatus;
use super::tasks;
use crate::proto::Engine;

impl<T: Replicated> Node<T> {
    /// A picture of the node, its connections, and everybody it knows.
    ///
    /// ```
    /// use crdt_core::OrSet;
    /// use crdt_sync::{LinkState, Node, certs::Ca};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let node = Node::<OrSet<String>>::builder()
    ///     .listen("127.0.0.1:0".parse()?)
    ///     .identity(Ca::generate("shop")?.issue("tokyo")?)
    ///     .peers(["localhost:1"]);
    /// let status = node.start().await?.status()?;
    /// assert_eq!((status.connections.made, status.links.len()), (0, 0));
    /// let peer = &status.peers[0];
    /// assert_eq!((peer.configured.as_deref(), &peer.name), (Some("localhost:1"), &None));
    /// assert_ne!(peer.state, LinkState::Up);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the call comes from within the node's own `update` or `read`.
    pub fn status(&self) -> Result<NodeStatus, NodeError> {
        let engine = self.engine(Engine::status)?;
        Ok(self.hub().picture(engine))
    }

    /// Cuts the links to one peer, or to all, for a drill; nothing passes and none is made until
    /// [`heal`](Node::heal).
    pub fn cut(&self, peer: Option<&str>) {
        let mut links = self.hub().links();
        match peer {
            Some(peer) => {
                links.cut.insert(peer.to_owned());
            }
            None => links.all_cut = true,
        }
        let is_cut = |name: &str| peer.is_none_or(|peer| peer == name);
        let gone: Vec<_> = links.live.values().filter(|link| is_cut(&link.name)).cloned().collect();
        let places = gone.iter().map(|link| (link.name.clone(), link.connection.remote_address()));
        links.cut_off.extend(places);
        drop(links);
        gone.iter().for_each(|link| link.close(Close::Cut, "cut for a drill"));
        self.hub().links_changed();
    }

    /// Ends every cut that this node made, and dials everybody it cut off or failed to reach, without
    /// the pause that failures have earned.
    pub fn heal(&self) {
        let mut links = self.hub().links();
        links.cut.clear();
        links.all_cut = false;
        let cut_off = std::mem::take(&mut links.cut_off);
        drop(links);
        self.hub().hurry();
        for (name, address) in cut_off {
            tasks::spawn(self.hub(), tasks::call(self.hub().clone(), name, address));
        }
    }
}
