//! The machine.

use std::marker::PhantomData;
use std::time::Duration;

use crdt_core::clock::CausalContext;

use super::{Config, ConfigError, Event, Now, PeerError, PeerId, Token};

/// The gossip protocol of one document on one node, without I/O.
///
/// A skeleton of the signatures: the document's half follows with `crdt_core::Doc`.
pub struct Engine<T> {
    vector: CausalContext,
    document: PhantomData<T>,
}

impl<T> Engine<T> {
    /// A node that has written nothing yet.
    ///
    /// # Errors
    ///
    /// Names the field of `config` that cannot work.
    pub fn new(config: Config, _seed: [u8; 32], _now: Now) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { vector: CausalContext::default(), document: PhantomData })
    }

    /// The link to `peer` is up, mutually authenticated as `name`.
    pub fn connected(&mut self, _peer: PeerId, _name: &str, _now: Now) {}

    /// The link to `peer` is gone.
    pub fn disconnected(&mut self, _peer: PeerId, _now: Now) {}

    /// A whole frame arrived on the ordered stream.
    ///
    /// # Errors
    ///
    /// The driver closes this connection, and only this.
    pub fn handle_frame(&mut self, peer: PeerId, _frame: &[u8], _now: Now) -> Result<(), PeerError> {
        Err(PeerError::UnknownPeer { peer })
    }

    /// A datagram arrived.
    ///
    /// # Errors
    ///
    /// The driver closes this connection, and only this.
    pub fn handle_datagram(&mut self, peer: PeerId, _bytes: &[u8], _now: Now) -> Result<(), PeerError> {
        Err(PeerError::UnknownPeer { peer })
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, _now: Now) {}

    /// The next frame for the peer's stream, if there is one.
    pub fn poll_transmit(&mut self, _peer: PeerId, _budget: usize, _now: Now) -> Option<Vec<u8>> {
        None
    }

    /// The next datagram for the peer, if there is one.
    pub fn poll_datagram(&mut self, _peer: PeerId, _now: Now) -> Option<Vec<u8>> {
        None
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// The next event, if there is one.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// A connection that the driver is to close for a reason that no call could return.
    pub fn poll_refused(&mut self) -> Option<(PeerId, PeerError)> {
        None
    }

    /// The updates applied here.
    #[must_use]
    pub fn vector(&self) -> &CausalContext {
        &self.vector
    }

    /// Whether this node has applied everything that the token stands for.
    #[must_use]
    pub fn covers(&self, token: &Token) -> bool {
        self.vector.is_superset(token.updates())
    }

    /// How many *other* nodes, by name and connected now, reported to have applied the token.
    #[must_use]
    pub fn replicas_covering(&self, _token: &Token) -> usize {
        0
    }
}
