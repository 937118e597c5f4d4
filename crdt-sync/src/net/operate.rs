//! What operators do with a node.

use super::Replicated;
use super::book::Seed;
use super::certs::Identity;
use super::error::{NodeError, ReloadError};
use super::link::Close;
use super::node::Node;
use super::status::NodeStatus;
use super::tasks;
use super::trust::explain;
use crate::proto::Machine;

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
        let engine = self.hub().ask(Machine::status)?;
        Ok(self.hub().picture(engine))
    }

    /// Dials this peer too, from now on, as if it had been among
    /// [`Builder::peers`](crate::Builder::peers): for peers that are found while the node runs. Returns
    /// whether it was not dialled before.
    ///
    /// ```
    /// use crdt_core::OrSet;
    /// use crdt_sync::{Node, certs::Ca};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (ca, any) = (Ca::generate("shop")?, "127.0.0.1:0".parse()?);
    /// let tokyo = Node::<OrSet<String>>::builder().listen(any).identity(ca.issue("tokyo")?).start().await?;
    /// let london = Node::<OrSet<String>>::builder().listen(any).identity(ca.issue("london")?).start().await?;
    /// let written = tokyo.update(|cart| cart.insert("apple".to_owned()))?; // it is alone
    ///
    /// assert!(tokyo.add_peer(london.local_addr())?);
    /// london.wait_for(&written.token, Duration::from_secs(10)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the node was shut down, or the address has no port.
    #[doc(alias("connect", "dial"))]
    pub fn add_peer(&self, address: impl ToString) -> Result<bool, NodeError> {
        let seed = Seed::new(address.to_string(), None);
        if self.hub().is_stopping() {
            return Err(NodeError::Stopped);
        }
        if !seed.is_address() {
            return Err(NodeError::PeerAddress { address: seed.host });
        }
        Ok(tasks::dial_too(self.hub(), seed))
    }

    /// Dials this peer no more, under the address that it was given by; returns whether it was dialled.
    ///
    /// A link that is up stays, and the peer may dial this node: to refuse it, [`revoke`](Node::revoke)
    /// its name.
    pub fn remove_peer(&self, address: impl ToString) -> bool {
        let removed = self.hub().links().book.remove(&address.to_string());
        self.hub().links_changed();
        removed
    }

    /// Cuts the links to one peer, or to all, for a drill; nothing passes and none is made until
    /// [`heal`](Node::heal).
    #[doc(alias = "partition")]
    pub fn cut(&self, peer: Option<&str>) {
        let _in_span = self.hub().span().entered();
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
        tracing::info!(peer, "cut for a drill");
        self.hub().links_changed();
    }

    /// Ends every cut that this node made, and dials everybody it cut off or failed to reach, without
    /// the pause that failures have earned.
    pub fn heal(&self) {
        let _in_span = self.hub().span().entered();
        let mut links = self.hub().links();
        links.cut.clear();
        links.all_cut = false;
        let cut_off = std::mem::take(&mut links.cut_off);
        drop(links);
        tracing::info!("healed");
        self.hub().hurry();
        for (name, address) in cut_off {
            tasks::spawn(self.hub(), tasks::call(self.hub().clone(), name, address));
        }
    }

    /// Shows another certificate, and trusts other authorities, from now on, without a restart.
    ///
    /// Handshakes that begin now go by the new identity. A link whose peer would not be accepted any
    /// more is closed at once; all others stay, and no update is lost or sent again.
    ///
    /// An authority is replaced in three rounds over all nodes: first everybody trusts the old one
    /// and the new one, then everybody shows a certificate of the new one, then nobody trusts the
    /// old one. In the last round, links at which the old certificates were shown are made anew.
    ///
    /// ```
    /// # use crdt_core::OrSet;
    /// # use crdt_sync::{Node, certs::Ca};
    /// use crdt_sync::Identity;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let any = "127.0.0.1:0".parse()?;
    /// let (old, new) = (Ca::generate("shop")?, Ca::generate("shop")?);
    /// let now = old.issue("tokyo")?;
    /// let both = format!("{}{}", old.cert_pem(), new.cert_pem());
    /// let first = Identity::from_pem(&both, now.cert_pem(), now.key_pem())?;
    /// let next = new.issue("tokyo")?;
    /// let second = Identity::from_pem(&both, next.cert_pem(), next.key_pem())?;
    /// # let node = Node::<OrSet<String>>::builder().listen(any).identity(now).start().await?;
    /// for identity in [first, second, next] {
    ///     node.reload(identity)?; // when all nodes have done the one before
    /// }
    /// assert!(node.reload(new.issue("london")?).is_err(), "the name stays");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the certificate has another name or cluster, cannot be used, or would not be accepted by
    /// a peer that trusts the same authorities. Nothing was changed.
    pub fn reload(&self, identity: Identity) -> Result<(), ReloadError> {
        let hub = self.hub();
        if hub.is_stopping() {
            return Err(ReloadError::Stopped);
        }
        let names =
            [("cluster", hub.cluster.as_str(), identity.cluster()), ("name", &hub.name, identity.name())];
        for (field, current, offered) in names {
            if current != offered {
                let (current, offered) = (current.to_owned(), offered.to_owned());
                return Err(ReloadError::OtherNode { field, current, offered });
            }
        }
        let _in_span = hub.span().entered();
        let replaced = hub.trust.replace(&identity, &hub.endpoint);
        replaced.map_err(|error| ReloadError::Identity { reason: explain(&error) })?;
        tracing::info!("identity replaced");
        hub.recheck_all();
        hub.hurry();
        Ok(())
    }

    /// Refuses the node with this name from now on, whatever its certificate says, and closes the
    /// link to it. Returns whether it was not refused before.
    ///
    /// It holds for this node, and while it runs: do so on every node, and give the name to
    /// [`Builder::revoked`](crate::Builder::revoked). What the revoked node wrote stays, and comes
    /// from others who have it.
    ///
    /// ```
    /// # use crdt_core::OrSet;
    /// # use crdt_sync::{Node, certs::Ca};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let builder = Node::<OrSet<String>>::builder().listen("127.0.0.1:0".parse()?);
    /// # let node = builder.identity(Ca::generate("shop")?.issue("tokyo")?).start().await?;
    /// assert!(node.revoke("stolen-laptop"));
    /// assert_eq!(node.status()?.revoked, ["stolen-laptop"]);
    /// assert!(node.reinstate("stolen-laptop"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn revoke(&self, name: &str) -> bool {
        let _in_span = self.hub().span().entered();
        let new = self.hub().trust.revoke(name);
        tracing::info!(peer = name, "revoked");
        self.hub().recheck_all();
        self.hub().links_changed();
        new
    }

    /// Accepts the node with this name again if its certificate is valid. Returns whether it was
    /// refused.
    pub fn reinstate(&self, name: &str) -> bool {
        let _in_span = self.hub().span().entered();
        let was = self.hub().trust.reinstate(name);
        tracing::info!(peer = name, "reinstated");
        self.hub().hurry();
        was
    }
}
