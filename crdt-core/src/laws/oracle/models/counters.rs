//! The specification of the bounded counter.

use alloc::vec::Vec;

use super::super::Specified;
use super::super::past::{Act, Past};
use crate::counter::BoundedCounter;
use crate::dot::ReplicaId;
use crate::laws::subjects::BoundedEdit;

/// The edits that were not refused: those that their author held the rights for.
fn accepted(past: &Past<BoundedEdit>) -> Vec<(usize, BoundedEdit)> {
    let mut accepted: Vec<(usize, BoundedEdit)> = Vec::new();
    for (number, act) in past.acts() {
        let Act::Edit(edit) = *act else { continue };
        let author = past.event(number).by;
        let seen: Vec<_> =
            accepted.iter().copied().filter(|(earlier, _)| past.saw(number, *earlier)).collect();
        let fits = match edit {
            BoundedEdit::Add(_) => true,
            BoundedEdit::Sub(amount) | BoundedEdit::Transfer(_, amount) => {
                i128::from(amount) <= held(past, &seen, author)
            }
        };
        if fits {
            accepted.push((number, edit));
        }
    }
    accepted
}

/// What a replica has added and got, less what it has used and given.
fn held(past: &Past<BoundedEdit>, accepted: &[(usize, BoundedEdit)], of: ReplicaId) -> i128 {
    let share = |(number, edit): &(usize, BoundedEdit)| {
        let by = past.event(*number).by;
        match *edit {
            BoundedEdit::Add(amount) if by == of => i128::from(amount),
            BoundedEdit::Sub(amount) if by == of => -i128::from(amount),
            BoundedEdit::Transfer(to, amount) if to != by => {
                i128::from(amount) * (i128::from(to == of) - i128::from(by == of))
            }
            _ => 0,
        }
    };
    accepted.iter().map(share).sum()
}

/// The sum of the additions less that of the subtractions for which there were rights.
impl Specified for BoundedCounter {
    fn expected(past: &Past<BoundedEdit>) -> (u128, Vec<(ReplicaId, u128)>) {
        let accepted = accepted(past);
        let sum = accepted.iter().map(|(_, edit)| match *edit {
            BoundedEdit::Add(amount) => i128::from(amount),
            BoundedEdit::Sub(amount) => -i128::from(amount),
            BoundedEdit::Transfer(..) => 0,
        });
        let holders = (1..5).map(ReplicaId::from_u128).map(|id| (id, held(past, &accepted, id) as u128));
        (sum.sum::<i128>() as u128, holders.filter(|(_, held)| *held > 0).collect())
    }
}
