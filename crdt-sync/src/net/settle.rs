//! From a handshake to the one connection that both sides keep.
//!
//! The dialler opens the stream. Each side sends its preface: the version of the framing, and 16
//! bytes that are drawn at every start of a node. Then **the node with the lower name decides** and
//! sends one byte if it keeps the connection, or closes it. One decider cannot disagree with itself:
//! of two connections that cross, one is never made known to either engine, so nothing flaps.
//!
//! An older connection of the same name is kept as long as the peer answers on it. A second process
//! with the same name is refused, by whoever knows the first; a process that came back replaces its
//! dead connection.

use std::sync::Arc;

use quinn::{Connection, RecvStream, SendStream};
use tokio::time::timeout;

use super::Replicated;
use super::certs::node_of;
use super::hub::Hub;
use super::link::{Close, Link, PROBE};

const PREFACE: usize = 17;
const FRAMING: u8 = 1;
const KEEP: u8 = 1;

/// A connection whose handshake is done and whose ends know each other.
pub(super) struct Greeted {
    pub(super) name: String,
    incarnation: [u8; 16],
    pub(super) connection: Connection,
    send: SendStream,
    receive: RecvStream,
}

/// Exchanges the prefaces.
pub(super) async fn greet(
    connection: Connection,
    incarnation: [u8; 16],
) -> Result<Greeted, quinn::ConnectionError> {
    let name = peer_name(&connection).ok_or(quinn::ConnectionError::LocallyClosed)?;
    let dialled = connection.side().is_client();
    let (mut send, mut receive) =
        if dialled { connection.open_bi().await? } else { connection.accept_bi().await? };
    let mut preface = [FRAMING; PREFACE];
    preface[1..].copy_from_slice(&incarnation);
    let sent = send.write_all(&preface).await;
    let received = receive.read_exact(&mut preface).await;
    if sent.is_err() || received.is_err() || preface[0] != FRAMING {
        connection.close(Close::Refused.code(), b"no preface");
        return Err(connection.closed().await);
    }
    let mut incarnation = [0; 16];
    incarnation.copy_from_slice(&preface[1..]);
    Ok(Greeted { name, incarnation, connection, send, receive })
}

/// The name in the certificate that the handshake verified.
fn peer_name(connection: &Connection) -> Option<String> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>().ok()?;
    node_of(chain.first()?).map(|(_, name)| name)
}

/// A connection in the table of links and known to the engine, until this is dropped.
pub(super) struct Kept<T: Replicated> {
    hub: Arc<Hub<T>>,
    pub(super) link: Arc<Link>,
}

impl<T: Replicated> Drop for Kept<T> {
    fn drop(&mut self) {
        self.link.close(Close::Bye, "over");
        let mut links = self.hub.links();
        links.past += self.link.traffic();
        if links.live.get(&self.link.name).is_some_and(|live| Arc::ptr_eq(live, &self.link)) {
            links.live.remove(&self.link.name);
        }
        drop(links);
        self.hub.input(|engine, now| engine.disconnected(self.link.peer, now));
        self.hub.links_changed();
    }
}

/// One connection at a time is settled for each name.
struct Turn<'a, T: Replicated> {
    hub: &'a Hub<T>,
    name: &'a str,
}

impl<T: Replicated> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.hub.links().settling.remove(self.name);
    }
}

impl<T: Replicated> Hub<T> {
    /// Keeps the connection, or closes it and says why.
    pub(super) async fn settle(
        self: &Arc<Self>,
        greeted: Greeted,
    ) -> Result<(Kept<T>, SendStream, RecvStream), Close> {
        let (name, connection) = (greeted.name.clone(), greeted.connection.clone());
        let decided = timeout(self.net.handshake_timeout + PROBE, self.decide(greeted)).await;
        let refusal = match decided {
            Ok(Ok(kept)) => return Ok(kept),
            Ok(Err(reason)) => reason,
            Err(_) => Close::Redundant,
        };
        if refusal == Close::DuplicateName {
            let address = connection.remote_address();
            tracing::error!(peer = %name, %address, "two live nodes have this name; the first stays");
        }
        connection.close(refusal.code(), b"not kept");
        Err(refusal)
    }

    async fn decide(self: &Arc<Self>, greeted: Greeted) -> Result<(Kept<T>, SendStream, RecvStream), Close> {
        let Greeted { name, incarnation, connection, mut send, mut receive } = greeted;
        if name == self.name {
            return Err(if incarnation == self.incarnation { Close::Own } else { Close::DuplicateName });
        }
        let decides = self.name < name;
        if !decides {
            let mut verdict = [0];
            if receive.read_exact(&mut verdict).await.is_err() || verdict != [KEEP] {
                let reason = connection.close_reason().as_ref().and_then(Close::of);
                return Err(reason.unwrap_or(Close::Redundant));
            }
        }
        let link = Link::new(self.next_peer(), name, incarnation, connection);
        let _turn = self.take_turn(&link.name)?;
        let old = self.links().live.get(&link.name).cloned();
        if let Some(old) = &old
            && let Some(reason) = objection(old, &link, decides).await
        {
            return Err(reason);
        }
        if decides && send.write_all(&[KEEP]).await.is_err() {
            return Err(Close::Redundant);
        }
        Ok((self.keep(link.clone())?, send, receive))
    }

    fn take_turn<'a>(&'a self, name: &'a str) -> Result<Turn<'a, T>, Close> {
        let mut links = self.links();
        if links.all_cut || links.cut.contains(name) {
            return Err(Close::Cut);
        }
        if !links.settling.insert(name.to_owned()) {
            return Err(Close::Redundant);
        }
        Ok(Turn { hub: self, name })
    }

    /// Makes the connection the one to its peer.
    fn keep(self: &Arc<Self>, link: Arc<Link>) -> Result<Kept<T>, Close> {
        let mut links = self.links();
        if self.is_stopping() {
            return Err(Close::Bye);
        }
        if links.all_cut || links.cut.contains(&link.name) {
            return Err(Close::Cut);
        }
        let old = links.live.insert(link.name.clone(), link.clone());
        links.made += 1;
        drop(links);
        let kept = Kept { hub: self.clone(), link };
        self.input(|engine, now| engine.connected(kept.link.peer, &kept.link.name, now));
        if let Some(old) = old {
            old.close(Close::Redundant, "replaced");
        }
        self.links_changed();
        Ok(kept)
    }
}

/// Why the old connection stays and the new one goes.
async fn objection(old: &Link, new: &Link, decides: bool) -> Option<Close> {
    let same_start = old.incarnation == new.incarnation;
    if same_start && !decides {
        // The peer decides, and has.
        return None;
    }
    // Two processes cannot hold one address: the one that had it is dead.
    let inherited = !same_start && old.connection.remote_address() == new.connection.remote_address();
    if inherited || !old.answers().await {
        return None;
    }
    Some(if same_start { Close::Redundant } else { Close::DuplicateName })
}
