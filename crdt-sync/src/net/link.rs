//! One connection to one peer, and whether the peer is still there.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::{Connection, VarInt};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::status::{LinkStatus, Traffic};
use super::transport::DATAGRAM_BUFFER;
use super::world;
use crate::proto::PeerId;

/// How long an old connection is given to answer before a new one replaces it.
pub(super) const PROBE: Duration = Duration::from_millis(1_000);
/// How often it is asked in that time: datagrams may be lost.
const PROBES: u32 = 4;
/// How often it is looked whether anything came.
const LISTEN: Duration = Duration::from_secs(1);
/// Datagrams of the driver begin with this. Those of the engine begin with its version, which is
/// another.
const OURS: u8 = 0;
const PING: u8 = 0;
const PONG: u8 = 1;

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
    /// Bytes that the stream does not take yet.
    pub(super) waiting: AtomicUsize,
    heard: Mutex<Heard>,
    /// The number of the last question whether the peer is there, and of the last that it answered.
    asked: AtomicU64,
    answered: watch::Sender<u64>,
}

/// When something came last.
struct Heard {
    at: Instant,
    /// How many packets had come then.
    packets: u64,
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
    /// The connection leads back to the node that dialled it.
    Own = 5,
    /// The certificate names another node than the dialler expects.
    WrongName = 6,
    /// The peer's certificate is not accepted any more.
    Untrusted = 7,
}

impl Close {
    const ALL: [Self; 8] = [
        Self::Bye,
        Self::Refused,
        Self::Redundant,
        Self::DuplicateName,
        Self::Cut,
        Self::Own,
        Self::WrongName,
        Self::Untrusted,
    ];

    pub(super) fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    /// Why the peer closed the connection, if it said so.
    pub(super) fn of(error: &quinn::ConnectionError) -> Option<Self> {
        let quinn::ConnectionError::ApplicationClosed(close) = error else { return None };
        Self::ALL.into_iter().find(|reason| reason.code() == close.error_code)
    }
}

impl Link {
    pub(super) fn new(
        peer: PeerId,
        name: String,
        incarnation: [u8; 16],
        connection: Connection,
    ) -> Arc<Self> {
        Arc::new(Self {
            peer,
            name,
            incarnation,
            dialled: connection.side().is_client(),
            connection,
            wake: Notify::new(),
            frames_sent: AtomicU64::new(0),
            frames_received: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            heard: Mutex::new(Heard { at: world::instant(), packets: 0 }),
            asked: AtomicU64::new(0),
            answered: watch::Sender::new(0),
        })
    }

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

    /// When something came last, as far as it was looked.
    pub(super) fn heard(&self) -> Instant {
        let packets = self.connection.stats().udp_rx.datagrams;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.packets != packets {
            *heard = Heard { at: world::instant(), packets };
        }
        heard.at
    }

    /// Looks now and then whether something came. QUIC itself ends a connection that is silent.
    pub(super) async fn listen(self: Arc<Self>) {
        loop {
            self.heard();
            sleep(LISTEN).await;
        }
    }

    pub(super) fn status(&self) -> LinkStatus {
        LinkStatus {
            name: self.name.clone(),
            address: self.connection.remote_address(),
            dialled: self.dialled,
            round_trip: self.connection.rtt(),
            since_heard: self.heard().elapsed(),
            waiting_bytes: self.waiting.load(Ordering::Relaxed),
            waiting_datagram_bytes: DATAGRAM_BUFFER
                .saturating_sub(self.connection.datagram_send_buffer_space()),
            traffic: self.traffic(),
        }
    }

    /// Whether the peer answers on this connection now. That packets come is no sign: they may have
    /// been sent by a process that has died since.
    pub(super) async fn answers(&self) -> bool {
        let question = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let mut answered = self.answered.subscribe();
        let heard = async {
            for _ in 0..PROBES {
                let _ = self.connection.send_datagram(own_datagram(PING, question).into());
                if timeout(PROBE / PROBES, answered.wait_for(|last| *last >= question)).await.is_ok() {
                    return true;
                }
            }
            false
        };
        tokio::select! {
            heard = heard => heard,
            _ = self.connection.closed() => false,
        }
    }

    /// Deals with a datagram of the driver; false if it is the engine's.
    pub(super) fn take_datagram(&self, datagram: &[u8]) -> bool {
        match datagram {
            [OURS, PING, question @ ..] => {
                if let Ok(question) = <[u8; 8]>::try_from(question) {
                    let answer = own_datagram(PONG, u64::from_le_bytes(question));
                    let _ = self.connection.send_datagram(answer.into());
                }
                true
            }
            [OURS, PONG, question @ ..] => {
                if let Ok(question) = <[u8; 8]>::try_from(question) {
                    self.answered.send_replace(u64::from_le_bytes(question));
                }
                true
            }
            _ => false,
        }
    }
}

fn own_datagram(kind: u8, question: u64) -> Vec<u8> {
    let mut datagram = vec![OURS, kind];
    datagram.extend_from_slice(&question.to_le_bytes());
    datagram
}
