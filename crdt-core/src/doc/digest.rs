//! What a state says of itself to whoever computes a difference.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::clock::{BLOCK, Bits, CausalContext, Intervals};
use crate::dot::{Dot, ReplicaId};

/// The seen dots and the live dots of a state, without its entries.
///
/// Both are needed: an observed removal mints no dot, so that neither a version vector nor a
/// context tells one state from another. (Enes et al., PMLDC 2016: digest of an add-wins set.)
///
/// ```
/// use crdt_core::{Doc, OrSet, Replica, ReplicaId};
///
/// let mut me = Replica::new(ReplicaId::from_u128(1));
/// let mut here = Doc::<OrSet<&str>>::default();
/// let _ = here.update(&mut me, |set| set.insert("x"));
/// let mut there = here.clone();
///
/// let _ = here.update(&mut me, |set| set.remove("x"));
/// assert_eq!(here.context(), there.context());
/// there.merge(here.delta_since(&there.digest()));
/// assert!(there.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Ascending by id.
    replicas: Vec<(ReplicaId, Known)>,
}

/// What a state knows of the dots of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) context: Intervals,
    /// The live dots, block by block; no empty block.
    pub(super) live: BTreeMap<u64, Bits>,
}

impl Digest {
    pub(super) fn new(mut replicas: Vec<(ReplicaId, Known)>) -> Self {
        replicas.sort_unstable_by_key(|(id, _)| *id);
        Self { replicas }
    }

    /// Every dot that the state has seen.
    #[must_use]
    pub fn context(&self) -> CausalContext {
        self.replicas.iter().map(|(id, known)| (*id, known.context.clone())).collect()
    }

    /// Whether the dot is live in the state.
    #[must_use]
    pub fn is_live(&self, dot: Dot) -> bool {
        self.get(dot.replica).is_some_and(|known| known.is_live(dot.seq))
    }

    /// The live dots, and those that were seen and are gone.
    #[cfg(feature = "codec")]
    pub(crate) fn dots(&self) -> (CausalContext, CausalContext) {
        let live: CausalContext = self.replicas.iter().map(|(id, known)| (*id, known.live_runs())).collect();
        let dead = self.context().difference(&live);
        (live, dead)
    }

    /// The digest of which these are the live dots, ascending by id, and those that are gone: of the same
    /// ids.
    #[cfg(feature = "codec")]
    pub(crate) fn of_dots(live: &[(ReplicaId, Intervals)], dead: &CausalContext) -> Self {
        let known = |(id, live): &(ReplicaId, Intervals)| {
            let mut context = live.clone();
            dead.get(*id).into_iter().for_each(|gone| {
                context.union_with(gone);
            });
            (*id, Known { context, live: blocks_of(live) })
        };
        Self { replicas: live.iter().map(known).collect() }
    }

    pub(super) fn get(&self, id: ReplicaId) -> Option<&Known> {
        let at = self.replicas.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(&self.replicas[at].1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(ReplicaId, Known)> {
        self.replicas.iter()
    }
}

impl Known {
    /// What is known of a replica of which these blocks have live dots.
    pub(super) fn new(context: Intervals, live: Vec<(u64, Bits)>) -> Self {
        Self { context, live: live.into_iter().collect() }
    }

    #[cfg(feature = "codec")]
    fn live_runs(&self) -> Intervals {
        let mut runs = Intervals::default();
        for (number, bits) in &self.live {
            bits.iter().for_each(|bit| {
                runs.insert(number * BLOCK + bit);
            });
        }
        runs
    }

    pub(super) fn is_live(&self, seq: u64) -> bool {
        self.bits(seq / BLOCK).contains(seq % BLOCK)
    }

    /// The live dots of one block.
    pub(super) fn bits(&self, number: u64) -> Bits {
        self.live.get(&number).copied().unwrap_or_default()
    }
}

/// The blocks that these dots lie in.
#[cfg(feature = "codec")]
fn blocks_of(live: &Intervals) -> BTreeMap<u64, Bits> {
    let mut blocks = BTreeMap::<u64, Bits>::new();
    for (first, last) in live.iter() {
        for number in first / BLOCK..=last / BLOCK {
            let begin = number * BLOCK;
            let (from, to) = (first.max(begin) - begin, last.min(begin + (BLOCK - 1)) - begin);
            blocks.entry(number).or_default().set_range(from, to);
        }
    }
    blocks
}
