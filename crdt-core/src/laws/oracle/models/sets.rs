//! The specifications of the sets beside [`OrSet`](crate::OrSet).

use alloc::collections::BTreeSet;

use super::super::Specified;
use super::super::past::{Act, Past};
use super::registers::given;
use crate::flag::DwFlag;
use crate::laws::subject::SampleKey;
use crate::laws::subjects::{FlagEdit, SetEdit};
use crate::set::{GSet, RwSet};

/// An element is in if it was ever inserted; a set in a map loses what a removal has seen.
///
/// An insertion of what is in says nothing, so a removal that is concurrent takes the element.
impl<K: SampleKey> Specified for GSet<K> {
    fn expected(past: &Past<K>) -> BTreeSet<K> {
        let elements: BTreeSet<&K> = past.acts().filter_map(|(_, act)| element(act)).collect();
        let about = |of: &K| {
            past.part(|_, act| match act {
                Act::Edit(inserted) if inserted != of => None,
                act => Some(act.clone()),
            })
        };
        elements.into_iter().filter(|of| !given(&about(of), |_, _| false).is_empty()).cloned().collect()
    }
}

fn element<K>(act: &Act<K>) -> Option<&K> {
    match act {
        Act::Edit(element) => Some(element),
        Act::Reset => None,
    }
}

/// What was said of one element: a set in which removals win is a flag for each.
fn said<K: SampleKey>(past: &Past<SetEdit<K>>, of: &K) -> Past<FlagEdit> {
    past.part(|number, act| {
        let is_in = || DwFlag::expected(&said(&past.seen_by(number), of));
        match act {
            Act::Edit(SetEdit::Insert(element)) => (element == of).then_some(Act::Edit(FlagEdit::Enable)),
            Act::Edit(SetEdit::Remove(element)) => (element == of).then_some(Act::Edit(FlagEdit::Disable)),
            Act::Edit(SetEdit::Clear) => is_in().then_some(Act::Edit(FlagEdit::Disable)),
            Act::Reset => is_in().then_some(Act::Reset),
        }
    })
}

impl<K: SampleKey> Specified for RwSet<K> {
    fn expected(past: &Past<SetEdit<K>>) -> BTreeSet<K> {
        let inserted = past.acts().filter_map(|(_, act)| match act {
            Act::Edit(SetEdit::Insert(element)) => Some(element),
            _ => None,
        });
        inserted.filter(|element| DwFlag::expected(&said(past, element))).cloned().collect()
    }
}
