//! What kind of network the simulated nodes live on.

use std::time::Duration;

use crate::proto::Config;

/// A cluster and its network.
///
/// ```
/// use crdt_sync::sim::SimConfig;
///
/// let mut config = SimConfig::quic(5);
/// config.engine.log_bytes = 2 * 1024 * 1024;
/// assert_eq!(config.nodes, 5);
/// assert!(SimConfig::hostile(5).frame_loss > 0.0);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimConfig {
    /// How many nodes there are, all connected to all.
    pub nodes: usize,
    /// The configuration of every engine.
    pub engine: Config,
    /// The least and the most that a message takes from one node to another.
    pub latency: (Duration, Duration),
    /// How many frames of a stream are lost, from 0 to 1. A real stream loses none; the protocol
    /// must repair it all the same.
    pub frame_loss: f64,
    /// How many frames of a stream arrive twice, from 0 to 1.
    pub frame_duplication: f64,
    /// How many frames of a stream may overtake others or be overtaken, from 0 to 1.
    pub frame_reordering: f64,
    /// How many datagrams are lost, from 0 to 1. They may always overtake each other.
    pub datagram_loss: f64,
    /// How many datagrams arrive twice, from 0 to 1.
    pub datagram_duplication: f64,
    /// How long at most a side takes to notice that its connection is gone. What it sends until
    /// then is lost.
    pub detection: Duration,
    /// The least and the most that it takes until a connection is there again.
    pub reconnect: (Duration, Duration),
    /// Bytes on their way in one direction of a connection before its stream takes no more.
    pub window: usize,
    /// The budget with which frames are asked for.
    pub frame_budget: usize,
    /// The least and the most that a disk takes to write a batch, or nothing if nodes have no disks.
    /// Default nothing.
    pub disk: Option<(Duration, Duration)>,
    /// By how much at most the wall clocks differ from each other.
    pub skew: Duration,
}

impl SimConfig {
    /// A network as QUIC presents it over the internet: streams deliver, one datagram in a hundred
    /// does not.
    #[must_use]
    pub fn quic(nodes: usize) -> Self {
        Self {
            nodes,
            engine: Config::new("simulated"),
            latency: (Duration::from_millis(10), Duration::from_millis(60)),
            frame_loss: 0.0,
            frame_duplication: 0.0,
            frame_reordering: 0.0,
            datagram_loss: 0.01,
            datagram_duplication: 0.0,
            detection: Duration::from_secs(2),
            reconnect: (Duration::from_millis(100), Duration::from_millis(1_500)),
            window: 64 * 1024,
            frame_budget: 16 * 1024,
            disk: None,
            skew: Duration::from_millis(50),
        }
    }

    /// A network that loses three messages of ten, doubles one of ten, and lets as many overtake
    /// each other, in streams as well.
    #[must_use]
    pub fn hostile(nodes: usize) -> Self {
        Self {
            frame_loss: 0.3,
            frame_duplication: 0.1,
            frame_reordering: 0.1,
            datagram_loss: 0.3,
            datagram_duplication: 0.1,
            ..Self::quic(nodes)
        }
    }
}
