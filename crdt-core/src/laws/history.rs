//! What replicas do: a list of steps that stays legal whatever is taken out of it.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use proptest::prelude::*;

use crate::dot::Dot;

/// Replicas that write and hear of each other.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) setting: Setting,
    pub(super) steps: Vec<Step>,
}

/// An edit of a type that is not named here, so that generating, running and shrinking histories
/// is compiled once and not for each type.
#[derive(Clone)]
pub(super) struct Blind(Rc<dyn Any>);

impl Blind {
    pub(super) fn new<E: 'static>(edit: E) -> Self {
        Self(Rc::new(edit))
    }

    /// The edit, if it is of this type: histories are made for one subject.
    pub(super) fn see<E: 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("edit")
    }
}

/// What holds for the whole of a history.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The ids of the replicas, in any order: neither who writes first nor who is met first has the
    /// smaller one.
    pub(super) ids: Vec<u8>,
    /// What the clocks of the replicas show, if they have one.
    pub(super) clocks: Vec<Option<u64>>,
    /// How many dots each replica passes over at first: some, to come to where one block of dots
    /// ends and the next begins, or nearly all.
    pub(super) skip: u64,
    /// Updates arrive after all that their author had seen.
    pub(super) causal: bool,
    /// Writers observe the stamps of what arrives, as the engine does.
    pub(super) observing: bool,
    /// For the choices that a law makes by itself.
    pub(super) seed: u64,
}

/// One step. Replicas are numbers modulo how many there are, updates modulo how many are known.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// One transaction.
    Edit { at: usize, edits: Vec<Blind> },
    /// Something goes from one replica to another.
    Send { from: usize, hop: usize, route: Route },
}

/// What goes.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// An update that the sender has, be it new or not.
    Update { pick: usize },
    /// Several updates as one delta.
    Group { keep: u64 },
    /// The whole state, by `merge_from`.
    State,
    /// What is missing, by `difference`.
    Difference,
    /// What is missing, by `delta_since` of a digest.
    Since,
    /// The whole state as bytes.
    Bytes,
    /// The whole state in chunks, between which the sender writes.
    Walk { chunk: usize, meanwhile: Vec<Vec<Blind>> },
}

/// At most so many steps, so that the updates of a history fit into a [`Known`](super::world::Known)
/// and its edits into a past.
pub(super) const MAX_STEPS: usize = 20;
/// At most so many edits in one transaction.
pub(super) const MAX_EDITS: usize = 3;
/// At most so many transactions during a walk.
const MAX_MEANWHILE: usize = 2;

pub(super) fn histories(edits: BoxedStrategy<Blind>) -> BoxedStrategy<History> {
    // Long ones, which shrink all the same: a step can go without taking the others along.
    let steps = prop::collection::vec(prop::option::weighted(0.8, step(edits)), MAX_STEPS);
    let histories = (settings(), steps);
    histories
        .prop_map(|(setting, steps)| History { setting, steps: steps.into_iter().flatten().collect() })
        .boxed()
}

fn settings() -> impl Strategy<Value = Setting> {
    let ids = (2usize..=4).prop_flat_map(|count| {
        Just(Vec::from([1u8, 2, 3, 4])).prop_shuffle().prop_map(move |ids| ids[..count].to_vec())
    });
    let clock = prop_oneof![3 => Just(None), 1 => (0u64..3).prop_map(Some)];
    let skip = prop_oneof![3 => Just(0), 2 => 250..256u64, 1 => Just(Dot::MAX_SEQ - 1_000)];
    let rest = (skip, prop::bool::weighted(0.2), any::<bool>(), any::<u64>());
    let settings = (ids, prop::collection::vec(clock, 4), rest);
    settings.prop_map(|(ids, clocks, (skip, causal, observing, seed))| Setting {
        ids,
        clocks,
        skip,
        causal,
        observing,
        seed,
    })
}

fn step(edits: BoxedStrategy<Blind>) -> impl Strategy<Value = Step> {
    let several = prop_oneof![
        4 => prop::collection::vec(edits.clone(), 1),
        1 => prop::collection::vec(edits.clone(), 2..=MAX_EDITS),
    ];
    let edit = (0usize..4, several).prop_map(|(at, edits)| Step::Edit { at, edits });
    let send = (0usize..4, 0usize..3, route(edits));
    let send = send.prop_map(|(from, hop, route)| Step::Send { from, hop, route });
    prop_oneof![1 => edit, 1 => send]
}

fn route(edits: BoxedStrategy<Blind>) -> impl Strategy<Value = Route> {
    let meanwhile = prop::collection::vec(prop::collection::vec(edits, 1), 0..=MAX_MEANWHILE);
    prop_oneof![
        12 => (0usize..32).prop_map(|pick| Route::Update { pick }),
        3 => any::<u64>().prop_map(|keep| Route::Group { keep }),
        1 => Just(Route::State),
        1 => Just(Route::Difference),
        1 => Just(Route::Since),
        1 => Just(Route::Bytes),
        2 => (1usize..3, meanwhile).prop_map(|(chunk, meanwhile)| Route::Walk { chunk, meanwhile }),
    ]
}

/// A deterministic source of choices that need not shrink. (Steele, Lea, Flood 2014: `SplitMix`.)
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word >> 33) % limit as u64) as usize
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}
