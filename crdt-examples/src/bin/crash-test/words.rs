//! What the test and its nodes say to each other: one JSON value a line.

use std::net::SocketAddr;
use std::path::PathBuf;

use crdt_sync::Token;
use serde::{Deserialize, Serialize};

/// What a node is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The first order, given once: start, and write without a pause.
    Start(Start),
    /// Say when all of this is in your own store.
    Await(Token),
    /// Write no more.
    Stop,
    /// Say what you show.
    Show,
}

/// What a node needs. Keys pass through the pipe and never touch a disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) ca: String,
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) listen: SocketAddr,
    pub(crate) peers: Vec<SocketAddr>,
    pub(crate) data: PathBuf,
    /// The elements that this start writes count on from here.
    pub(crate) first: u64,
}

/// What a node says, some of it without being asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said {
    /// It runs and listens here.
    Started(SocketAddr),
    /// It is about to make an update that removes this.
    Removes(u64),
    /// It made an update.
    Wrote(Update),
    /// Of its updates the first so many are in its own store.
    Durable(u64),
    /// The first so many are in the stores of both others.
    Replicated(u64),
    /// What it was to await is there.
    Reached,
    Stopped,
    View {
        fingerprint: u128,
        elements: Vec<u64>,
    },
}

/// One update of one start of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Update {
    /// The replica id in hexadecimal, and the number.
    pub(crate) replica: String,
    pub(crate) seq: u64,
    /// What it added, and what it removed of what the same start had added.
    pub(crate) added: u64,
    pub(crate) removed: Option<u64>,
}
