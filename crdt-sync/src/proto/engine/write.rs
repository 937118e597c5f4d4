//! Writes of this node.

use std::convert::Infallible;

use crdt_core::codec::Wire;
use crdt_core::{Dot, Observed, ReplicaId};
use rand::Rng;

use super::Engine;
use crate::proto::error::{TryUpdateError, UpdateError};
use crate::proto::event::Event;
use crate::proto::time::Now;
use crate::proto::token::{Token, Written};

impl<T: Wire> Engine<T> {
    /// Edits the document and numbers what changed, to be sent to every node.
    ///
    /// It never waits for a peer. All changes of one closure travel together and become visible
    /// together. A closure that changes nothing makes no update. If the closure panics, the document
    /// is as before.
    ///
    /// # Errors
    ///
    /// [`UpdateError`] if the nodes have not agreed to take so much at once, or this one is
    /// [frozen](Self::freeze); nothing was written.
    pub fn update<R>(
        &mut self,
        now: Now,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Result<Written<R>, UpdateError> {
        infallible(self.write(now, None, |editor| Ok(edit(editor))))
    }

    /// Edits the document if the closure succeeds, like [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// The closure's error, or the engine's. Nothing was written.
    pub fn try_update<R, E>(
        &mut self,
        now: Now,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<Written<R>, TryUpdateError<E>> {
        self.write(now, None, edit)
    }

    /// Edits the document as somebody saw it before, like
    /// [`Doc::update_observed`](crdt_core::Doc::update_observed): what has arrived since is neither
    /// seen nor taken away.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update).
    pub fn update_observed<R>(
        &mut self,
        now: Now,
        observed: &Observed,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Result<Written<R>, UpdateError> {
        infallible(self.write(now, Some(observed), |editor| Ok(edit(editor))))
    }

    fn write<R, E>(
        &mut self,
        now: Now,
        observed: Option<&Observed>,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<Written<R>, TryUpdateError<E>> {
        let (mut edit, mut result) = (Some(edit), None);
        let update = self.write_by(now, observed, &mut |editor| {
            result = edit.take().map(|edit| edit(editor));
            matches!(result, Some(Ok(_)))
        })?;
        let value = result.expect("an edit is called once").map_err(TryUpdateError::Closure)?;
        Ok(Written::new(value, Token::new(self.state.applied().clone()), update))
    }

    /// Where writes are made, once for a type, whatever the closures. The edit is called once and
    /// returns whether it succeeded.
    fn write_by(
        &mut self,
        now: Now,
        observed: Option<&Observed>,
        edit: &mut dyn FnMut(T::Editor<'_>) -> bool,
    ) -> Result<Option<Dot>, UpdateError> {
        self.now = now.mono;
        if self.state.is_frozen() {
            return Err(UpdateError::Frozen);
        }
        let (before, mut drawn) = (self.state.replica(), Vec::new());
        self.ready_writer(now);
        if self.state.replica() != before {
            self.announce();
        }
        let mut note = |at, lacking| drawn.push((at, lacking));
        let written = self.state.write(observed, edit, &mut note, now, &self.config);
        if let Ok(Some(update)) = written {
            self.counters.writes += 1;
            self.tell(Event::Applied { update, from: None });
            self.grown(now);
        }
        self.drew(drawn, now);
        written
    }

    /// Makes sure that there is an id to write under.
    pub(super) fn ready_writer(&mut self, now: Now) {
        let rng = &mut self.rng;
        let mint = || {
            let mut id = [0; 16];
            rng.fill_bytes(&mut id);
            ReplicaId::from_bytes(id)
        };
        self.state.ready_writer(mint, now);
    }
}

fn infallible<R>(written: Result<R, TryUpdateError<Infallible>>) -> Result<R, UpdateError> {
    written.map_err(|error| match error {
        TryUpdateError::Closure(never) => match never {},
        TryUpdateError::Update(error) => error,
    })
}
