//! Starting a node.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{EndpointConfig, ServerConfig, TokioRuntime};
use tracing::Instrument;

use super::Replicated;
use super::book::Seed;
use super::certs::{Identity, check_name};
use super::config::NetConfig;
use super::error::StartError;
use super::hub::{Engine, Hub};
use super::keeper;
use super::node::Node;
use super::tasks;
use super::transport::Liveness;
use super::trust::{Trust, explain};
use super::world;
use crate::proto::{Config, Machine, Now, Typed};
use crate::store::Store;

/// What a node needs to start, from [`Node::builder`].
#[must_use = "a builder does nothing until it is started"]
pub struct Builder<T> {
    settings: Settings,
    value: PhantomData<fn() -> T>,
}

/// All but the type of the document.
#[derive(Default)]
struct Settings {
    listen: Option<SocketAddr>,
    identity: Option<Identity>,
    peers: Vec<Seed>,
    config: Option<Config>,
    net: NetConfig,
    revoked: BTreeSet<String>,
    store: Option<Box<dyn Store>>,
    frozen: bool,
}

impl<T> Default for Builder<T> {
    fn default() -> Self {
        Self { settings: Settings::default(), value: PhantomData }
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { listen, identity, peers, store, .. } = &self.settings;
        f.debug_struct("Builder")
            .field("listen", listen)
            .field("identity", identity)
            .field("peers", &peers.iter().map(|peer| &peer.host).collect::<Vec<_>>())
            .field("store", &store.as_ref().map(|store| store.place()))
            .finish_non_exhaustive()
    }
}

impl<T> Builder<T> {
    /// The UDP address to listen on; port 0 takes a free one. Needed.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.settings.listen = Some(address);
        self
    }

    /// Who the node is, and which authority it trusts. Needed.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.settings.identity = Some(identity);
        self
    }

    /// Where peers are to be found, as `host:port`. One that is up is enough for a start; a node
    /// also takes connections from members that are not listed. Names are looked up at each attempt.
    /// [`Node::add_peer`] adds others later.
    #[doc(alias("bootstrap", "seeds"))]
    pub fn peers<P: ToString>(mut self, peers: impl IntoIterator<Item = P>) -> Self {
        self.settings.peers.extend(peers.into_iter().map(|peer| Seed::new(peer.to_string(), None)));
        self
    }

    /// Where one peer is to be found, and what it is called: whoever else answers there is refused
    /// with [`LinkError::WrongName`](crate::LinkError::WrongName) before anything is sent, though it
    /// be a member. An address that was given to another machine then fails by name.
    ///
    /// ```
    /// use crdt_core::OrSet;
    /// use crdt_sync::{LinkError, Node, Notice, certs::Ca};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (ca, any) = (Ca::generate("shop")?, "127.0.0.1:0".parse()?);
    /// let paris = Node::<OrSet<String>>::builder().listen(any).identity(ca.issue("paris")?).start().await?;
    /// let tokyo = Node::<OrSet<String>>::builder().listen(any).identity(ca.issue("tokyo")?);
    /// let tokyo = tokyo.peer(paris.local_addr(), "london").start().await?;
    /// let Some(Notice::Refused { error, .. }) = tokyo.subscribe().next().await else { panic!() };
    /// let (expected, found) = ("london".to_owned(), "paris".to_owned());
    /// assert_eq!(error, LinkError::WrongName { expected, found });
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer(mut self, address: impl ToString, name: impl Into<String>) -> Self {
        self.settings.peers.push(Seed::new(address.to_string(), Some(name.into())));
        self
    }

    /// Limits and intervals of the protocol. By default [`Config::new`] with the cluster of the
    /// identity. The cluster, and the name unless it is empty, must be those of the certificate.
    pub fn config(mut self, config: Config) -> Self {
        self.settings.config = Some(config);
        self
    }

    /// Names that are refused from the start; see [`Node::revoke`], which does not outlast the node.
    pub fn revoked<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.settings.revoked.extend(names.into_iter().map(Into::into));
        self
    }

    /// Where the node keeps what it must not lose over a restart; it starts with what is there.
    /// Without one, everything is gone with the process, and peers are told.
    pub fn store(mut self, store: impl Store + 'static) -> Self {
        self.settings.store = Some(Box::new(store));
        self
    }

    /// The node is frozen from the start, with what its store holds: see [`Node::freeze`].
    pub fn frozen(mut self) -> Self {
        self.settings.frozen = true;
        self
    }

    /// Limits and intervals of the connections.
    pub fn net(mut self, net: NetConfig) -> Self {
        self.settings.net = net;
        self
    }
}

impl<T: Replicated> Builder<T> {
    /// Starts the node on the current tokio runtime.
    ///
    /// It writes at once, whether a peer is there or not.
    ///
    /// # Errors
    /// When a setting is missing or cannot work, contradicts the certificate, no peer would believe the
    /// certificate (it has expired, or another authority signed it), a peer's address has no port, the store
    /// cannot be read, or the node's own address is taken. Nothing is left running.
    pub async fn start(self) -> Result<Node<T>, StartError> {
        let config = self.settings.check()?;
        let engine = Machine::<Typed<T>>::new(config, world::random(), Now::default())?;
        let engine = Arc::new(Engine::new(engine));
        let hub = self.settings.start(engine.clone()).await?;
        Ok(Node::new(hub, engine))
    }
}

impl Settings {
    /// Looks for what is missing, cannot work or contradicts the certificate. Returns the configuration of
    /// the engine.
    fn check(&self) -> Result<Config, StartError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(StartError::NoRuntime);
        }
        let (_, identity) = needed(self.listen, self.identity.as_ref())?;
        self.net.validate()?;
        let mut config = self.config.clone().unwrap_or_else(|| Config::new(identity.cluster()));
        if config.name.is_empty() {
            identity.name().clone_into(&mut config.name);
        }
        check_names(identity, &config, &self.peers)?;
        Ok(config)
    }

    /// Starts everything around the engine, which is new.
    async fn start(self, engine: Arc<Engine>) -> Result<Arc<Hub>, StartError> {
        let (listen, identity) = needed(self.listen, self.identity)?;
        let liveness = Liveness { idle_timeout: self.net.idle_timeout, keep_alive: self.net.keep_alive };
        let (trust, quic, server) = Trust::new(&identity, self.revoked, liveness)
            .map_err(|error| StartError::Identity { reason: explain(&error) })?;
        let store = match self.store {
            Some(store) => Some(keeper::recover(engine.clone(), store).await?),
            None => None,
        };
        let endpoint = endpoint(listen, quic, server)?;
        let hub = Arc::new(Hub::new(identity.name(), engine, (self.net, endpoint, trust)));
        if self.frozen {
            hub.input(Machine::freeze);
        }
        hub.store.opened(store.is_some());
        if let Some(store) = store {
            tokio::spawn(keeper::keep(hub.clone(), store).instrument(hub.span()));
        }
        tasks::spawn(&hub, tasks::keep_time(hub.clone()));
        tasks::spawn(&hub, tasks::expire(hub.clone()));
        #[cfg(feature = "metrics")]
        tasks::spawn(&hub, super::metrics::publish(hub.clone()));
        tasks::spawn(&hub, tasks::accept(hub.clone()));
        for peer in self.peers {
            tasks::dial_too(&hub, peer);
        }
        tracing::info!(node = %hub.name, address = %hub.address(), "started");
        Ok(hub)
    }
}

/// What no node starts without.
fn needed<I>(listen: Option<SocketAddr>, identity: Option<I>) -> Result<(SocketAddr, I), StartError> {
    let missing = |what| StartError::Missing { what };
    let listen = listen.ok_or(missing("an address: Builder::listen"))?;
    Ok((listen, identity.ok_or(missing("a certificate: Builder::identity"))?))
}

/// Names that contradict each other, and addresses that lead nowhere, would show as peers that refuse this
/// node, or never answer.
fn check_names(identity: &Identity, config: &Config, peers: &[Seed]) -> Result<(), StartError> {
    let names = [("cluster", &config.cluster, identity.cluster()), ("name", &config.name, identity.name())];
    for (field, configured, certified) in names {
        if configured != certified {
            let (configured, certified) = (configured.clone(), certified.to_owned());
            return Err(StartError::NotCertified { field, configured, certified });
        }
    }
    if let Some(peer) = peers.iter().find(|peer| !peer.is_address()) {
        return Err(StartError::PeerAddress { address: peer.host.clone() });
    }
    let mut expected = peers.iter().filter_map(|peer| peer.expected.as_deref());
    Ok(expected.try_for_each(check_name)?)
}

/// Nothing is accepted before somebody asks for it.
fn endpoint(
    listen: SocketAddr,
    config: EndpointConfig,
    server: ServerConfig,
) -> Result<quinn::Endpoint, StartError> {
    let failed = |error| StartError::Listen { address: listen, error };
    let socket = UdpSocket::bind(listen).map_err(failed)?;
    quinn::Endpoint::new(config, Some(server), socket, Arc::new(TokioRuntime)).map_err(failed)
}
