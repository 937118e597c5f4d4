//! One connection to one peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quinn::{Connection, ReadExactError, RecvStream, SendStream, VarInt};
use tokio::sync::Notify;

use super::Replicated;
use super::certs::node_of;
use super::hub::Hub;
use super::status::Traffic;
use crate::proto::PeerId;

/// First on the stream, in both directions: version of the driver's framing, then 16 bytes that
/// are drawn at every start of a node.
const PREFACE: usize = 17;
const FRAMING: u8 = 1;
/// Bytes of frames that are worked out at once for one peer.
const BATCH: usize = 64 << 10;
/// How long an old connection is given to show a sign of life before a new one replaces it.
const PROBE: Duration = Duration::from_millis(1_000);

/// A connection that both sides agreed to keep.
pub(super) struct Link {
    pub(super) peer: PeerId,
    pub(super) name: String,
    /// Which start of the peer this is.
    pub(super) incarnation: [u8; 16],
    pub(super) connection: Connection,
    /// Whether this node dialled it.
    pub(super) dialled: bool,
    /// There may be something to send.
    pub(super) wake: Notify,
    pub(super) frames_sent: AtomicU64,
    pub(super) frames_received: AtomicU64,
}

/// Why a connection is closed, as the peer's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// Everything was sent; the node stops.
    Bye = 0,
    /// The peer broke a rule of the protocol.
    Refused = 1,
    /// There are two connections to one peer; the other is kept.
    Redundant = 2,
    /// Another process that is alive has the same name.
    DuplicateName = 3,
    /// The link is cut for a drill.
    Cut = 4,
}

impl Close {
    pub(super) fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    /// Why the peer closed the connection, if it said so.
    pub(super) fn of(error: &quinn::ConnectionError) -> Option<Self> {
        let quinn::ConnectionError::ApplicationClosed(close) = error else { return None };
        let all = [Self::Bye, Self::Refused, Self::Redundant, Self::DuplicateName, Self::Cut];
        all.into_iter().find(|reason| reason.code() == close.error_code)
    }
}

/// A connection whose handshake is done, with its one stream.
pub(super) struct Greeted {
    pub(super) name: String,
    pub(super) incarnation: [u8; 16],
    pub(super) connection: Connection,
    pub(super) dialled: bool,
    pub(super) streams: (SendStream, RecvStream),
}

/// What becomes of a new connection.
pub(super) enum Admission {
    /// It is the link to its peer now, and this one was before.
    Live(Arc<Link>, Option<Arc<Link>>),
    /// It is not wanted.
    Refused(Close),
    /// There is another one, which has to show whether it lives.
    Contested(Arc<Link>),
}

/// Opens the stream that the dialler opens and the other accepts, and exchanges the prefaces.
pub(super) async fn greet(
    connection: Connection,
    dialled: bool,
    incarnation: [u8; 16],
) -> Result<Greeted, quinn::ConnectionError> {
    let name = peer_name(&connection).ok_or(quinn::ConnectionError::LocallyClosed)?;
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
    Ok(Greeted { name, incarnation, connection, dialled, streams: (send, receive) })
}

/// The name in the certificate that the handshake verified.
fn peer_name(connection: &Connection) -> Option<String> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>().ok()?;
    node_of(chain.first()?).map(|(_, name)| name)
}

impl Link {
    pub(super) fn close(&self, reason: Close, words: &str) {
        self.connection.close(reason.code(), words.as_bytes());
    }

    /// What went over the link so far.
    pub(super) fn traffic(&self) -> Traffic {
        let stats = self.connection.stats();
        Traffic {
            bytes_sent: stats.udp_tx.bytes,
            bytes_received: stats.udp_rx.bytes,
            frames_sent: self.frames_sent.load(Ordering::Relaxed),
            frames_received: self.frames_received.load(Ordering::Relaxed),
        }
    }

    /// Whether the peer answers on this connection: an empty datagram makes it acknowledge.
    pub(super) async fn is_alive(&self) -> bool {
        let before = self.connection.stats().udp_rx.datagrams;
        if self.connection.send_datagram(Vec::new().into()).is_err() {
            return false;
        }
        let heard = async {
            while self.connection.stats().udp_rx.datagrams == before {
                tokio::time::sleep(PROBE / 50).await;
            }
        };
        tokio::time::timeout(PROBE, heard).await.is_ok() && self.connection.close_reason().is_none()
    }
}

impl<T: Replicated> Hub<T> {
    /// Keeps the connection or closes it, and serves it while it lasts. Returns the peer's name, or
    /// why it was not kept.
    pub(super) async fn serve(self: Arc<Self>, greeted: Greeted) -> Result<(), Close> {
        let (name, connection) = (greeted.name.clone(), greeted.connection.clone());
        let mut streams = None;
        let (link, old) = match self.settle(greeted, &mut streams).await {
            Ok(admitted) => admitted,
            Err(reason) => {
                if reason == Close::DuplicateName {
                    tracing::error!(peer = %name, address = %connection.remote_address(), "name in use twice");
                }
                connection.close(reason.code(), b"not kept");
                return Err(reason);
            }
        };
        self.input(|engine, now| engine.connected(link.peer, &link.name, now));
        if let Some(old) = old {
            old.close(Close::Redundant, "replaced");
        }
        if let Some(streams) = streams {
            self.run(&link, streams).await;
        }
        self.forget(&link);
        self.input(|engine, now| engine.disconnected(link.peer, now));
        Ok(())
    }

    /// Decides between the new connection and one that is there.
    async fn settle(
        &self,
        greeted: Greeted,
        streams: &mut Option<(SendStream, RecvStream)>,
    ) -> Result<(Arc<Link>, Option<Arc<Link>>), Close> {
        let Greeted { name, incarnation, connection, dialled, streams: both } = greeted;
        *streams = Some(both);
        let link = Arc::new(Link {
            peer: self.next_peer(),
            name,
            incarnation,
            connection,
            dialled,
            wake: Notify::new(),
            frames_sent: AtomicU64::new(0),
            frames_received: AtomicU64::new(0),
        });
        match self.admit(&link, None) {
            Admission::Live(link, old) => Ok((link, old)),
            Admission::Refused(reason) => Err(reason),
            Admission::Contested(old) => {
                let alive = old.is_alive().await;
                match self.admit(&link, Some((&old, alive))) {
                    Admission::Live(link, old) => Ok((link, old)),
                    Admission::Refused(reason) => Err(reason),
                    // Yet another one came meanwhile; it is as good as this one.
                    Admission::Contested(_) => Err(Close::Redundant),
                }
            }
        }
    }

    /// Whether the connection becomes the link to its peer, given whether an older one lives.
    fn admit(&self, new: &Arc<Link>, probed: Option<(&Arc<Link>, bool)>) -> Admission {
        let mut links = self.links();
        if self.is_stopping() {
            return Admission::Refused(Close::Bye);
        }
        if new.name == self.name {
            return Admission::Refused(Close::DuplicateName);
        }
        if links.all_cut || links.cut.contains(&new.name) {
            return Admission::Refused(Close::Cut);
        }
        if let Some(old) = links.live.get(&new.name) {
            let probe = probed.filter(|(probed, _)| Arc::ptr_eq(probed, old));
            let Some((_, alive)) = probe else { return Admission::Contested(old.clone()) };
            if let Some(reason) = alive.then(|| self.objection(old, new)).flatten() {
                return Admission::Refused(reason);
            }
        }
        let old = links.live.insert(new.name.clone(), new.clone());
        self.links_changed();
        Admission::Live(new.clone(), old)
    }

    /// Why a link that lives is kept and not replaced by the new one.
    ///
    /// Two starts of one name at the same time are two processes. Of two connections between the
    /// same two processes both sides keep the one that the lower name dialled.
    fn objection(&self, old: &Link, new: &Link) -> Option<Close> {
        if old.incarnation != new.incarnation {
            return Some(Close::DuplicateName);
        }
        let lower_is_here = self.name < new.name;
        let kept = |link: &Link| link.dialled == lower_is_here;
        (kept(old) && !kept(new)).then_some(Close::Redundant)
    }

    fn forget(&self, link: &Arc<Link>) {
        let mut links = self.links();
        links.past += link.traffic();
        if links.live.get(&link.name).is_some_and(|live| Arc::ptr_eq(live, link)) {
            links.live.remove(&link.name);
        }
        self.links_changed();
    }

    /// Moves bytes until the connection is over.
    async fn run(&self, link: &Link, (send, receive): (SendStream, RecvStream)) {
        tokio::select! {
            () = self.write(link, send) => {}
            end = self.read(link, receive) => match end {
                Ok(()) => link.close(Close::Bye, "all read"),
                Err(words) => {
                    tracing::warn!(peer = %link.name, error = %words, "refused");
                    link.close(Close::Refused, &words);
                }
            },
            () = self.read_datagrams(link) => {}
            reason = link.connection.closed() => {
                tracing::debug!(peer = %link.name, %reason, "closed");
                if Close::of(&reason) == Some(Close::DuplicateName) {
                    tracing::error!(peer = %link.name, "the peer knows another node of this name");
                }
            }
        }
    }

    /// Sends what the engine has for the peer whenever the stream takes it.
    async fn write(&self, link: &Link, mut send: SendStream) {
        loop {
            let (frames, datagram) = self.transmit(link.peer, BATCH);
            if let Some(datagram) = datagram {
                // Digests may be lost, and a full buffer is a way to lose one.
                let _ = link.connection.send_datagram(datagram.into());
            }
            if frames.is_empty() {
                if self.is_stopping() {
                    // The peer reads to the end and closes the connection.
                    let _ = send.finish();
                    std::future::pending::<()>().await;
                }
                link.wake.notified().await;
                continue;
            }
            link.frames_sent.fetch_add(frames.len() as u64, Ordering::Relaxed);
            if send.write_all(&with_lengths(&frames)).await.is_err() {
                return;
            }
        }
    }

    /// Takes frames until the peer ends its stream; an error is for the peer to read.
    async fn read(&self, link: &Link, mut receive: RecvStream) -> Result<(), String> {
        loop {
            let mut len = [0; 4];
            match receive.read_exact(&mut len).await {
                Ok(()) => {}
                Err(ReadExactError::FinishedEarly(0)) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
            let len = u32::from_le_bytes(len) as usize;
            if len > self.max_frame {
                return Err(format!("a frame of {len} bytes where {} are allowed", self.max_frame));
            }
            let mut frame = vec![0; len];
            receive.read_exact(&mut frame).await.map_err(|error| error.to_string())?;
            link.frames_received.fetch_add(1, Ordering::Relaxed);
            let taken = self.input(|engine, now| engine.handle_frame(link.peer, &frame, now));
            taken.map_err(|error| error.to_string())?;
        }
    }

    async fn read_datagrams(&self, link: &Link) {
        while let Ok(datagram) = link.connection.read_datagram().await {
            // An empty one asks only for the acknowledgement that it gets.
            if !datagram.is_empty() {
                let taken = self.input(|engine, now| engine.handle_datagram(link.peer, &datagram, now));
                if let Err(error) = taken {
                    tracing::warn!(peer = %link.name, %error, "refused");
                    link.close(Close::Refused, &error.to_string());
                    return;
                }
            }
        }
    }
}

/// The frames, each after its length: four bytes, the lowest first.
fn with_lengths(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frames.iter().map(|frame| frame.len() + 4).sum());
    for frame in frames {
        let len = u32::try_from(frame.len()).expect("a frame is at most max_frame bytes long");
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(frame);
    }
    bytes
}
