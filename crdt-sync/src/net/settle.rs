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

use super::certs::node_of;
use super::fault::LinkError;
use super::hub::Hub;
use super::link::{Close, Link, PROBE};
use super::trust::chain_of;

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

/// Exchanges the prefaces, if the peer is who is expected.
pub(super) async fn greet(
    connection: Connection,
    incarnation: [u8; 16],
    expected: Option<&str>,
) -> Result<Greeted, Unmet> {
    let nameless = || LinkError::handshake(&"the certificate names no node");
    let name = peer_name(&connection).ok_or_else(nameless)?;
    if let Some(expected) = expected
        && expected != name
    {
        return Err(wrong_name(&connection, name, expected));
    }
    let dialled = connection.side().is_client();
    let stream = if dialled { connection.open_bi().await } else { connection.accept_bi().await };
    let (mut send, mut receive) = stream.map_err(|error| Unmet::by_peer(&name, &error))?;
    let mut preface = [FRAMING; PREFACE];
    preface[1..].copy_from_slice(&incarnation);
    let sent = send.write_all(&preface).await;
    let received = receive.read_exact(&mut preface).await;
    if sent.is_err() || received.is_err() || preface[0] != FRAMING {
        // Closing forgets what the peer said.
        let reason = connection.close_reason();
        connection.close(Close::Refused.code(), b"no preface");
        return Err(match reason {
            Some(reason) => Unmet::by_peer(&name, &reason),
            None => LinkError::handshake(&"no preface").into(),
        });
    }
    let mut incarnation = [0; 16];
    incarnation.copy_from_slice(&preface[1..]);
    Ok(Greeted { name, incarnation, connection, send, receive })
}

fn wrong_name(connection: &Connection, found: String, expected: &str) -> Unmet {
    let error = LinkError::WrongName { expected: expected.to_owned(), found: found.clone() };
    connection.close(Close::WrongName.code(), error.to_string().as_bytes());
    Unmet { name: Some(found), close: Some(Close::WrongName), error }
}

/// A connection that came to no greeting.
pub(super) struct Unmet {
    /// Who is at the other end, if it showed a certificate. Nobody has checked yet that it accepts
    /// this node's.
    pub(super) name: Option<String>,
    /// What the peer said, if it did.
    pub(super) close: Option<Close>,
    pub(super) error: LinkError,
}

impl From<LinkError> for Unmet {
    fn from(error: LinkError) -> Self {
        Self { name: None, close: None, error }
    }
}

impl Unmet {
    fn by_peer(name: &str, error: &quinn::ConnectionError) -> Self {
        let close = Close::of(error);
        // Nobody tells of two live nodes before the prefaces unless his own name is one of them.
        let said = close.and_then(|_| LinkError::of(error, name));
        let error = said.unwrap_or_else(|| LinkError::handshake(error));
        Self { name: Some(name.to_owned()), close, error }
    }
}

/// The name in the certificate that the handshake verified.
fn peer_name(connection: &Connection) -> Option<String> {
    node_of(chain_of(connection)?.first()?).map(|(_, name)| name)
}

/// A connection in the table of links and known to the engine, until this is dropped.
pub(super) struct Kept {
    hub: Arc<Hub>,
    pub(super) link: Arc<Link>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.link.close(Close::Bye, "over");
        let mut links = self.hub.links();
        links.past += self.link.traffic();
        links.book.unlinked(&self.link);
        if links.live.get(&self.link.name).is_some_and(|live| Arc::ptr_eq(live, &self.link)) {
            links.live.remove(&self.link.name);
        }
        drop(links);
        self.hub.input(|engine, now| engine.disconnected(self.link.peer, now));
        self.hub.links_changed();
    }
}

/// A connection that is not kept.
struct Unkept {
    close: Close,
    /// What the peer, or the transport, says about it.
    error: Option<LinkError>,
}

impl From<Close> for Unkept {
    fn from(close: Close) -> Self {
        Self { close, error: None }
    }
}

impl Unkept {
    /// The peer, or the transport, closed it.
    fn by_peer(connection: &Connection, own_name: &str) -> Self {
        let reason = connection.close_reason();
        let close = reason.as_ref().and_then(Close::of).unwrap_or(Close::Redundant);
        Self { close, error: reason.and_then(|reason| LinkError::of(&reason, own_name)) }
    }
}

/// One connection at a time is settled for each name.
struct Turn<'a> {
    hub: &'a Hub,
    name: &'a str,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.hub.links().settling.remove(self.name);
    }
}

impl Hub {
    /// Keeps the connection, or closes it and says why.
    pub(super) async fn settle(
        self: &Arc<Self>,
        greeted: Greeted,
    ) -> Result<(Kept, SendStream, RecvStream), Close> {
        let (name, connection) = (greeted.name.clone(), greeted.connection.clone());
        let decided = timeout(self.net.handshake_timeout + PROBE, self.decide(greeted)).await;
        let unkept = match decided {
            Ok(Ok(kept)) => return Ok(kept),
            Ok(Err(unkept)) => unkept,
            Err(_) => Close::Redundant.into(),
        };
        let error = match unkept.close {
            Close::DuplicateName if unkept.error.is_none() => {
                Some(LinkError::DuplicateName { name: name.clone() })
            }
            _ => unkept.error,
        };
        if let Some(error) = error {
            self.report(&name, connection.remote_address(), error);
        }
        connection.close(unkept.close.code(), b"not kept");
        Err(unkept.close)
    }

    async fn decide(self: &Arc<Self>, greeted: Greeted) -> Result<(Kept, SendStream, RecvStream), Unkept> {
        let Greeted { name, incarnation, connection, mut send, mut receive } = greeted;
        if name == self.name {
            let own = incarnation == self.incarnation;
            return Err(if own { Close::Own } else { Close::DuplicateName }.into());
        }
        let decides = self.name < name;
        if !decides {
            let mut verdict = [0];
            if receive.read_exact(&mut verdict).await.is_err() || verdict != [KEEP] {
                return Err(Unkept::by_peer(&connection, &self.name));
            }
        }
        let link = Link::new(self.next_peer(), name, incarnation, connection);
        let _turn = self.take_turn(&link.name)?;
        let old = self.links().live.get(&link.name).cloned();
        if let Some(old) = &old
            && let Some(reason) = objection(old, &link, decides).await
        {
            return Err(reason.into());
        }
        if decides && send.write_all(&[KEEP]).await.is_err() {
            return Err(Unkept::by_peer(&link.connection, &self.name));
        }
        Ok((self.keep(link.clone())?, send, receive))
    }

    fn take_turn<'a>(&'a self, name: &'a str) -> Result<Turn<'a>, Close> {
        let mut links = self.links();
        if links.all_cut || links.cut.contains(name) {
            return Err(Close::Cut);
        }
        if links.book.is_banished(name) {
            return Err(Close::Refused);
        }
        if !links.settling.insert(name.to_owned()) {
            return Err(Close::Redundant);
        }
        Ok(Turn { hub: self, name })
    }

    /// Makes the connection the one to its peer.
    fn keep(self: &Arc<Self>, link: Arc<Link>) -> Result<Kept, Close> {
        let mut links = self.links();
        if self.is_stopping() {
            return Err(Close::Bye);
        }
        if links.all_cut || links.cut.contains(&link.name) {
            return Err(Close::Cut);
        }
        let old = links.link(&link);
        drop(links);
        let kept = Kept { hub: self.clone(), link };
        // After it is in the table: whoever changes what is trusted checks either here or there.
        let trusted = self.recheck(&kept.link);
        if let Some(old) = old {
            old.close(Close::Redundant, "replaced");
        }
        trusted?;
        self.input(|engine, now| engine.connected(kept.link.peer, &kept.link.name, now));
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
