//! The specifications of the types of this crate.

mod counters;
mod flags;
mod registers;
mod sets;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::Specified;
use super::past::{Act, Past};
use crate::clock::Stamp;
use crate::counter::{GCounter, PnCounter};
use crate::laws::subject::{Sample, SampleKey};
use crate::laws::subjects::{CounterEdit, LwwMapEdit, MapEdit, RegisterEdit, SetEdit};
use crate::map::{LwwMap, OrMap};
use crate::register::LwwRegister;
use crate::set::OrSet;
use crate::view::Reset;

/// An element is in if some insertion of it was seen by no removal of it.
impl<K: SampleKey> Specified for OrSet<K> {
    fn expected(past: &Past<SetEdit<K>>) -> BTreeSet<K> {
        let inserted = past.acts().filter_map(|(number, act)| match act {
            Act::Edit(SetEdit::Insert(element)) => Some((number, element)),
            _ => None,
        });
        let is_removed = |number: usize, element: &K| {
            let mut acts = past.acts();
            acts.any(|(later, act)| {
                let removes = match act {
                    Act::Edit(SetEdit::Insert(_)) => false,
                    Act::Edit(SetEdit::Remove(removed)) => removed == element,
                    Act::Edit(SetEdit::Clear) | Act::Reset => true,
                };
                removes && past.saw(later, number)
            })
        };
        let left = inserted.filter(|(number, element)| !is_removed(*number, element));
        left.map(|(_, element)| element.clone()).collect()
    }
}

/// The sums of what no removal has seen, and how many steps these are.
fn count(past: &Past<CounterEdit>) -> (u128, u128, usize) {
    let is_reset = |act: &Act<CounterEdit>| matches!(act, Act::Reset | Act::Edit(CounterEdit::Reset));
    past.surviving(|_, act| is_reset(act)).fold((0, 0, 0), |(plus, minus, steps), (_, act)| match act {
        Act::Edit(CounterEdit::Add(amount @ 1..)) => (plus + u128::from(*amount), minus, steps + 1),
        Act::Edit(CounterEdit::Sub(amount @ 1..)) => (plus, minus + u128::from(*amount), steps + 1),
        _ => (plus, minus, steps),
    })
}

impl Specified for GCounter {
    fn expected(past: &Past<CounterEdit>) -> (u128, bool) {
        let (plus, _, steps) = count(past);
        (plus, steps == 0)
    }
}

impl Specified for PnCounter {
    fn expected(past: &Past<CounterEdit>) -> (i128, bool) {
        let (plus, minus, steps) = count(past);
        (plus as i128 - minus as i128, steps == 0)
    }
}

/// The writes that no other write or removal has seen, the last by (stamp, author) first.
fn siblings<E>(past: &Past<E>) -> Vec<(usize, &Act<E>)> {
    let mut left: Vec<_> = past.surviving(|_, _| true).collect();
    left.sort_by_key(|(number, _)| core::cmp::Reverse(past.rank(*number)));
    left
}

/// The stamp of the winner.
fn largest<E>(past: &Past<E>) -> Option<Stamp> {
    let stamps = siblings(past).into_iter().map(|(number, _)| past.event(number).stamp);
    stamps.flatten().max()
}

impl<V: Sample> Specified for LwwRegister<V> {
    fn expected(past: &Past<RegisterEdit<V>>) -> Vec<V> {
        let values = siblings(past).into_iter().filter_map(|(_, act)| match act {
            Act::Edit(RegisterEdit::Set(value)) => Some(value.clone()),
            _ => None,
        });
        values.collect()
    }

    fn stamped_above(
        edit: &RegisterEdit<V>,
        _now: &Past<RegisterEdit<V>>,
        base: &Past<RegisterEdit<V>>,
    ) -> Option<Option<Stamp>> {
        match edit {
            RegisterEdit::Set(_) => Some(largest(base)),
            RegisterEdit::Clear => None,
        }
    }
}

/// What was written under one key: a value or, by a removal, none.
fn writes<K: SampleKey, V: Sample>(past: &Past<LwwMapEdit<K, V>>, of: &K) -> Past<Option<V>> {
    past.part(|number, act| match act {
        Act::Edit(LwwMapEdit::Insert(key, value)) if key == of => Some(Act::Edit(Some(value.clone()))),
        // The removal of what is absent writes nothing, so it has no stamp.
        Act::Edit(LwwMapEdit::Remove(key)) if key == of && past.event(number).stamp.is_some() => {
            Some(Act::Edit(None))
        }
        Act::Reset => Some(Act::Reset),
        Act::Edit(_) => None,
    })
}

fn written<V: Clone>(past: &Past<Option<V>>) -> Vec<Option<V>> {
    let written = siblings(past).into_iter().filter_map(|(_, act)| match act {
        Act::Edit(value) => Some(value.clone()),
        Act::Reset => None,
    });
    written.collect()
}

impl<K: SampleKey, V: Sample> Specified for LwwMap<K, V> {
    fn expected(past: &Past<LwwMapEdit<K, V>>) -> BTreeMap<K, Vec<Option<V>>> {
        let keys: BTreeSet<&K> = past.acts().filter_map(|(_, act)| written_key(act)).collect();
        let shown = keys.into_iter().map(|key| (key.clone(), written(&writes(past, key))));
        shown
            .filter(|(_, siblings)| siblings.len() > 1 || siblings.first().is_some_and(Option::is_some))
            .collect()
    }

    fn is_absent(past: &Past<LwwMapEdit<K, V>>) -> bool {
        Self::expected(past).values().all(|siblings| siblings[0].is_none())
    }

    fn stamped_above(
        edit: &LwwMapEdit<K, V>,
        now: &Past<LwwMapEdit<K, V>>,
        base: &Past<LwwMapEdit<K, V>>,
    ) -> Option<Option<Stamp>> {
        match edit {
            LwwMapEdit::Insert(key, _) => Some(largest(&writes(base, key))),
            LwwMapEdit::Remove(key) => {
                let present = written(&writes(now, key)).into_iter().next().flatten().is_some();
                present.then(|| largest(&writes(base, key)))
            }
            LwwMapEdit::Clear => None,
        }
    }

    /// Without `clear`, which writes its removals in an order that is nobody's business.
    fn specified_edits() -> BoxedStrategy<Self::Edit> {
        let insert = (K::samples(), V::samples()).prop_map(|(key, value)| LwwMapEdit::Insert(key, value));
        prop_oneof![2 => insert, 1 => K::samples().prop_map(LwwMapEdit::Remove)].boxed()
    }
}

fn written_key<K, V>(act: &Act<LwwMapEdit<K, V>>) -> Option<&K> {
    match act {
        Act::Edit(LwwMapEdit::Insert(key, _) | LwwMapEdit::Remove(key)) => Some(key),
        Act::Edit(LwwMapEdit::Clear) | Act::Reset => None,
    }
}

/// What happened under one key. A removal takes all that it saw, if the key was in.
fn below<K: SampleKey, S: Specified>(past: &Past<MapEdit<K, S::Edit>>, of: &K) -> Past<S::Edit> {
    past.part(|number, act| {
        let removes = match act {
            Act::Edit(MapEdit::Entry(key, edit)) => return (key == of).then(|| Act::Edit(edit.clone())),
            Act::Edit(MapEdit::Remove(key)) => key == of,
            Act::Edit(MapEdit::Clear) | Act::Reset => true,
        };
        let takes = removes && !S::is_absent(&below::<K, S>(&past.seen_by(number), of));
        takes.then_some(Act::Reset)
    })
}

impl<K: SampleKey, S: Specified<Crdt: Reset>> Specified for OrMap<K, S> {
    fn expected(past: &Past<MapEdit<K, S::Edit>>) -> BTreeMap<K, S::Shown> {
        let keys: BTreeSet<&K> = past
            .acts()
            .filter_map(|(_, act)| match act {
                Act::Edit(MapEdit::Entry(key, _)) => Some(key),
                _ => None,
            })
            .collect();
        let pasts = keys.into_iter().map(|key| (key.clone(), below::<K, S>(past, key)));
        let present = pasts.filter(|(_, past)| !S::is_absent(past));
        present.map(|(key, past)| (key, S::expected(&past))).collect()
    }

    fn stamped_above(
        edit: &MapEdit<K, S::Edit>,
        now: &Past<MapEdit<K, S::Edit>>,
        base: &Past<MapEdit<K, S::Edit>>,
    ) -> Option<Option<Stamp>> {
        match edit {
            MapEdit::Entry(key, edit) => {
                S::stamped_above(edit, &below::<K, S>(now, key), &below::<K, S>(base, key))
            }
            MapEdit::Remove(_) | MapEdit::Clear => None,
        }
    }

    fn specified_edits() -> BoxedStrategy<Self::Edit> {
        let entry = (K::samples(), S::specified_edits()).prop_map(|(key, edit)| MapEdit::Entry(key, edit));
        let remove = K::samples().prop_map(MapEdit::Remove);
        prop_oneof![8 => entry, 3 => remove, 1 => Just(MapEdit::Clear)].boxed()
    }
}
