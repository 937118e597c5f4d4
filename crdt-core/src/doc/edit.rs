//! Edits: a scratch that becomes a delta, or nothing.

use super::delta::sort;
use super::{Delta, Doc, Observed};
use crate::dot::Dot;
use crate::replica::Replica;
use crate::view::{Crdt, Tx};

impl<T: Crdt> Doc<T> {
    /// Edits the document and returns what changed, to be sent to the other replicas.
    ///
    /// The closure gets the type's editor, which sees the document and its own changes. All changes
    /// of one closure travel together in one delta. What the closure returns is dropped, an error too; use
    /// [`try_update`](Doc::try_update) to keep it, and to change nothing where it fails. If the closure
    /// panics the document is as before.
    ///
    /// ```
    /// use crdt_core::{Doc, OrSet, Replica, ReplicaId};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(1));
    /// let mut set = Doc::<OrSet<u32>>::default();
    /// let delta = set.update(&mut me, |set| {
    ///     set.insert(1);
    ///     set.insert(2);
    ///     set.remove(&1);
    /// });
    /// assert_eq!(delta.entries().len(), 1);
    /// assert!(set.contains(&2) && !set.contains(&1));
    /// ```
    #[doc(alias("transact", "mutate"))]
    pub fn update<R>(&mut self, me: &mut Replica, edit: impl FnOnce(T::Editor<'_>) -> R) -> Delta<T> {
        self.update_with(me, None, edit)
    }

    /// Edits the document if the closure succeeds; returns its result and what changed.
    ///
    /// # Errors
    /// The closure's error. The document and the replica's numbers are then as before.
    ///
    /// ```
    /// use crdt_core::{Doc, OrSet, Replica, ReplicaId};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(1));
    /// let mut set = Doc::<OrSet<u32>>::default();
    /// let refused = set.try_update(&mut me, |set| {
    ///     set.insert(1);
    ///     if set.contains(&1) { Err("no room") } else { Ok(()) }
    /// });
    /// assert_eq!(refused.unwrap_err(), "no room");
    /// assert!(set.is_empty());
    /// ```
    pub fn try_update<R, E>(
        &mut self,
        me: &mut Replica,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<(R, Delta<T>), E> {
        self.try_update_with(me, None, edit)
    }

    /// Makes the delta of an edit without merging it: for engines that look at it first.
    ///
    /// The numbers of a staged delta are used up. Merge it before the next edit by this replica, or
    /// that edit does not see it.
    ///
    /// # Errors
    /// The closure's error; the replica's numbers are then as before.
    pub fn stage<R, E>(
        &self,
        me: &mut Replica,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<(R, Delta<T>), E> {
        self.stage_with(me, None, edit)
    }

    /// What an edit may take away if it is decided upon later: all that the document shows now.
    ///
    /// See [`update_observed`](Doc::update_observed).
    #[must_use]
    pub fn observe(&self) -> Observed {
        Observed { context: self.context() }
    }

    /// Edits the document as somebody saw it before: the editor sees, and takes away, only what was
    /// there when `observed` was taken, and what the edit itself writes.
    ///
    /// For screens that have become stale. Whoever presses "remove" has seen what was on the screen,
    /// not what has arrived since; a plain [`update`](Doc::update) would take that too, and its
    /// writer would never hear of it. Of a register both values stay, as a conflict that can be seen.
    /// What the screen of another replica showed and has yet to arrive here stays as well. The increments
    /// of one replica to a counter are one entry: where it has counted on since, a reset leaves them all.
    ///
    /// ```
    /// use crdt_core::{Doc, OrSet, Replica, ReplicaId};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(1));
    /// let mut cart = Doc::<OrSet<&str>>::default();
    /// cart.update(&mut me, |cart| cart.insert("apple"));
    /// let screen = cart.observe();
    ///
    /// // While somebody looks at the screen another one adds a pear.
    /// cart.update(&mut me, |cart| cart.insert("pear"));
    /// cart.update_observed(&mut me, &screen, |cart| cart.clear());
    /// assert!(cart.contains("pear") && !cart.contains("apple"));
    /// ```
    pub fn update_observed<R>(
        &mut self,
        me: &mut Replica,
        observed: &Observed,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Delta<T> {
        self.update_with(me, Some(observed), edit)
    }

    /// Edits the document [as somebody saw it before](Doc::update_observed), [if the closure
    /// succeeds](Doc::try_update); returns its result and what changed.
    ///
    /// # Errors
    /// The closure's error. The document and the replica's numbers are then as before.
    ///
    /// ```
    /// use crdt_core::{Doc, OrSet, Replica, ReplicaId};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(1));
    /// let mut cart = Doc::<OrSet<&str>>::default();
    /// let screen = cart.observe();
    /// let _ = cart.update(&mut me, |cart| cart.insert("apple"));
    /// let refused = cart.try_update_observed(&mut me, &screen, |cart| {
    ///     if cart.remove("apple") { Ok(()) } else { Err("nothing that was on the screen") }
    /// });
    /// assert!(refused.is_err() && cart.contains("apple"));
    /// ```
    pub fn try_update_observed<R, E>(
        &mut self,
        me: &mut Replica,
        observed: &Observed,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<(R, Delta<T>), E> {
        self.try_update_with(me, Some(observed), edit)
    }

    fn try_update_with<R, E>(
        &mut self,
        me: &mut Replica,
        observed: Option<&Observed>,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<(R, Delta<T>), E> {
        let (result, delta) = self.stage_with(me, observed, edit)?;
        self.merge_ref(&delta);
        Ok((result, delta))
    }

    fn update_with<R>(
        &mut self,
        me: &mut Replica,
        observed: Option<&Observed>,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Delta<T> {
        let mut edit = Some(edit);
        let mut delta = Delta::default();
        self.stage_by(me, observed, &mut delta, &mut |_, _| {}, &mut |editor| {
            edit.take().map(|edit| edit(editor)).is_some()
        });
        self.merge_ref(&delta);
        delta
    }

    /// [`stage`](Doc::stage) and [`update_observed`](Doc::update_observed) in one.
    ///
    /// # Errors
    /// The closure's error; the replica's numbers are then as before.
    pub fn stage_with<R, E>(
        &self,
        me: &mut Replica,
        observed: Option<&Observed>,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
    ) -> Result<(R, Delta<T>), E> {
        self.stage_watched(me, observed, edit, &mut |_, _| {})
    }

    /// [`stage_with`](Doc::stage_with) for engines that move rights: calls `drawn` for every place where
    /// the edit took rights or tried to, as [`Crdt::rights_drawn`] does, whether it succeeds or not.
    ///
    /// # Errors
    /// The closure's error; the replica's numbers are then as before.
    pub fn stage_watched<R, E>(
        &self,
        me: &mut Replica,
        observed: Option<&Observed>,
        edit: impl FnOnce(T::Editor<'_>) -> Result<R, E>,
        drawn: &mut dyn FnMut(T::Entry, u64),
    ) -> Result<(R, Delta<T>), E> {
        let (mut edit, mut result, mut delta) = (Some(edit), None, Delta::default());
        self.stage_by(me, observed, &mut delta, drawn, &mut |editor| {
            result = edit.take().map(|edit| edit(editor));
            matches!(result, Some(Ok(_)))
        });
        result.expect("an edit is called once").map(|result| (result, delta))
    }

    /// Where edits are made. It does not know their closures, so that a program with many of them has
    /// it once for a type. What changed goes into `delta`, which is empty, and stays so if the edit, which is
    /// called once, returns false.
    fn stage_by(
        &self,
        me: &mut Replica,
        observed: Option<&Observed>,
        delta: &mut Delta<T>,
        drawn: &mut dyn FnMut(T::Entry, u64),
        edit: &mut dyn FnMut(T::Editor<'_>) -> bool,
    ) {
        let id = me.id();
        let place = self.ids.place(id).unwrap_or_else(|| self.ids.next());
        let seen = self.index.lane(place).map_or(0, |lane| lane.context.max());
        let next = me.next_seq(seen);

        let mut scratch = T::Scratch::default();
        let observed = observed.map(|observed| &observed.context);
        let mut tx = Tx::new::<T>(&self.ids, place, me, next, observed);
        let is_made = edit(T::edit(Some(&self.root), &scratch, &tx));
        if T::HAS_RIGHTS {
            T::rights_drawn(&scratch, drawn);
        }
        if !is_made {
            return;
        }
        tx.advance(me);
        T::drain(&mut scratch, |seq, entry| delta.entries.push_with(|| (Dot::new(id, seq), entry)));
        if !delta.entries.is_sorted_by_key(|(dot, _)| *dot) {
            sort(&mut delta.entries);
        }
        if let Some(superseded) = tx.take_superseded() {
            let id_at = |at| if at == place { id } else { self.ids.id(at) };
            delta.dead.extend(superseded.into_iter().map(|(at, dots)| (id_at(at), dots)));
        }
    }
}
