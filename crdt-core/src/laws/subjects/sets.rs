//! Sets as subjects.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::common_and;
use crate::laws::Case;
use crate::laws::subject::{SampleKey, Subject};
use crate::set::{GSet, OrSet, RwSet};
use crate::view::Crdt;

/// An edit of a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SetEdit<K> {
    /// `insert(element)`
    Insert(K),
    /// `remove(&element)`
    Remove(K),
    /// `clear()`
    Clear,
}

/// The elements, if all readings of the set agree about them.
fn shown<'a, K: SampleKey>(
    elements: impl Iterator<Item = &'a K>,
    size: (usize, bool),
    contains: impl Fn(&K) -> bool,
) -> BTreeSet<K> {
    let shown: BTreeSet<K> = elements.cloned().collect();
    assert_eq!(size, (shown.len(), shown.is_empty()), "length and elements");
    assert!(shown.iter().all(contains), "what is listed is contained");
    shown
}

impl<K: SampleKey> Subject for OrSet<K> {
    type Crdt = Self;
    type Edit = SetEdit<K>;
    type Shown = BTreeSet<K>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        let edits = prop_oneof![
            6 => K::samples().prop_map(SetEdit::Insert),
            4 => K::samples().prop_map(SetEdit::Remove),
            1 => Just(SetEdit::Clear),
        ];
        edits.boxed()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match edit {
            SetEdit::Insert(element) => editor.insert(element.clone()),
            SetEdit::Remove(element) => {
                let was_in = editor.contains(element);
                assert_eq!(editor.remove(element), was_in, "a removal says what the editor reads");
            }
            SetEdit::Clear => editor.clear(),
        }
    }

    fn show(value: &Self) -> Self::Shown {
        shown(value.iter(), (value.len(), value.is_empty()), |element| value.contains(element))
    }

    fn facts(value: &Self) -> BTreeSet<String> {
        value.iter().map(|element| format!("{element:?}")).collect()
    }

    fn hard_cases() -> Vec<Case> {
        common_and([Case::RemovalOnly, Case::ConcurrentRemovals, Case::WrittenAgain])
    }
}

impl<K: SampleKey> Subject for RwSet<K> {
    type Crdt = Self;
    type Edit = SetEdit<K>;
    type Shown = BTreeSet<K>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        OrSet::<K>::edits()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match edit {
            SetEdit::Insert(element) => {
                editor.insert(element.clone());
                assert!(editor.contains(element), "an insertion is visible to its writer");
            }
            SetEdit::Remove(element) => {
                let was_in = editor.contains(element);
                assert_eq!(editor.remove(element), was_in, "a removal says what the editor reads");
                assert!(!editor.contains(element), "a removal is visible to its writer");
            }
            SetEdit::Clear => {
                editor.clear();
                assert!(editor.is_empty(), "a clearing is visible to its writer");
            }
        }
    }

    fn show(value: &Self) -> Self::Shown {
        shown(value.iter(), (value.len(), value.is_empty()), |element| value.contains(element))
    }

    fn facts(value: &Self) -> BTreeSet<String> {
        value.iter().map(|element| format!("{element:?}")).collect()
    }
}

impl<K: SampleKey> Subject for GSet<K> {
    type Crdt = Self;
    /// The element that is inserted.
    type Edit = K;
    type Shown = BTreeSet<K>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        K::samples()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, element: &K) {
        let was_in = editor.contains(element);
        assert_eq!(editor.insert(element.clone()), !was_in, "an insertion says what the editor reads");
    }

    fn show(value: &Self) -> Self::Shown {
        shown(value.iter(), (value.len(), value.is_empty()), |element| value.contains(element))
    }

    fn facts(value: &Self) -> BTreeSet<String> {
        value.iter().map(|element| format!("{element:?}")).collect()
    }

    /// Nothing is ever removed.
    fn hard_cases() -> Vec<Case> {
        Vec::from([Case::Reordered, Case::Duplicated, Case::Grouped, Case::Gap, Case::Siblings, Case::Walk])
    }
}
