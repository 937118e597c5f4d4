//! Values that follow from who had seen what, and from nothing else.

mod models;
mod past;
mod replay;

use alloc::format;

use proptest::prelude::*;

pub use past::{Act, Event, Past};

use super::coverage::Coverage;
use super::report::{self, Broken};
use super::subject::Subject;
use super::world::{Check, Merges, Watch, World};
use crate::clock::Stamp;
use replay::Replay;

/// A type whose values have a specification: a function of a set of edits and of which of them had
/// seen which. (Burckhardt, Gotsman, Yang, Zawirski 2014: replicated data type specifications.)
///
/// It uses neither dots nor deltas nor contexts, so that an oracle and a type cannot share a
/// mistake. The types of this crate implement it, and nest.
///
/// ```
/// use crdt_core::OrMap;
/// use crdt_core::PnCounter;
/// use crdt_core::laws::check_values;
///
/// check_values::<OrMap<u8, PnCounter>>()?;
/// # Ok::<(), crdt_core::laws::Broken>(())
/// ```
pub trait Specified: Subject {
    /// What is shown where exactly these edits have arrived.
    fn expected(past: &Past<Self::Edit>) -> Self::Shown;

    /// Whether that reads like a fresh value, so that a map does not show its key.
    fn is_absent(past: &Past<Self::Edit>) -> bool {
        Self::expected(past) == Self::expected(&Past::default())
    }

    /// Whether the edit makes a stamped write, and if so the largest stamp that this has to exceed.
    ///
    /// `now` is what the editor sees, with the edits before this one in its transaction; `base` is
    /// what it saw when the transaction began.
    fn stamped_above(
        edit: &Self::Edit,
        now: &Past<Self::Edit>,
        base: &Past<Self::Edit>,
    ) -> Option<Option<Stamp>> {
        let _ = (edit, now, base);
        None
    }

    /// Edits that the specification covers.
    fn specified_edits() -> BoxedStrategy<Self::Edit> {
        Self::edits()
    }
}

/// Checks the value at every replica after every step against [`Specified`].
///
/// Updates arrive after their causes here, though twice and late: what is shown where a cause is
/// missing is not specified. That they may arrive in any order in the end is the law
/// [`AnyOrder`](super::Law::AnyOrder).
///
/// # Errors
/// The shortest story found in which a replica shows something else.
pub fn check_values<S: Specified>() -> Result<Coverage, Broken> {
    check_values_of::<S>(Merges::REAL)
}

pub(super) fn check_values_of<S: Specified>(merges: Merges<S::Crdt>) -> Result<Coverage, Broken> {
    report::run::<S>("values are as specified", S::specified_edits(), |history, story, coverage| {
        let mut history = history.clone();
        history.setting.causal = true;
        history.setting.observing = false;
        let mut world = World::<S>::new(&history.setting, merges, story);
        let check = world.play(&history, &mut Values::<S>(Replay::new(&history.setting)));
        coverage.add(&world.coverage);
        check
    })
}

/// Compares values with what is expected of them.
struct Values<S: Specified>(Replay<S>);

impl<S: Specified> Watch<S> for Values<S> {
    fn stepped(&mut self, world: &World<'_, S>, at: usize) -> Check {
        self.0.catch_up(&world.updates);
        let node = &world.nodes[at];
        let (shown, expected) = (S::show(&node.doc), S::expected(&self.0.past(node.known)));
        if shown != expected {
            return Err(format!("{} shows {shown:?}, and should show {expected:?}", node.name));
        }
        Ok(())
    }
}
