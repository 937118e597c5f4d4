//! What of a failing run is needed for its failure.

use std::time::Duration;

use super::plan::{Act, Timed};

/// How many runs are made at most to shorten one. A run takes milliseconds.
const REPLAYS: usize = 400;

/// The acts of a run that fails, with those left out that it fails without, and then again until
/// nothing more can be. Nodes that are not needed are gone from the beginning. `fails` plays acts and
/// says whether that run fails in the same way.
///
/// The repair at the end stays: what never converges because nothing was repaired tells nothing.
pub(super) fn shorten(
    nodes: usize,
    mut acts: Vec<Timed>,
    mut fails: impl FnMut(&[Timed]) -> bool,
) -> Vec<Timed> {
    let end: Vec<Timed> = acts.pop_if(|(_, act)| *act == Act::Repair).into_iter().collect();
    let (mut gone, mut replays) = (Vec::new(), 0);
    let mut fails = |gone: &[Timed], acts: &[Timed]| {
        replays += 1;
        replays <= REPLAYS && fails(&[gone, acts, &end].concat())
    };
    loop {
        let before = (gone.len(), acts.len());
        for node in 0..nodes {
            let without = acts.iter().filter_map(|(at, act)| Some((*at, act.without(node)?)));
            let without: Vec<Timed> = without.collect();
            let leaves = [gone.as_slice(), &[(Duration::ZERO, Act::Gone { node })]].concat();
            if !gone.contains(&(Duration::ZERO, Act::Gone { node })) && fails(&leaves, &without) {
                (gone, acts) = (leaves, without);
            }
        }
        acts = leave_out(acts, |fewer| fails(&gone, fewer));
        if (gone.len(), acts.len()) == before {
            return [gone, acts, end].concat();
        }
    }
}

/// Delta debugging: leaves out pieces of half the list, then of a quarter, down to single items, as
/// long as what is left fails.
fn leave_out<A: Clone>(mut items: Vec<A>, mut fails: impl FnMut(&[A]) -> bool) -> Vec<A> {
    let mut piece = items.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < items.len() {
            let rest = &items[items.len().min(at + piece)..];
            let fewer = [&items[..at], rest].concat();
            if fails(&fewer) {
                items = fewer;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(nodes: &[usize]) -> Vec<Timed> {
        let write = |(at, node): (usize, &usize)| {
            (Duration::from_secs(at as u64), Act::Write { node: *node, seed: at as u64 })
        };
        nodes.iter().enumerate().map(write).collect()
    }

    /// The failure needs three acts, far apart, of two of five nodes.
    #[test]
    fn what_is_left_is_just_what_the_failure_needs() {
        let mut acts = writes(&(0..60).map(|act| act % 5).collect::<Vec<_>>());
        acts.push((Duration::from_secs(60), Act::Repair));
        let needed = [acts[11].clone(), acts[33].clone(), acts[58].clone()];
        let mut replays = 0;
        let short = shorten(5, acts, |acts| {
            replays += 1;
            needed.iter().all(|act| acts.contains(act))
        });
        let gone = [0, 2, 4].map(|node| (Duration::ZERO, Act::Gone { node }));
        let repair = [(Duration::from_secs(60), Act::Repair)];
        assert_eq!(short, [gone.as_slice(), &needed, &repair].concat());
        assert!(replays < 100, "{replays}");
    }

    /// Either of two acts is enough for the second failure, so one goes: but not both.
    #[test]
    fn a_failure_stays_a_failure() {
        let either = |acts: &[Timed]| acts.iter().any(|(_, act)| matches!(act, Act::Write { node: 1, .. }));
        let short = shorten(2, writes(&[0, 1, 0, 1]), either);
        assert!(either(&short));
        assert_eq!(short.len(), 2, "{short:?}");
    }

    #[test]
    fn the_number_of_replays_is_bounded() {
        let acts = writes(&[0; 5_000]);
        let mut replays = 0;
        let short = shorten(1, acts.clone(), |fewer| {
            replays += 1;
            fewer == acts
        });
        assert_eq!((short, replays), (acts, REPLAYS));
    }

    /// A partition goes on without a node that is gone, unless nobody is left on its side.
    #[test]
    fn acts_of_a_node_that_is_gone_are_left_out() {
        let apart = |group: &[usize]| Act::Partition { group: group.to_vec() };
        assert_eq!(apart(&[0, 1]).without(1), Some(apart(&[0])));
        assert_eq!(apart(&[1]).without(1), None);
        assert_eq!(Act::Cut { a: 0, b: 1 }.without(1), None);
        assert_eq!(Act::Heal.without(1), Some(Act::Heal));
    }
}
