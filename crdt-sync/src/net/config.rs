//! What the driver is willing to do and to hold.

use std::time::Duration;

use crate::proto::ConfigError;

/// Limits and intervals of the connections of one node; those of the protocol are in
/// [`proto::Config`](crate::proto::Config).
///
/// ```
/// use crdt_sync::NetConfig;
/// use std::time::Duration;
///
/// let mut config = NetConfig::default();
/// config.dial_backoff_max = Duration::from_secs(5);
/// assert!(config.validate().is_ok());
/// config.keep_alive = config.idle_timeout;
/// assert!(config.validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetConfig {
    /// How long a connection may be silent before it counts as lost, from 1 s to 10 min. Shorter
    /// notices a dead peer sooner, longer bears worse networks. A peer whose certificate expires
    /// while it is linked is closed within this time, too. Default 10 s.
    pub idle_timeout: Duration,

    /// How often a silent connection is kept alive, by the side that dialled it; at most half of
    /// `idle_timeout`, so that packets may be lost. It costs 73 bytes each. Default 5 s.
    pub keep_alive: Duration,

    /// How long a handshake may take, from 100 ms to 1 min. Default 5 s.
    pub handshake_timeout: Duration,

    /// The pause before the second attempt to dial a peer, from 1 ms. It doubles with each failure
    /// and is drawn from half to one and a half of itself, so that many nodes do not come at once.
    /// Default 100 ms.
    pub dial_backoff_min: Duration,

    /// What that pause grows to; at least `dial_backoff_min`. Default 30 s.
    pub dial_backoff_max: Duration,

    /// Handshakes at the same time from one IP address, at least 1. Beyond it, connections are
    /// refused before any cryptography. A handshake of somebody who is no member counts for a second
    /// longer, so this also bounds how many of those there are in a second; beyond it they get no
    /// answer. Default 16: a few nodes behind one NAT that all restart.
    pub handshakes_per_ip: usize,

    /// Events that a subscriber may be behind, at least 1; then it is told that it lagged. Default
    /// 1,024.
    pub subscriber_events: usize,

    /// How long [`shutdown`](crate::Node::shutdown) waits for peers to take what is on its way.
    /// Default 2 s.
    pub drain_timeout: Duration,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(5),
            dial_backoff_min: Duration::from_millis(100),
            dial_backoff_max: Duration::from_secs(30),
            handshakes_per_ip: 16,
            subscriber_events: 1024,
            drain_timeout: Duration::from_secs(2),
        }
    }
}

impl NetConfig {
    /// Checks every field against its range and against the others.
    ///
    /// # Errors
    /// Names the first field that cannot work, and why.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let seconds = Duration::from_secs;
        let idle = (seconds(1)..=seconds(600)).contains(&self.idle_timeout);
        check("idle_timeout", idle, "takes 1 s to 10 min")?;
        let keep = !self.keep_alive.is_zero() && self.keep_alive * 2 <= self.idle_timeout;
        check("keep_alive", keep, "takes up to half of idle_timeout")?;
        let handshake = (Duration::from_millis(100)..=seconds(60)).contains(&self.handshake_timeout);
        check("handshake_timeout", handshake, "takes 100 ms to 1 min")?;
        check("dial_backoff_min", self.dial_backoff_min >= Duration::from_millis(1), "takes at least 1 ms")?;
        let max = self.dial_backoff_max >= self.dial_backoff_min && self.dial_backoff_max <= seconds(3600);
        check("dial_backoff_max", max, "takes dial_backoff_min to 1 h")?;
        check("handshakes_per_ip", self.handshakes_per_ip >= 1, "takes at least 1")?;
        check("subscriber_events", self.subscriber_events >= 1, "takes at least 1")
    }
}

fn check(field: &'static str, holds: bool, rule: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::new(field, rule)) }
}
