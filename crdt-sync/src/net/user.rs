//! What users ask of a node and wait for, whatever the type of its document.

use std::cell::RefCell;
use std::time::Duration;

use tokio::time::{timeout, timeout_at};

use super::error::{NodeError, WaitError};
use super::hub::Hub;
use super::world;
use crate::proto::{Machine, PeerState, PeerStatus, Token};

thread_local! {
    /// The nodes whose closures this thread is running.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// This thread runs a closure of a node.
pub(super) struct Inside;

impl Inside {
    pub(super) fn enter(hub: &Hub) -> Result<Self, NodeError> {
        let node = std::ptr::from_ref(hub).addr();
        INSIDE.with_borrow_mut(|inside| {
            if inside.contains(&node) {
                return Err(NodeError::Reentrant);
            }
            inside.push(node);
            Ok(Self)
        })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(Vec::pop);
    }
}

impl Hub {
    /// Reads the engine for the user.
    pub(super) fn ask<R>(&self, read: impl FnOnce(&Machine) -> R) -> Result<R, NodeError> {
        self.visited();
        self.look(read)
    }

    /// The same for a user who waits, and came before.
    fn look<R>(&self, read: impl FnOnce(&Machine) -> R) -> Result<R, NodeError> {
        let _inside = Inside::enter(self)?;
        Ok(self.read(read))
    }

    pub(super) async fn wait_for(&self, token: &Token, limit: Duration) -> Result<(), WaitError> {
        if self.wait(limit, |engine| engine.covers(token)).await? {
            return Ok(());
        }
        let missing = self.ask(|engine| token.updates().difference(engine.vector()).len())?;
        Err(WaitError::Timeout { waited: limit, missing })
    }

    pub(super) async fn durable(&self, token: &Token, limit: Duration) -> Result<(), WaitError> {
        if self.ask(|engine| engine.durable().is_none())? {
            return Err(WaitError::Volatile);
        }
        if self.wait(limit, |engine| engine.covers_durably(token)).await? {
            return Ok(());
        }
        let missing = self
            .ask(|engine| engine.durable().map_or(0, |durable| token.updates().difference(durable).len()))?;
        Err(WaitError::NotDurable { waited: limit, missing, health: self.store.health() })
    }

    pub(super) async fn replicated(
        &self,
        token: &Token,
        count: usize,
        limit: Duration,
    ) -> Result<(), WaitError> {
        if self.wait(limit, |engine| engine.replicas_covering(token) >= count).await? {
            return Ok(());
        }
        let replicas = self.ask(|engine| engine.replicas_covering(token))?;
        let linked = self.links().live.len();
        Err(WaitError::NotReplicated { waited: limit, wanted: count, replicas, linked })
    }

    /// Waits until it is done, or says after the limit that it is not.
    async fn wait(&self, limit: Duration, done: impl Fn(&Machine) -> bool) -> Result<bool, NodeError> {
        let mut progress = self.progress();
        let deadline = world::instant() + limit;
        loop {
            progress.mark_unchanged();
            if self.look(&done)? {
                return Ok(true);
            }
            if self.is_stopping() {
                return Err(NodeError::Stopped);
            }
            if timeout_at(deadline, progress.changed()).await.is_err() {
                return Ok(false);
            }
        }
    }

    pub(super) async fn shutdown(&self) -> bool {
        self.stop();
        self.input(|engine, now| engine.leave(now));
        let flushed = timeout(self.net.drain_timeout, self.flushed()).await.is_ok();
        self.end("shut down");
        // Only so that peers hear of it.
        let _ = timeout(self.net.drain_timeout, self.endpoint.wait_idle()).await;
        self.store.closed().await;
        flushed
    }

    /// Waits until neither a linked peer nor the store lacks anything. What a peer was sent is not enough:
    /// its process may not have read it when the connection closes, or may need a walk first.
    async fn flushed(&self) {
        let mut progress = self.progress();
        loop {
            progress.mark_unchanged();
            let state = |engine: &Machine| (engine.status().peers, engine.is_stored() && engine.has_left());
            let (peers, ready) = self.read(state);
            let behind = |peer: &PeerStatus| peer.state != PeerState::Failed && peer.lag_updates != Some(0);
            if ready && !peers.iter().any(behind) || progress.changed().await.is_err() {
                return;
            }
        }
    }
}
