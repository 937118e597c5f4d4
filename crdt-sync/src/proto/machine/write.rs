//! Writes of this node.

use std::convert::Infallible;

use crdt_core::codec::Wire;
use crdt_core::{Dot, Observed, ReplicaId};
use rand::Rng;

use super::Machine;
use crate::proto::document::{Drawn, Typed};
use crate::proto::error::{TryUpdateError, UpdateError};
use crate::proto::event::Event;
use crate::proto::time::Now;
use crate::proto::token::Written;

impl<T: Wire> Machine<Typed<T>> {
    pub(crate) fn update<R>(
        &mut self,
        now: Now,
        observed: Option<&Observed>,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Result<Written<R>, UpdateError> {
        let written = self.try_update(now, observed, |editor| Ok::<_, Infallible>(edit(editor)));
        written.map_err(|error| match error {
            TryUpdateError::Closure(never) => match never {},
            TryUpdateError::Update(error) => error,
        })
    }

    pub(crate) fn try_update<R, E>(
        &mut self,
        now: Now,
        observed: Option<&Observed>,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<Written<R>, TryUpdateError<E>> {
        let (mut edit, mut result) = (Some(edit), None);
        let update = self.write(now, observed, &mut |editor| {
            result = edit.take().map(|edit| edit(editor));
            matches!(result, Some(Ok(_)))
        })?;
        let value = result.expect("an edit is called once").map_err(TryUpdateError::Closure)?;
        Ok(Written::new(value, self.any().token(), update))
    }

    /// Where writes are made, once for a type, whatever the closures. The edit is called once and
    /// returns whether it succeeded.
    fn write(
        &mut self,
        now: Now,
        observed: Option<&Observed>,
        edit: &mut dyn FnMut(T::Editor<'_>) -> bool,
    ) -> Result<Option<Dot>, UpdateError> {
        self.any_mut().begin_write(now)?;
        let (doc, writer) = self.state.writing();
        let drawn = doc.edit(writer, observed, edit);
        self.any_mut().finish_write(drawn, now)
    }
}

impl Machine {
    /// Makes sure that the document may be written, and that there is an id to write under.
    pub(super) fn begin_write(&mut self, now: Now) -> Result<(), UpdateError> {
        self.now = now.mono;
        if self.state.is_frozen() {
            return Err(UpdateError::Frozen);
        }
        let before = self.state.replica();
        self.ready_writer(now);
        if self.state.replica() != before {
            self.announce();
        }
        Ok(())
    }

    /// Commits the edit that is staged, and took these rights or lacked some. Returns the number of the
    /// update if there is anything to commit.
    pub(super) fn finish_write(&mut self, drawn: Vec<Drawn>, now: Now) -> Result<Option<Dot>, UpdateError> {
        let written = self.state.commit_edit(now, &self.config);
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
