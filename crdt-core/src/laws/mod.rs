//! The property kit: one line checks a type against the laws of replication.
//!
//! A check generates *histories*: a few replicas write, hear of each other late, twice and out of
//! order, in single updates, groups, differences, whole states and walks. States are those that
//! histories reach, since others need not obey, and only histories meet the hard cases: ties, a
//! write beside a removal, two removals of one entry, contexts with gaps. How often each was reached
//! is counted ([`Coverage`]). What fails shrinks to a story of two or three replicas:
//!
//! ```text
//! OrSet<u8> breaks the law "merge is commutative":
//!   a writes as 2
//!   b writes as 1
//!   a: Insert(0) (update 0)
//!   b <- a: update 0
//!   b: Remove(0) (update 1)
//!   x ⊔ y and y ⊔ x: {} and {0}
//! ```
//!
//! Say what an edit of the type is and what can be read of it ([`Subject`]), then, in a test:
//!
//! ```
//! use crdt_core::{OrMap, OrSet};
//!
//! crdt_core::crdt_laws! {
//!     set: OrSet<u8>,
//!     carts: OrMap<String, OrSet<u8>>,
//! }
//! # fn main() {}
//! ```
//!
//! This makes a test of every law for every type, such as `carts::merge_is_commutative`. Replicas
//! can also agree on a wrong value: whoever can say what a value should be, from nothing but which
//! edit had seen which, implements [`Specified`] and calls [`check_values`].
//!
//! Histories are the same in each run. `PROPTEST_CASES` sets how many there are for each law,
//! `PROPTEST_RNG_SEED` chooses others.

mod algebra;
mod bytes;
mod coverage;
mod history;
mod macros;
mod oracle;
mod report;
mod subject;
mod subjects;
mod survey;
mod transport;
mod world;

pub use coverage::{Case, Coverage};
pub use oracle::{Act, Event, Past, Specified, check_values};
pub use report::Broken;
pub use subject::{Sample, SampleKey, Subject};
pub use subjects::{BoundedEdit, CounterEdit, FlagEdit, LwwMapEdit, MapEdit, RegisterEdit, SetEdit};

use alloc::string::ToString;
use core::fmt;

use history::History;
use world::{Check, Merges, World};

/// What must hold of every type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Law {
    /// x ⊔ y = y ⊔ x, for states and for deltas.
    Commutative,
    /// (x ⊔ y) ⊔ z = x ⊔ (y ⊔ z), for states and for deltas.
    Associative,
    /// x ⊔ x = x, and a duplicate changes nothing.
    Idempotent,
    /// x ⊔ ⊥ = ⊥ ⊔ x = x.
    Bottom,
    /// x ⊔ y lacks nothing of x or y, and a merge says truly whether it changed anything.
    Inflationary,
    /// A merge is the set algebra on dots that it is specified as.
    SetAlgebra,
    /// A dot that is gone stays gone, and no dot is forgotten.
    DeadStaysDead,
    /// m(x) = x ⊔ mδ(x), of dots that were seen or are new; a failing edit changes nothing.
    EditIsItsDelta,
    /// Deltas in any order, duplicated and grouped, give the full state.
    AnyOrder,
    /// Where deltas were lost, the full state, a difference or a walk makes up for it.
    LossIsRepaired,
    /// The difference is complete, removals included, and nothing can be taken out of it.
    Difference,
    /// An edit, also one that only removes, travels as delta, bytes, group, state, difference, walk.
    EveryPath,
    /// After every chunk of a walk a receiver shows what it showed before and shows in the end; in
    /// the end it has what the donor had at the start, whatever the donor did meanwhile.
    Walk,
    /// Bytes decode to what was encoded, and a part of them does not decode.
    RoundTrip,
    /// Entries that come and go in any order give one value, one state, the same bytes.
    View,
    /// Fingerprints are equal where states are, and only there.
    Fingerprint,
}

impl Law {
    /// All laws.
    pub const ALL: [Self; 16] = [
        Self::Commutative,
        Self::Associative,
        Self::Idempotent,
        Self::Bottom,
        Self::Inflationary,
        Self::SetAlgebra,
        Self::DeadStaysDead,
        Self::EditIsItsDelta,
        Self::AnyOrder,
        Self::LossIsRepaired,
        Self::Difference,
        Self::EveryPath,
        Self::Walk,
        Self::RoundTrip,
        Self::View,
        Self::Fingerprint,
    ];

    fn check<S: Subject>(
        self,
        world: &mut World<'_, S>,
        history: &History,
        merges: Merges<S::Crdt>,
    ) -> Check {
        match self {
            Self::Commutative => algebra::commutative(world, history),
            Self::Associative => algebra::associative(world, history),
            Self::Idempotent => algebra::idempotent(world, history),
            Self::Bottom => algebra::bottom(world, history),
            Self::Inflationary => algebra::inflationary(world, history),
            Self::SetAlgebra => algebra::set_algebra(world, history),
            Self::DeadStaysDead => world.play(history, &mut algebra::Dead::default()),
            Self::EditIsItsDelta => world.play(history, &mut transport::Edits(merges)),
            Self::AnyOrder => transport::any_order(world, history),
            Self::LossIsRepaired => transport::lost(world, history),
            Self::Difference => transport::difference(world, history),
            Self::EveryPath => world.play(history, &mut transport::Paths(merges)),
            Self::Walk => world.play(history, &mut transport::Walks),
            Self::RoundTrip => bytes::round_trip(world, history),
            Self::View => bytes::view(world, history),
            Self::Fingerprint => world.play(history, &mut bytes::Prints::default()),
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commutative => "merge is commutative",
            Self::Associative => "merge is associative",
            Self::Idempotent => "merge is idempotent",
            Self::Bottom => "bottom is the identity",
            Self::Inflationary => "merge is inflationary",
            Self::SetAlgebra => "merge is set algebra on dots",
            Self::DeadStaysDead => "a dead dot stays dead",
            Self::EditIsItsDelta => "an edit is the merge of its delta",
            Self::AnyOrder => "deltas in any order are the full state",
            Self::LossIsRepaired => "lost deltas are repaired",
            Self::Difference => "a difference is complete and minimal",
            Self::EveryPath => "an edit travels on every path",
            Self::Walk => "a walk never hides what both ends show",
            Self::RoundTrip => "bytes round trip",
            Self::View => "a view is a function of its entries",
            Self::Fingerprint => "fingerprints tell states apart",
        })
    }
}

/// Checks one law of a type over generated histories; returns what these reached.
///
/// # Errors
/// The shortest story found in which the law does not hold.
pub fn check<S: Subject>(law: Law) -> Result<Coverage, Broken> {
    check_merges::<S>(law, Merges::REAL)
}

/// Checks all laws of a type, and that its histories reached the cases that it calls hard.
///
/// # Errors
/// The story in which a law does not hold, or the cases that were not reached.
pub fn check_all<S: Subject>() -> Result<Coverage, Broken> {
    Law::ALL.iter().try_for_each(|law| check::<S>(*law).map(|_| ()))?;
    check_coverage::<S>()
}

/// Checks that the histories of a type reach the cases that it calls hard.
///
/// # Errors
/// The cases that were not reached: a check of this type would prove little.
pub fn check_coverage<S: Subject>() -> Result<Coverage, Broken> {
    let coverage = check::<S>(Law::DeadStaysDead)?;
    let missed = S::hard_cases().into_iter().find(|case| coverage.of(*case) == 0);
    let reason = |case: Case| alloc::format!("no history reached {case:?}: {coverage}");
    missed.map_or(Ok(()), |case| Err(Broken::new::<S>("the hard cases are reached", reason(case))))?;
    Ok(coverage)
}

fn check_merges<S: Subject>(law: Law, merges: Merges<S::Crdt>) -> Result<Coverage, Broken> {
    report::run::<S>(&law.to_string(), S::edits(), |history, story, coverage| {
        let mut world = World::<S>::new(&history.setting, merges, story);
        let check = law.check(&mut world, history, merges);
        coverage.add(&world.coverage);
        check
    })
}

#[cfg(test)]
mod tests;
