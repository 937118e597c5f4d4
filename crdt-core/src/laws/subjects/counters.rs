//! Counters as subjects.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::common_and;
use crate::counter::{BoundedCounter, GCounter, PnCounter};
use crate::dot::ReplicaId;
use crate::laws::Case;
use crate::laws::subject::Subject;
use crate::view::Crdt;

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
        common_and([Case::ConcurrentRemovals])
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

/// An edit of a [`BoundedCounter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundedEdit {
    /// `add(amount)`
    Add(u64),
    /// `sub(amount)`, which may be refused
    Sub(u64),
    /// `transfer(to, amount)`, which may be refused
    Transfer(ReplicaId, u64),
}

impl Subject for BoundedCounter {
    type Crdt = Self;
    type Edit = BoundedEdit;
    /// The value, and who holds how many rights.
    type Shown = (u128, Vec<(ReplicaId, u128)>);

    fn edits() -> BoxedStrategy<Self::Edit> {
        let receivers = (1..5u128).prop_map(ReplicaId::from_u128);
        let edits = prop_oneof![
            3 => amounts().prop_map(BoundedEdit::Add),
            4 => amounts().prop_map(BoundedEdit::Sub),
            2 => (receivers, amounts()).prop_map(|(to, amount)| BoundedEdit::Transfer(to, amount)),
        ];
        edits.boxed()
    }

    fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
        let held = editor.rights();
        match *edit {
            BoundedEdit::Add(amount) => editor.add(amount),
            BoundedEdit::Sub(amount) => {
                let fits = u128::from(amount) <= held;
                assert_eq!(editor.sub(amount).is_ok(), fits, "a subtraction takes rights");
            }
            BoundedEdit::Transfer(to, amount) => {
                let fits = u128::from(amount) <= held;
                assert_eq!(editor.transfer(to, amount).is_ok(), fits, "a transfer takes rights");
            }
        }
    }

    fn show(value: &Self) -> Self::Shown {
        (value.value(), value.holders())
    }

    /// Nothing is ever removed, and every total supersedes its replica's last.
    fn hard_cases() -> Vec<Case> {
        common_and([])
    }
}
