//! Registers as subjects.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::common_and;
use crate::laws::Case;
use crate::laws::subject::{Sample, Subject};
use crate::register::{LwwRegister, Max, Min, MvRegister, Ranked, RankedRegister, Resolve, ResolvedRegister};
use crate::view::Crdt;

/// An edit of a register.
#[derive(Clone, Debug, PartialEq)]
pub enum RegisterEdit<V> {
    /// `set(value)`
    Set(V),
    /// `clear()`
    Clear,
}

impl<V: Sample> Subject for LwwRegister<V> {
    type Crdt = Self;
    type Edit = RegisterEdit<V>;
    /// The winner first.
    type Shown = Vec<V>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        prop_oneof![5 => V::samples().prop_map(RegisterEdit::Set), 1 => Just(RegisterEdit::Clear)].boxed()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match edit {
            RegisterEdit::Set(value) => {
                editor.set(value.clone());
                assert_eq!(editor.get().as_ref(), Some(value), "a write is visible to its writer");
            }
            RegisterEdit::Clear => {
                editor.clear();
                assert!(editor.is_empty(), "a clearing is visible to its writer");
            }
        }
    }

    fn show(value: &Self) -> Self::Shown {
        assert_eq!(value.get(), value.siblings().next(), "the winner is the first of the siblings");
        value.siblings().cloned().collect()
    }

    fn facts(value: &Self) -> BTreeSet<String> {
        value.get().map(|_| String::from("a value")).into_iter().collect()
    }

    fn hard_cases() -> Vec<Case> {
        common_and([Case::RemovalOnly, Case::WrittenAgain, Case::Tie])
    }
}

impl<V: Sample> Subject for MvRegister<V> {
    type Crdt = Self;
    type Edit = RegisterEdit<V>;
    /// In the order of dots.
    type Shown = Vec<V>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        LwwRegister::<V>::edits()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match edit {
            RegisterEdit::Set(value) => {
                editor.set(value.clone());
                assert_eq!(
                    editor.to_vec().as_slice(),
                    core::slice::from_ref(value),
                    "a write is visible to its writer"
                );
            }
            RegisterEdit::Clear => {
                editor.clear();
                assert!(editor.is_empty(), "a clearing is visible to its writer");
            }
        }
    }

    fn show(value: &Self) -> Self::Shown {
        value.siblings().cloned().collect()
    }

    fn facts(value: &Self) -> BTreeSet<String> {
        value.siblings().map(|_| String::from("a value")).collect()
    }

    fn hard_cases() -> Vec<Case> {
        common_and([Case::RemovalOnly, Case::WrittenAgain])
    }
}

impl<V: Sample, R: Resolve<V>> Subject for ResolvedRegister<V, R> {
    type Crdt = Self;
    type Edit = RegisterEdit<V>;
    type Shown = Option<V>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        LwwRegister::<V>::edits()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match edit {
            RegisterEdit::Set(value) => editor.set(value.clone()),
            RegisterEdit::Clear => editor.clear(),
        }
    }

    fn show(value: &Self) -> Self::Shown {
        value.get().map(|value| value.into_owned())
    }
}

impl<V: Sample + Ranked> Subject for RankedRegister<V> {
    type Crdt = Self;
    type Edit = RegisterEdit<V>;
    /// The winner first.
    type Shown = Vec<V>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        LwwRegister::<V>::edits()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match edit {
            RegisterEdit::Set(value) => {
                editor.set(value.clone());
                assert_eq!(editor.get().as_ref(), Some(value), "a write is visible to its writer");
            }
            RegisterEdit::Clear => editor.clear(),
        }
    }

    fn show(value: &Self) -> Self::Shown {
        assert_eq!(value.get(), value.siblings().next(), "the winner is the first of the siblings");
        value.siblings().cloned().collect()
    }

    fn hard_cases() -> Vec<Case> {
        LwwRegister::<V>::hard_cases()
    }
}

/// Both ends are subjects alike; the edit is the value that is given.
macro_rules! extreme {
    ($name:ident, $write:ident) => {
        impl<V: Sample + Ord> Subject for $name<V> {
            type Crdt = Self;
            type Edit = V;
            type Shown = Option<V>;

            fn edits() -> BoxedStrategy<V> {
                V::samples()
            }

            fn apply(editor: &<Self as Crdt>::Editor<'_>, value: &V) {
                let before = editor.get();
                let changed = editor.$write(value.clone());
                assert_eq!(changed, editor.get() != before, "it says whether the value has changed");
            }

            fn show(value: &Self) -> Self::Shown {
                value.get().cloned()
            }

            /// Few values surpass all before, so a replica rarely writes often enough for a gap.
            fn hard_cases() -> Vec<Case> {
                Vec::from([Case::Reordered, Case::Duplicated, Case::Grouped, Case::Siblings, Case::Walk])
            }
        }
    };
}

extreme!(Max, raise);
extreme!(Min, lower);
