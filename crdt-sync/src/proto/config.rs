//! What a node is willing to do and to hold.

use std::time::Duration;

use crdt_core::codec::Limits;

use super::error::ConfigError;
use super::rights::MAX_WANTS;

/// Every limit and every interval of one engine.
///
/// [`Config::new`] gives values for up to a hundred nodes on ordinary servers. Change a field where
/// its documentation says why; [`Engine::new`](super::Engine::new) refuses what cannot work. Fields
/// marked *agreed* must be equal on all nodes of a cluster: the handshake compares them, since what
/// one node may write, every other must be able to take.
///
/// ```
/// use crdt_sync::proto::Config;
///
/// let mut config = Config::new("shop");
/// config.log_bytes = 8 * 1024 * 1024;
/// assert!(config.validate().is_ok());
///
/// config.max_update_bytes = config.max_frame + 1; // would never fit into a frame
/// assert!(config.validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Name of the cluster, 1 to 255 bytes; *agreed*. It keeps two clusters that share a
    /// certificate authority apart: a peer of another cluster is refused before any payload is
    /// read. It also keys fingerprints. No default.
    pub cluster: String,

    /// What this node calls itself in its hello, 0 to 255 bytes. When not empty it must be the name
    /// under which its peers authenticated it. Default: empty, the link's authentication is enough.
    pub name: String,

    /// Bytes of one encoded update, from 1 KiB to 1 GiB; *agreed*. Enforced where the update is
    /// written, because a refusal anywhere else would be a hole for ever. A larger value delays all
    /// that is sent behind it on the same stream. Default 1 MiB: a large document's field, not a
    /// file.
    pub max_update_bytes: usize,

    /// Bytes of one frame on the stream. At least one update, and three vectors at their limits, must
    /// fit. It bounds what the driver buffers for each peer before the engine sees it. Default
    /// 4 MiB.
    pub max_frame: usize,

    /// Bytes of updates packed into one frame, which `max_frame` bounds too; at least 1. Larger frames
    /// cost fewer headers, smaller ones let urgent frames pass sooner. Default 64 KiB, half a
    /// millisecond at 1 Gbit/s.
    pub batch_bytes: usize,

    /// Replica ids in one vector or context, at least 1; *agreed*. Every start of a node that
    /// writes adds one. A cluster that comes near it must fold ended starts. Default 16,384: ten
    /// nodes restarted daily for four years.
    pub max_replicas: usize,

    /// Runs of consecutive numbers in one vector or context, at least `max_replicas`; *agreed*.
    /// Losses leave gaps only until the next exchange, so a healthy cluster has little more than
    /// one run for each replica. Default 32,768.
    pub max_runs: usize,

    /// Bytes of recent updates kept for all peers together. A peer that was away for longer than
    /// the log reaches back needs a walk over the state, which costs more. At least one update must
    /// fit. Where it saves two thirds or more, the older half of a full log holds updates joined to fewer:
    /// then it reaches back some 70 times as far for a counter, and several times for small elements, or a
    /// hundred keys that are written in turn. Default 64 MiB: ten minutes at 1,000 writes a second of 100
    /// bytes that have nothing in common.
    pub log_bytes: usize,

    /// Bytes by which the log may exceed `log_bytes` while a walk needs it. Over it the walk starts
    /// again, so a cluster that writes faster than it can walk needs more. Default 64 MiB.
    pub pinned_bytes: usize,

    /// Bytes of updates held while the node is [frozen](super::Engine::freeze). Over it nothing more is
    /// taken until it thaws, and peers have to bring it again, by a walk if their logs no longer reach
    /// back. Default 64 MiB, as much as the log.
    pub held_bytes: usize,

    /// Bytes of records after which a store gets a snapshot instead of more of them, if they are also
    /// larger than the last snapshot. Fewer make starts faster, more make snapshots rarer: one writes
    /// the whole document. Default 16 MiB.
    pub store_log_bytes: usize,

    /// Bytes of updates, and of a state in pieces, that a store is given to write at once, but for one
    /// that is larger; at least 1. Default 4 MiB, a few milliseconds of an ordinary disk.
    pub store_batch_bytes: usize,

    /// Entries that die before a walk reaches them and are kept for it, for each walk, and for a
    /// snapshot. Over it the walk starts again; the snapshot does so in one go, which holds the node up
    /// for as long as the document takes to encode. Default 16,384.
    pub walk_stash: usize,

    /// Entries read from the state for one chunk of a walk; at least 1. A chunk is the unit in which
    /// a walk blocks its two nodes. Default 64, some tens of microseconds.
    pub walk_entries: usize,

    /// Ranges of blocks about which a walk first asks where the two states differ; at least 2. Each
    /// that differs is then divided into up to 16, down to blocks of 256 dots. More take ten bytes
    /// each and save round trips. Default 1,024, a question less for a million keys.
    pub walk_ranges: usize,

    /// Bytes of one chunk of a walk, at least `max_update_bytes`; *agreed*. All concurrent siblings
    /// of one path travel in one chunk, so it bounds those together; so do the dots that are gone and
    /// that the receiver had seen, at one or two bytes for each key that was written again since. It
    /// is what a receiver may have to buffer, once. Default 16 MiB.
    pub max_chunk_bytes: usize,

    /// Walks served at the same time, at least 1. Each pins the log and keeps a stash; peers beyond
    /// it wait and ask again. Default 4.
    pub max_donor_walks: usize,

    /// How long a walk may stand still before its slot is given to another; at least 100 ms.
    /// Shorter frees pins sooner, longer suffers slower links. Default 10 s.
    pub walk_timeout: Duration,

    /// How long to wait before a walk that was cut, refused or not taken up is asked for again; at
    /// least 10 ms. Each pause is drawn from half to one and a half of it, so that many who were
    /// refused do not come back at once. Default 1 s.
    pub walk_retry: Duration,

    /// How far a stamp may run ahead of this node's wall clock before the update that carries it is
    /// reported and its stamp keeps from moving this node's clock. It is merged in any case. Too
    /// small reports honest nodes after a suspended laptop, too large lets one wrong clock win every
    /// last-write-wins race for longer. Default 60 s.
    pub max_drift: Duration,

    /// Mean time between two exchanges with a random peer while anything changes, from 10 ms to
    /// 1 h; each is drawn from half to one and a half of it. It bounds how long a loss goes
    /// unnoticed, and costs two small packets each. Default 1 s.
    pub exchange_every: Duration,

    /// What the interval grows to, doubling, while every exchange finds nothing. At least
    /// `exchange_every`. Default 15 s, the usual life of a NAT mapping.
    pub exchange_every_idle: Duration,

    /// How long applied numbers are gathered before they are reported to peers, 0 to 1 s. Longer
    /// sends fewer reports, shorter completes `replicated` sooner. Default 5 ms.
    pub ack_delay: Duration,

    /// How long updates of others are held back from a peer that may have them from elsewhere, 0 to
    /// 1 s. One that the peer has not reported by then is sent, and if that happens again, later ones
    /// of the same origin at once, until the peer says that they come twice. Longer spares full meshes
    /// from receiving everything from everybody, shorter finds sooner which way updates have to go; 0
    /// holds nothing back. Default 200 ms: reports of a busy machine on the other side of an ocean.
    pub relay_delay: Duration,

    /// Whether this node moves rights of bounded counters: asks peers for some where it runs low, gives
    /// them some when they do, and hands all over at [`Engine::leave`](super::Engine::leave). Nodes that
    /// do not are left alone. Default yes; no for those who move rights by
    /// [`transfer`](crdt_core::BoundedCounterEditor::transfer) alone.
    pub move_rights: bool,

    /// The pause after a node has asked for rights before it asks again, and after it has given some
    /// before it gives again, from 10 ms to 1 h. The first time there is none. Shorter serves bursts
    /// sooner, longer makes fewer updates of them. Default 100 ms, one or two round trips.
    pub rights_pause: Duration,

    /// Counters that a node asks for, and those that it gives rights of, in one go; from 1 to 256. Those
    /// beyond it wait for their turn. Default 64: an update of a few kilobytes.
    pub rights_batch: usize,

    /// How long a new connection may take to say hello, at least 100 ms. Default 10 s.
    pub hello_timeout: Duration,

    /// Connections at the same time, at least 1. Each costs a vector. Default 128: a full mesh of
    /// a hundred nodes, and their restarts.
    pub max_peers: usize,

    /// Frames a second that one peer may send without bringing anything, at least 100: reports,
    /// questions, and what was here already. A long one counts again for each 4 KiB. New updates and
    /// what a walk brings are not counted. Beyond a second's worth at once the peer is read more slowly
    /// ([`Engine::pause`](super::Engine::pause)). It must be more than honest peers need, which is a few
    /// for each `ack_delay`, and one for each batch that a peer's store takes. Default 20,000: less than
    /// a tenth of a processor.
    pub max_chatter: u32,

    /// How long a peer that is read more slowly may go on so before it is refused, from 100 ms to 1 h.
    /// Default 10 s.
    pub chatter_patience: Duration,

    /// Events kept until they are polled, at least 1. Over it the oldest are dropped, counted, and
    /// the loss is itself an event. Default 4,096.
    pub max_events: usize,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Config {
    /// Defaults for a node of the cluster with this name.
    #[must_use]
    pub fn new(cluster: impl Into<String>) -> Self {
        Self {
            cluster: cluster.into(),
            name: String::new(),
            max_update_bytes: MIB,
            max_frame: 4 * MIB,
            batch_bytes: 64 * KIB,
            max_replicas: 16_384,
            max_runs: 32_768,
            log_bytes: 64 * MIB,
            pinned_bytes: 64 * MIB,
            held_bytes: 64 * MIB,
            store_log_bytes: 16 * MIB,
            store_batch_bytes: 4 * MIB,
            walk_stash: 16_384,
            walk_entries: 64,
            walk_ranges: 1_024,
            max_chunk_bytes: 16 * MIB,
            max_donor_walks: 4,
            walk_timeout: Duration::from_secs(10),
            walk_retry: Duration::from_secs(1),
            max_drift: Duration::from_secs(60),
            exchange_every: Duration::from_secs(1),
            exchange_every_idle: Duration::from_secs(15),
            ack_delay: Duration::from_millis(5),
            relay_delay: Duration::from_millis(200),
            move_rights: true,
            rights_pause: Duration::from_millis(100),
            rights_batch: 64,
            hello_timeout: Duration::from_secs(10),
            max_peers: 128,
            max_chatter: 20_000,
            chatter_patience: Duration::from_secs(10),
            max_events: 4_096,
        }
    }

    /// Checks every field against its range and against the others.
    ///
    /// # Errors
    ///
    /// Names the first field that cannot work, and why.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_names()?;
        self.validate_sizes()?;
        self.validate_counts()?;
        self.validate_times()
    }

    /// What the codec takes as one update: on every node the same.
    pub(super) fn update_limits(&self) -> Limits {
        Limits {
            max_bytes: self.max_update_bytes,
            max_entries: self.max_update_bytes,
            max_replicas: self.max_replicas,
            max_depth: Limits::default().max_depth,
        }
    }

    /// What the codec takes as one chunk of a walk: on every node the same.
    pub(super) fn chunk_limits(&self) -> Limits {
        Limits { max_bytes: self.max_chunk_bytes, ..self.update_limits() }
    }

    /// Into how many a range that differs is divided.
    pub(super) fn walk_pieces(&self) -> usize {
        self.walk_ranges.clamp(2, 16)
    }

    fn validate_names(&self) -> Result<(), ConfigError> {
        check("cluster", (1..=255).contains(&self.cluster.len()), "takes 1 to 255 bytes")?;
        check("name", self.name.len() <= 255, "takes at most 255 bytes")
    }

    fn validate_sizes(&self) -> Result<(), ConfigError> {
        let update = (KIB..=1024 * MIB).contains(&self.max_update_bytes);
        check("max_update_bytes", update, "takes 1 KiB to 1 GiB")?;
        let vectors = self.largest_vector().saturating_mul(3);
        let frame = vectors.max(self.max_update_bytes).saturating_add(FRAME_HEAD);
        check(
            "max_frame",
            self.max_frame >= frame,
            "must hold one update and three vectors at their limits",
        )?;
        check("max_frame", u32::try_from(self.max_frame).is_ok(), "takes at most 4 GiB")?;
        check("store_batch_bytes", self.store_batch_bytes >= 1, "takes at least 1")?;
        check("batch_bytes", self.batch_bytes >= 1, "takes at least 1")?;
        check("log_bytes", self.log_bytes >= self.max_update_bytes, "must hold one update")?;
        let chunk = self.max_chunk_bytes >= self.max_update_bytes;
        check("max_chunk_bytes", chunk, "must be at least max_update_bytes")
    }

    fn validate_counts(&self) -> Result<(), ConfigError> {
        check("max_replicas", self.max_replicas >= 1, "takes at least 1")?;
        check("max_runs", self.max_runs >= self.max_replicas, "must be at least max_replicas")?;
        check("walk_entries", self.walk_entries >= 1, "takes at least 1")?;
        check("walk_ranges", self.walk_ranges >= 2, "takes at least 2")?;
        check("max_donor_walks", self.max_donor_walks >= 1, "takes at least 1")?;
        let batch = (1..=MAX_WANTS).contains(&self.rights_batch);
        check("rights_batch", batch, "takes 1 to 256")?;
        check("max_peers", self.max_peers >= 1, "takes at least 1")?;
        check("max_chatter", self.max_chatter >= 100, "takes at least 100")?;
        check("max_events", self.max_events >= 1, "takes at least 1")
    }

    fn validate_times(&self) -> Result<(), ConfigError> {
        let (tenth, hour) = (Duration::from_millis(100), Duration::from_secs(3600));
        let every = (tenth / 10..=hour).contains(&self.exchange_every);
        check("exchange_every", every, "takes 10 ms to 1 h")?;
        let idle = self.exchange_every_idle >= self.exchange_every && self.exchange_every_idle <= 24 * hour;
        check("exchange_every_idle", idle, "takes exchange_every to 24 h")?;
        check("walk_timeout", (tenth..=hour).contains(&self.walk_timeout), "takes 100 ms to 1 h")?;
        check("walk_retry", (tenth / 10..=hour).contains(&self.walk_retry), "takes 10 ms to 1 h")?;
        check("ack_delay", self.ack_delay <= Duration::from_secs(1), "takes 0 to 1 s")?;
        check("rights_pause", (tenth / 10..=hour).contains(&self.rights_pause), "takes 10 ms to 1 h")?;
        check("relay_delay", self.relay_delay <= Duration::from_secs(1), "takes 0 to 1 s")?;
        let patience = (tenth..=hour).contains(&self.chatter_patience);
        check("chatter_patience", patience, "takes 100 ms to 1 h")?;
        check("hello_timeout", (tenth..=hour).contains(&self.hello_timeout), "takes 100 ms to 1 h")
    }

    /// The most bytes that a vector within the limits can take.
    fn largest_vector(&self) -> usize {
        // An id and two counts for each replica, two numbers of at most ten bytes for each run.
        self.max_replicas.saturating_mul(16 + 10).saturating_add(self.max_runs.saturating_mul(20))
    }
}

/// Room for everything in a frame but the update or the vectors: names, limits, counts.
const FRAME_HEAD: usize = KIB;

fn check(field: &'static str, holds: bool, rule: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::new(field, rule)) }
}
