//! What a test and its nodes say to each other: one JSON value a line.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crdt_sync::Token;
use serde::{Deserialize, Serialize};

/// What a node is told.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
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
pub struct Start {
    /// The certificate of the authority.
    pub ca: String,
    /// The certificate of the node.
    pub cert: String,
    /// Its private key.
    pub key: String,
    /// Where it runs.
    pub place: Place,
    /// The elements that this start writes count on from here.
    pub first: u64,
}

/// Where a node runs, and how fast it writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Where it takes connections.
    pub listen: SocketAddr,
    /// Where it looks for others.
    pub peers: Vec<SocketAddr>,
    /// Its database.
    pub data: PathBuf,
    /// Between two writes.
    pub pause: Duration,
    /// Bytes that an update has beyond what it is about.
    pub ballast: usize,
}

/// What a node says, some of it without being asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
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
    /// It writes no more, and everything that it wrote is in all stores.
    Stopped,
    /// What it shows.
    View(View),
}

/// What a node shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The fingerprint of its state.
    pub fingerprint: u128,
    /// What is in its set.
    pub elements: BTreeSet<u64>,
    /// How many nodes it is linked to.
    pub links: usize,
    /// How many connections it has kept since it started.
    pub made: u64,
}

/// One update of one start of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The replica id in hexadecimal.
    pub replica: String,
    /// The number.
    pub seq: u64,
    /// What it added.
    pub added: u64,
    /// What it removed of what the same start had added.
    pub removed: Option<u64>,
}
