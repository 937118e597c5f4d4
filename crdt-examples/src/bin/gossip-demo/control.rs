//! What the demo and its regions say to each other: one JSON value a line, one answer to each order.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read, Write};
use std::net::SocketAddr;
use std::ops::{Add, Sub};

use crdt_examples::shop::{Change, View};
use crdt_sync::Token;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest line that either side takes. The view of the largest run is a tenth of it.
const MAX_LINE: u64 = 16 << 20;

/// What a region is told to do.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Start the node; the first order, given once.
    Start(Start),
    /// Make each change as an update of its own, and wait until `copies` other processes have them.
    Write { changes: Vec<Change>, copies: usize },
    /// Cut every link.
    Cut,
    /// End the cut.
    Heal,
    /// Say how far the region is.
    Pulse,
    /// Say what the region shows.
    Show,
}

/// What a node needs. Keys pass through the pipe and never touch a disk.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) ca: String,
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) listen: SocketAddr,
    pub(crate) peers: Vec<SocketAddr>,
    /// Whether the links are cut from the beginning.
    pub(crate) apart: bool,
}

/// What a region answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The node runs, and listens here.
    Started(SocketAddr),
    /// The changes are made; the token stands for them.
    Written(Token),
    /// The links are as ordered.
    Done,
    Pulse(Pulse),
    View(View),
    /// The order could not be obeyed.
    Refused(String),
}

/// How far a region is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pulse {
    pub(crate) fingerprint: u128,
    /// The updates that are applied.
    pub(crate) applied: Token,
    /// The regions to which there is a link.
    pub(crate) linked: BTreeSet<String>,
    pub(crate) sent: Sent,
}

/// What went out since a process started, handshakes and acknowledgements included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
}

impl Add for Sent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, frames: self.frames + other.frames }
    }
}

/// Not below zero: the count of a link that is being replaced is for a moment in neither sum.
impl Sub for Sent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(before.bytes),
            frames: self.frames.saturating_sub(before.frames),
        }
    }
}

/// The next message, or nothing when the other side is gone.
pub(crate) fn read_message<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long or breaks off"));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// Writes one message.
pub(crate) fn write_message(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use crdt_core::clock::CausalContext;
    use crdt_core::{Dot, ReplicaId};

    use super::*;

    fn there_and_back<T: Serialize + DeserializeOwned>(message: &T) -> T {
        let mut line = Vec::new();
        write_message(&mut line, message).unwrap();
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        read_message(&mut &line[..]).unwrap().expect("a message")
    }

    #[test]
    fn messages_pass_unchanged_whatever_they_contain() {
        let changes = vec![Change::set("motto", "two\nlines, \"quoted\""), Change::Open(u64::MAX)];
        let order = Order::Write { changes, copies: 2 };
        assert_eq!(there_and_back(&order), order);

        let mut applied = CausalContext::default();
        applied.insert(Dot::new(ReplicaId::from_u128(u128::MAX - 1), 7));
        let pulse = Pulse {
            fingerprint: u128::MAX,
            applied: Token::new(applied),
            linked: BTreeSet::from(["london".to_owned()]),
            sent: Sent { bytes: u64::MAX, frames: 1 },
        };
        assert_eq!(there_and_back(&pulse), pulse);
        let view = Answer::View(View { likes: i128::from(i64::MIN), ..View::default() });
        assert_eq!(there_and_back(&view), view);
    }

    #[test]
    fn a_line_without_end_is_refused_and_the_end_is_no_error() {
        let endless = io::BufReader::new(io::repeat(b'x').take(MAX_LINE + 1));
        assert!(read_message::<Order>(&mut { endless }).is_err());
        assert!(read_message::<Order>(&mut &b"\"Pulse\""[..]).is_err());
        assert!(read_message::<Order>(&mut &b"\"Dance\"\n"[..]).is_err());
        assert_eq!(read_message::<Order>(&mut &b""[..]).unwrap(), None);
    }
}
