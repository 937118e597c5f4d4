//! The specifications of registers.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::super::Specified;
use super::super::past::{Act, Past};
use super::largest;
use crate::clock::Stamp;
use crate::laws::subject::Sample;
use crate::laws::subjects::RegisterEdit;
use crate::register::{LwwRegister, Max, Min, MvRegister, Ranked, RankedRegister, Resolve, ResolvedRegister};

/// The writes that no other write or removal has seen, by their numbers.
fn unseen<V: Sample>(past: &Past<RegisterEdit<V>>) -> Vec<(usize, V)> {
    let left = past.surviving(|_, _| true).filter_map(|(number, act)| match act {
        Act::Edit(RegisterEdit::Set(value)) => Some((number, value.clone())),
        _ => None,
    });
    left.collect()
}

/// All that no other write has seen, by author: a replica has one at most.
impl<V: Sample> Specified for MvRegister<V> {
    fn expected(past: &Past<RegisterEdit<V>>) -> Vec<V> {
        let mut left = unseen(past);
        left.sort_by_key(|(number, _)| past.event(*number).by);
        left.into_iter().map(|(_, value)| value).collect()
    }
}

/// What the resolver makes of these.
impl<V: Sample, R: Resolve<V>> Specified for ResolvedRegister<V, R> {
    fn expected(past: &Past<RegisterEdit<V>>) -> Option<V> {
        let left = MvRegister::<V>::expected(past);
        match left.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(R::resolve(&several.iter().collect::<Vec<_>>())),
        }
    }
}

/// Those that no other write has seen: by rank, then the latest first.
impl<V: Sample + Ranked> Specified for RankedRegister<V> {
    fn expected(past: &Past<RegisterEdit<V>>) -> Vec<V> {
        let mut left = unseen(past);
        left.sort_by_key(|(number, value)| Reverse((value.rank(), past.rank(*number))));
        left.into_iter().map(|(_, value)| value).collect()
    }

    fn stamped_above(
        edit: &RegisterEdit<V>,
        now: &Past<RegisterEdit<V>>,
        base: &Past<RegisterEdit<V>>,
    ) -> Option<Option<Stamp>> {
        LwwRegister::<V>::stamped_above(edit, now, base).map(|_| largest(base))
    }
}

/// The values that no removal has seen, of those that surpassed what was shown when they were given.
pub(super) fn given<V: Clone>(past: &Past<V>, surpasses: impl Fn(&V, &V) -> bool) -> Vec<V> {
    let is_taken = |number: usize, by: &dyn Fn(usize) -> bool| {
        let mut removals = past.acts().filter(|(_, act)| matches!(act, Act::Reset));
        removals.any(|(removal, _)| by(removal) && past.saw(removal, number))
    };
    let mut effective: Vec<(usize, V)> = Vec::new();
    for (number, act) in past.acts() {
        let Act::Edit(value) = act else { continue };
        let mut shown = effective.iter().filter(|(earlier, _)| {
            past.saw(number, *earlier) && !is_taken(*earlier, &|removal| past.saw(number, removal))
        });
        if shown.all(|(_, old)| surpasses(value, old)) {
            effective.push((number, value.clone()));
        }
    }
    let left = effective.into_iter().filter(|(number, _)| !is_taken(*number, &|_| true));
    left.map(|(_, value)| value).collect()
}

impl<V: Sample + Ord> Specified for Max<V> {
    fn expected(past: &Past<V>) -> Option<V> {
        given(past, |new, old| new > old).into_iter().max()
    }
}

impl<V: Sample + Ord> Specified for Min<V> {
    fn expected(past: &Past<V>) -> Option<V> {
        given(past, |new, old| new < old).into_iter().min()
    }
}
