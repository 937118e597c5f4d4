//! One edit in the making.

use core::cell::{Cell, RefCell};
use core::{fmt, mem};

use super::{Crdt, Ids, LocalDot};
use crate::clock::{CausalContext, Hlc, Intervals, Stamp};
use crate::dot::ReplicaId;
use crate::few::Few;
use crate::replica::Replica;

/// What the editors of one update share: the next dot, and the dots superseded so far.
///
/// Dropping it drops the edit. The replica's numbers move only when the edit is finished.
pub struct Tx<'a> {
    ids: &'a Ids,
    me: u32,
    replica: ReplicaId,
    hlc: Cell<Hlc>,
    /// Physical time when the edit began, for types that ask for it: one update, one time.
    now_millis: u64,
    next: Cell<u64>,
    /// The first number that the edit may use: dots from there on are its own.
    first: u64,
    /// What the edit is to see, if not all.
    observed: Option<&'a CausalContext>,
    superseded: RefCell<Few<(u32, Intervals)>>,
}

impl<'a> Tx<'a> {
    #[inline]
    pub(crate) fn new<T: Crdt>(
        ids: &'a Ids,
        me: u32,
        replica: &mut Replica,
        first: u64,
        observed: Option<&'a CausalContext>,
    ) -> Self {
        let now_millis = if T::HAS_STAMPS { replica.now_millis() } else { 0 };
        let (hlc, next) = (Cell::new(replica.hlc()), Cell::new(first));
        let (replica, superseded) = (replica.id(), RefCell::default());
        Self { ids, me, replica, hlc, now_millis, next, first, observed, superseded }
    }

    /// The document's replica ids, as they were before the edit.
    #[must_use]
    pub fn ids(&self) -> &'a Ids {
        self.ids
    }

    /// The place of the writer, which may be the first one past the table.
    #[must_use]
    pub fn me(&self) -> u32 {
        self.me
    }

    /// The id of the writer.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        self.replica
    }

    /// A dot that nobody has used.
    ///
    /// # Panics
    /// After 2⁶³ dots of one replica, which no writer lives to see.
    #[must_use]
    #[inline]
    pub fn mint(&self) -> LocalDot {
        let seq = self.next.get();
        self.next.set(seq.checked_add(1).expect("a replica does not live for 2^64 writes"));
        LocalDot::new(self.me, seq)
    }

    /// A stamp for a write: larger than what the replica's clock gave before, and than `above`.
    ///
    /// `above`, the largest stamp at the written entry, does not move the clock: it may be the work
    /// of a clock that runs ahead. So the stamp of the next write elsewhere may be smaller. For a type that
    /// [has none](Crdt::HAS_STAMPS) no time is known, and it says nothing but the order.
    #[must_use]
    pub fn stamp(&self, above: Option<Stamp>) -> Stamp {
        let mut hlc = self.hlc.get();
        let stamp = hlc.tick(self.now_millis);
        self.hlc.set(hlc);
        above.map_or(stamp, |above| stamp.max(above.next()))
    }

    /// Marks a dot that the edit saw as gone. A dot that it is not to see stays.
    pub fn supersede(&self, dot: LocalDot) {
        if self.observes(dot) {
            self.supersede_total(dot);
        }
    }

    /// Marks a dot as gone whose entry is a total of the writer's own, which the next total contains.
    pub(crate) fn supersede_total(&self, dot: LocalDot) {
        let mut superseded = self.superseded.borrow_mut();
        let at = match superseded.binary_search_by_key(&dot.replica(), |(place, _)| *place) {
            Ok(at) => at,
            Err(at) => {
                superseded.insert(at, (dot.replica(), Intervals::default()));
                at
            }
        };
        superseded[at].1.insert(dot.seq());
    }

    /// Whether the edit does not see the dot: it has marked it as gone, or is to see less than all.
    #[must_use]
    pub fn is_superseded(&self, dot: LocalDot) -> bool {
        self.has_superseded(dot) || !self.observes(dot)
    }

    /// Whether the dot is the edit's own or among those that it is to see.
    fn observes(&self, dot: LocalDot) -> bool {
        let is_own = dot.replica() == self.me && dot.seq() >= self.first;
        self.observed.is_none_or(|observed| is_own || observed.contains(self.ids.dot(dot)))
    }

    /// Whether the edit has marked the dot as gone.
    pub(crate) fn has_superseded(&self, dot: LocalDot) -> bool {
        let superseded = self.superseded.borrow();
        let at = superseded.binary_search_by_key(&dot.replica(), |(place, _)| *place);
        at.is_ok_and(|at| superseded[at].1.contains(dot.seq()))
    }

    /// Moves the numbers and the clock of the replica past those that the edit used.
    #[inline]
    pub(crate) fn advance(&self, me: &mut Replica) {
        me.advance(self.next.get(), self.hlc.get());
    }

    /// The superseded dots, if there are any, by place in the table.
    #[inline]
    pub(crate) fn take_superseded(&mut self) -> Option<Few<(u32, Intervals)>> {
        let superseded = self.superseded.get_mut();
        (!superseded.is_empty()).then(|| mem::take(superseded))
    }
}

impl fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Tx");
        out.field("replica", &self.replica).field("next", &self.next.get()).finish_non_exhaustive()
    }
}
