//! Edits, and which of them had seen which.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::clock::Stamp;
use crate::dot::ReplicaId;

/// What is known of an edit besides what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who made it.
    pub by: ReplicaId,
    /// The stamp of the write that it made, if it made a stamped one.
    pub stamp: Option<Stamp>,
    /// The edits that had been seen, as bits.
    pub(super) saw: u64,
}

/// What happened to one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Act<E> {
    /// An edit.
    Edit(E),
    /// Something around it took away all that was seen of it.
    Reset,
}

/// Some edits of one value, in an order that respects causes.
#[derive(Clone, Debug)]
pub struct Past<E> {
    events: Rc<[Event]>,
    acts: Vec<(usize, Act<E>)>,
}

impl<E> Default for Past<E> {
    fn default() -> Self {
        Self { events: Rc::from([]), acts: Vec::new() }
    }
}

impl<E> Past<E> {
    pub(super) fn new(events: Rc<[Event]>, acts: Vec<(usize, Act<E>)>) -> Self {
        Self { events, acts }
    }

    /// The edits, each with its number.
    pub fn acts(&self) -> impl Iterator<Item = (usize, &Act<E>)> + '_ {
        self.acts.iter().map(|(number, act)| (*number, act))
    }

    /// What is known of an edit.
    #[must_use]
    pub fn event(&self, number: usize) -> Event {
        self.events[number]
    }

    /// Whether edit `later` had seen edit `earlier`.
    #[must_use]
    pub fn saw(&self, later: usize, earlier: usize) -> bool {
        self.events[later].saw >> earlier & 1 == 1
    }

    /// The stamp of an edit's write, with its author and number, which decide where stamps tie.
    #[must_use]
    pub fn rank(&self, number: usize) -> (Option<Stamp>, ReplicaId, usize) {
        let Event { by, stamp, .. } = self.events[number];
        (stamp, by, number)
    }

    /// Those that no edit for which `over` holds has seen.
    pub fn surviving(&self, over: impl Fn(usize, &Act<E>) -> bool) -> impl Iterator<Item = (usize, &Act<E>)> {
        let over: Vec<usize> =
            self.acts().filter(|(number, act)| over(*number, act)).map(|(number, _)| number).collect();
        self.acts().filter(move |(number, _)| !over.iter().any(|later| self.saw(*later, *number)))
    }

    /// What is left of it for a part of the value.
    pub fn part<F>(&self, part: impl Fn(usize, &Act<E>) -> Option<Act<F>>) -> Past<F> {
        let acts = self.acts().filter_map(|(number, act)| Some((number, part(number, act)?)));
        Past { events: Rc::clone(&self.events), acts: acts.collect() }
    }
}

impl<E: Clone> Past<E> {
    /// What edit `number` had seen of it.
    #[must_use]
    pub fn seen_by(&self, number: usize) -> Self {
        let acts = self.acts.iter().filter(|(earlier, _)| self.saw(number, *earlier));
        Self { events: Rc::clone(&self.events), acts: acts.cloned().collect() }
    }
}
