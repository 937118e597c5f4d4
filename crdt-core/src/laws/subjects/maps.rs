//! Maps as subjects.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::common_and;
use crate::laws::Case;
use crate::laws::subject::{Sample, SampleKey, Subject};
use crate::map::{LwwMap, OrMap};
use crate::view::{Crdt, Reset};

/// An edit of an [`LwwMap`].
#[derive(Clone, Debug, PartialEq)]
pub enum LwwMapEdit<K, V> {
    /// `insert(key, value)`
    Insert(K, V),
    /// `remove(&key)`
    Remove(K),
    /// `clear()`
    Clear,
}

impl<K: SampleKey, V: Sample> Subject for LwwMap<K, V> {
    type Crdt = Self;
    type Edit = LwwMapEdit<K, V>;
    /// The keys with a value or a conflict, the winner first; no value is a removal.
    type Shown = BTreeMap<K, Vec<Option<V>>>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        let insert = (K::samples(), V::samples()).prop_map(|(key, value)| LwwMapEdit::Insert(key, value));
        let remove = K::samples().prop_map(LwwMapEdit::Remove);
        prop_oneof![8 => insert, 4 => remove, 1 => Just(LwwMapEdit::Clear)].boxed()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match edit {
            LwwMapEdit::Insert(key, value) => {
                editor.insert(key.clone(), value.clone());
                assert_eq!(editor.get(key).as_ref(), Some(value), "a write is visible to its writer");
            }
            LwwMapEdit::Remove(key) => {
                let was_in = editor.contains_key(key);
                assert_eq!(editor.remove(key), was_in, "a removal says what the editor reads");
                assert!(!editor.contains_key(key), "a removal is visible to its writer");
            }
            LwwMapEdit::Clear => editor.clear(),
        }
    }

    fn show(value: &Self) -> Self::Shown {
        let keys = value.keys().chain(value.conflicts().map(|(key, _)| key));
        let siblings = |key: &K| value.siblings(key).map(Option::<&V>::cloned).collect();
        assert_eq!(value.len(), value.iter().count(), "length and keys");
        assert!(value.iter().all(|(key, held)| value.get(key) == Some(held)), "what is listed is found");
        keys.map(|key| (key.clone(), siblings(key))).collect()
    }

    fn facts(value: &Self) -> BTreeSet<String> {
        value.keys().map(|key| format!("{key:?}")).collect()
    }

    fn hard_cases() -> Vec<Case> {
        common_and([Case::Tie])
    }
}

/// An edit of an [`OrMap`].
#[derive(Clone, Debug, PartialEq)]
pub enum MapEdit<K, E> {
    /// An edit of `entry(&key)`.
    Entry(K, E),
    /// `remove(&key)`
    Remove(K),
    /// `clear()`
    Clear,
}

impl<K: SampleKey, S: Subject<Crdt: Reset>> Subject for OrMap<K, S> {
    type Crdt = OrMap<K, S::Crdt>;
    type Edit = MapEdit<K, S::Edit>;
    type Shown = BTreeMap<K, S::Shown>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        let entry = (K::samples(), S::edits()).prop_map(|(key, edit)| MapEdit::Entry(key, edit));
        let remove = K::samples().prop_map(MapEdit::Remove);
        prop_oneof![8 => entry, 3 => remove, 1 => Just(MapEdit::Clear)].boxed()
    }

    fn apply(editor: &<Self::Crdt as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match edit {
            MapEdit::Entry(key, edit) => S::apply(&editor.entry(key), edit),
            MapEdit::Remove(key) => {
                let was_in = editor.contains_key(key);
                assert_eq!(editor.remove(key), was_in, "a removal says what the editor reads");
                assert!(!editor.contains_key(key), "a removal is visible to its writer");
            }
            MapEdit::Clear => {
                editor.clear();
                assert!(editor.is_empty(), "a clearing is visible to its writer");
            }
        }
    }

    fn show(value: &Self::Crdt) -> Self::Shown {
        let shown: BTreeMap<K, S::Shown> =
            value.iter().map(|(key, inner)| (key.clone(), S::show(inner))).collect();
        assert_eq!((value.len(), value.is_empty()), (shown.len(), shown.is_empty()), "length and keys");
        assert!(shown.keys().all(|key| value.contains_key(key)), "what is listed is found");
        shown
    }

    fn facts(value: &Self::Crdt) -> BTreeSet<String> {
        let mut facts = BTreeSet::new();
        for (key, value) in value.iter() {
            facts.insert(format!("{key:?}"));
            facts.extend(S::facts(value).into_iter().map(|fact| format!("{key:?}: {fact}")));
        }
        facts
    }

    fn hard_cases() -> Vec<Case> {
        S::hard_cases()
    }
}
