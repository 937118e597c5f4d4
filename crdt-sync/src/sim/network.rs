//! The links between simulated nodes.

use std::time::Duration;

use rand::RngExt;

use super::SimRng;
use super::config::SimConfig;
use crate::proto::PeerId;

/// What the network did, in sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Frames that nodes sent.
    pub frames: u64,
    /// Their bytes.
    pub frame_bytes: u64,
    /// Frames that were lost, those in flight on cut connections included.
    pub frames_lost: u64,
    /// Frames that arrived twice.
    pub frames_doubled: u64,
    /// Frames that were let out of order.
    pub frames_reordered: u64,
    /// Datagrams that nodes sent.
    pub datagrams: u64,
    /// Datagrams that were lost.
    pub datagrams_lost: u64,
    /// Connections made.
    pub connections: u64,
    /// Connections cut.
    pub cuts: u64,
}

/// The connection between two nodes, from its making to both sides' noticing its end.
#[derive(Debug)]
pub(super) struct Link {
    /// Tells this connection from earlier ones between the same nodes.
    pub(super) epoch: u64,
    /// Whether anything still arrives.
    pub(super) alive: bool,
    /// The names that the lower and the higher node give to it, until they notice its end.
    pub(super) sides: [Option<PeerId>; 2],
    directions: [Direction; 2],
    rng: SimRng,
}

/// One direction of a connection's stream.
#[derive(Debug, Default)]
struct Direction {
    in_flight: usize,
    /// When the last frame in order arrives.
    last: Duration,
    /// Whether the hello is on its way: nothing may overtake it, it is part of the connection's making.
    greeted: bool,
}

/// How a message fares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) arrives: Duration,
    pub(super) lost: bool,
    pub(super) again: Option<Duration>,
}

impl Link {
    pub(super) fn new(epoch: u64, sides: [PeerId; 2], rng: SimRng) -> Self {
        Self { epoch, alive: true, sides: sides.map(Some), directions: Default::default(), rng }
    }

    /// Whether the stream of this side takes a frame.
    pub(super) fn takes(&self, side: usize, config: &SimConfig) -> bool {
        self.directions[side].in_flight < config.window
    }

    /// A frame that was on its way from this side is there, or lost.
    pub(super) fn settle(&mut self, side: usize, len: usize) {
        let direction = &mut self.directions[side];
        direction.in_flight = direction.in_flight.saturating_sub(len);
    }

    /// Takes a frame from one side; says when it arrives and how.
    pub(super) fn send_frame(
        &mut self,
        side: usize,
        len: usize,
        now: Duration,
        config: &SimConfig,
        traffic: &mut Traffic,
    ) -> Fate {
        let (direction, rng) = (&mut self.directions[side], &mut self.rng);
        direction.in_flight += len;
        traffic.frames += 1;
        traffic.frame_bytes += len as u64;
        let ordered = (now + between(config.latency, rng)).max(direction.last);
        if !std::mem::replace(&mut direction.greeted, true) {
            direction.last = ordered;
            return Fate { arrives: ordered, lost: false, again: None };
        }
        let fate = Fate {
            arrives: ordered,
            lost: rng.random_bool(config.frame_loss),
            again: rng
                .random_bool(config.frame_duplication)
                .then(|| ordered + between(config.latency, rng) * 3),
        };
        traffic.frames_doubled += u64::from(fate.again.is_some());
        if rng.random_bool(config.frame_reordering) {
            traffic.frames_reordered += 1;
            return Fate { arrives: ordered + between(config.latency, rng) * 3, ..fate };
        }
        direction.last = ordered;
        fate
    }

    pub(super) fn send_datagram(&mut self, now: Duration, config: &SimConfig) -> Fate {
        let rng = &mut self.rng;
        let latency = |rng: &mut SimRng| now + between(config.latency, rng);
        Fate {
            arrives: latency(rng),
            lost: rng.random_bool(config.datagram_loss),
            again: rng.random_bool(config.datagram_duplication).then(|| latency(rng)),
        }
    }
}

/// A duration drawn from a closed range.
pub(super) fn between((least, most): (Duration, Duration), rng: &mut SimRng) -> Duration {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(rng.random_range(nanos(least)..=nanos(most).max(nanos(least))))
}
