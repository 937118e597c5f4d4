//! The types of this crate as subjects.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

use proptest::prelude::*;

use super::Case;
use super::subject::{Sample, SampleKey, Subject};
use crate::counter::{GCounter, PnCounter};
use crate::map::{LwwMap, OrMap};
use crate::register::LwwRegister;
use crate::set::OrSet;
use crate::view::Crdt;

/// An edit of an [`OrSet`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SetEdit<K> {
    /// `insert(element)`
    Insert(K),
    /// `remove(&element)`
    Remove(K),
    /// `clear()`
    Clear,
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
        let shown: BTreeSet<K> = value.iter().cloned().collect();
        assert_eq!((value.len(), value.is_empty()), (shown.len(), shown.is_empty()), "length and elements");
        assert!(shown.iter().all(|element| value.contains(element)), "what is listed is contained");
        shown
    }

    fn facts(value: &Self) -> BTreeSet<String> {
        value.iter().map(|element| format!("{element:?}")).collect()
    }

    fn hard_cases() -> Vec<Case> {
        let mut cases = Vec::from(Case::COMMON);
        cases.extend([Case::RemovalOnly, Case::ConcurrentRemovals, Case::WrittenAgain]);
        cases
    }
}

/// An edit of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterEdit {
    /// `add(amount)`
    Add(u64),
    /// `sub(amount)`, of counters that can
    Sub(u64),
    /// `reset()`
    Reset,
}

fn amounts() -> BoxedStrategy<u64> {
    prop_oneof![1 => Just(0), 9 => 1..10u64, 1 => Just(u64::MAX)].boxed()
}

impl Subject for GCounter {
    type Crdt = Self;
    type Edit = CounterEdit;
    /// The sum, and whether no increment shows.
    type Shown = (u128, bool);

    fn edits() -> BoxedStrategy<Self::Edit> {
        prop_oneof![5 => amounts().prop_map(CounterEdit::Add), 2 => Just(CounterEdit::Reset)].boxed()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match *edit {
            CounterEdit::Add(amount) => editor.add(amount),
            CounterEdit::Sub(_) => {}
            CounterEdit::Reset => editor.reset(),
        }
    }

    fn show(value: &Self) -> Self::Shown {
        (value.value(), value.is_empty())
    }

    fn hard_cases() -> Vec<Case> {
        let mut cases = Vec::from(Case::COMMON);
        cases.push(Case::ConcurrentRemovals);
        cases
    }
}

impl Subject for PnCounter {
    type Crdt = Self;
    type Edit = CounterEdit;
    /// The sum, and whether no increment shows.
    type Shown = (i128, bool);

    fn edits() -> BoxedStrategy<Self::Edit> {
        let edits = prop_oneof![
            4 => amounts().prop_map(CounterEdit::Add),
            2 => amounts().prop_map(CounterEdit::Sub),
            2 => Just(CounterEdit::Reset),
        ];
        edits.boxed()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        match *edit {
            CounterEdit::Add(amount) => editor.add(amount),
            CounterEdit::Sub(amount) => editor.sub(amount),
            CounterEdit::Reset => editor.reset(),
        }
    }

    fn show(value: &Self) -> Self::Shown {
        (value.value(), value.is_empty())
    }

    fn hard_cases() -> Vec<Case> {
        GCounter::hard_cases()
    }
}

/// An edit of an [`LwwRegister`].
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
        let mut cases = Vec::from(Case::COMMON);
        cases.extend([Case::RemovalOnly, Case::WrittenAgain, Case::Tie]);
        cases
    }
}

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
        let mut cases = Vec::from(Case::COMMON);
        cases.push(Case::Tie);
        cases
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

impl<K: SampleKey, S: Subject> Subject for OrMap<K, S> {
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
