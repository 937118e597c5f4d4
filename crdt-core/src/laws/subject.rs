//! What the kit has to know of a type.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::hash::Hash;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Case;
use crate::codec::Wire;
use crate::view::Crdt;

/// How the kit writes and reads a type.
///
/// The types of this crate implement it for themselves. For a type of yours, implement it for the
/// type or, from another crate such as an integration test, for an empty struct of your own that
/// names the type; [`crdt_subject!`](crate::crdt_subject) does that for a struct of fields. A subject
/// nests like the type that it stands for: `OrMap<u8, ProfileLaws>` checks a map of profiles.
///
/// ```
/// use crdt_core::laws::{self, Law, Subject};
/// use crdt_core::view::Crdt;
/// use crdt_core::laws::proptest::prelude::*;
/// use crdt_core::{GCounter, OrMap, OrSet};
///
/// /// Visits by page: a map, as a user's own crate would wrap it.
/// type Visits = OrMap<String, GCounter>;
///
/// struct VisitsLaws;
///
/// impl Subject for VisitsLaws {
///     type Crdt = Visits;
///     type Edit = (String, u64);
///     type Shown = Vec<(String, u128)>;
///
///     fn edits() -> BoxedStrategy<Self::Edit> {
///         ("[ab]", 1u64..5).boxed()
///     }
///
///     fn apply(visits: &<Visits as Crdt>::Editor<'_>, (page, times): &Self::Edit) {
///         visits.entry(page.as_str()).add(*times);
///     }
///
///     fn show(visits: &Visits) -> Self::Shown {
///         visits.sorted().into_iter().map(|(page, times)| (page.clone(), times.value())).collect()
///     }
/// }
///
/// laws::check::<VisitsLaws>(Law::Commutative)?;
/// laws::check::<OrSet<u8>>(Law::Commutative)?;
/// # Ok::<(), laws::Broken>(())
/// ```
pub trait Subject: 'static {
    /// The type.
    type Crdt: Wire;
    /// One call of the type's editor.
    type Edit: Clone + Debug;
    /// All that can be read of a value, in a form that compares: a function of the live entries.
    type Shown: PartialEq + Debug;

    /// Edits that meet: few keys, few values, so that replicas get into each other's way.
    fn edits() -> BoxedStrategy<Self::Edit>;

    /// Makes the call.
    fn apply(editor: &<Self::Crdt as Crdt>::Editor<'_>, edit: &Self::Edit);

    /// Reads the value.
    fn show(value: &Self::Crdt) -> Self::Shown;

    /// The elements and keys that are present, one string each: what must not flicker in a
    /// [walk](crate::Walk).
    ///
    /// Leave out what can vanish without a removal, such as the value of a counter.
    fn facts(value: &Self::Crdt) -> BTreeSet<String> {
        let _ = value;
        BTreeSet::new()
    }

    /// The hard cases that histories of this type must reach for a check to mean anything.
    fn hard_cases() -> Vec<Case> {
        Vec::from(Case::COMMON)
    }
}

/// A key or value of which the kit makes a few.
pub trait Sample: Clone + Debug + PartialEq + Serialize + DeserializeOwned + 'static {
    /// Few different ones, so that edits meet.
    fn samples() -> BoxedStrategy<Self>;
}

/// A [`Sample`] that can be a key. Implemented for all that qualify.
pub trait SampleKey: Sample + Eq + Ord + Hash {}

impl<K: Sample + Eq + Ord + Hash> SampleKey for K {}

macro_rules! small_numbers {
    ($($number:ty),+) => {$(
        impl Sample for $number {
            fn samples() -> BoxedStrategy<Self> {
                (0..3u8).prop_map(<$number>::from).boxed()
            }
        }
    )+};
}

small_numbers!(u8, u16, u32, u64, i16, i32, i64, f64);

impl Sample for bool {
    fn samples() -> BoxedStrategy<Self> {
        any::<bool>().boxed()
    }
}

impl Sample for String {
    fn samples() -> BoxedStrategy<Self> {
        prop_oneof!["", "a", "bb"].prop_map(Self::from).boxed()
    }
}

impl Sample for Box<str> {
    fn samples() -> BoxedStrategy<Self> {
        String::samples().prop_map(Self::from).boxed()
    }
}

impl<A: Sample, B: Sample> Sample for (A, B) {
    fn samples() -> BoxedStrategy<Self> {
        (A::samples(), B::samples()).boxed()
    }
}

impl<A: Sample> Sample for Option<A> {
    fn samples() -> BoxedStrategy<Self> {
        prop::option::of(A::samples()).boxed()
    }
}
