//! The counter that never goes below zero.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use crate::clock::Stamp;
use crate::dot::ReplicaId;
use crate::few::MANY;
use crate::view::{At, Crdt, LocalDot, Look, Rights, Tx};

/// A counter that no history takes below zero, without coordination: who subtracts must hold rights.
///
/// Adding makes as many rights as it adds, held by the replica that adds. Subtracting uses rights
/// that this replica holds, and is refused where they do not suffice, though others may hold more.
/// [`transfer`](BoundedCounterEditor::transfer) hands rights over.
///
/// | at the same time | result |
/// |---|---|
/// | `add(10)` and `sub(5)` | 5 more |
/// | `sub(60)` on two replicas that hold 50 of 100 rights each | both are refused: ask for rights |
/// | `transfer(to, 5)` twice | 10, once each, however often the deltas arrive |
///
/// Rights belong to a replica id. The engine of `crdt-sync` moves them to where they are used, and hands
/// them over when a node is shut down; without it, do so by `transfer`. Those of an id whose program
/// crashed, or was the last to stop, are stranded until somebody who knows that it is gone decides about
/// them, which this type does not: the value still counts them, and [`holders`](BoundedCounter::holders)
/// names them. It cannot be reset or removed from a map, since that would take rights from
/// those who are using them; [`OrMap::remove`](crate::OrMapEditor::remove) does not compile for it.
/// (Balegas et al. 2015, Bounded Counter.)
///
/// ```
/// use crdt_core::{BoundedCounter, Doc, Replica, ReplicaId};
///
/// let (mut tokyo, mut london) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<BoundedCounter>::default(), Doc::<BoundedCounter>::default());
/// let to = london.id();
/// there.merge(here.update(&mut tokyo, |stock| {
///     stock.add(100);
///     stock.transfer(to, 40).expect("all 100 are here");
/// }));
///
/// let sold = there.try_update(&mut london, |stock| stock.sub(60));
/// assert_eq!(sold.unwrap_err().held, 40);
/// let ((), delta) = there.try_update(&mut london, |stock| stock.sub(30))?;
/// here.merge(delta);
/// assert_eq!((here.value(), here.rights(to)), (70, 10));
/// # Ok::<(), crdt_core::InsufficientRights>(())
/// ```
///
/// ```compile_fail
/// # use crdt_core::{BoundedCounter, Doc, OrMap, Replica, ReplicaId};
/// # let mut me = Replica::new(ReplicaId::from_u128(1));
/// # let mut stock = Doc::<OrMap<String, BoundedCounter>>::default();
/// let _ = stock.update(&mut me, |stock| stock.remove("pen")); // there are rights out there
/// ```
#[doc(alias("escrow", "stock", "non-negative counter"))]
#[derive(Clone, Default)]
pub struct BoundedCounter {
    ledger: Ledger,
}

/// What travels under one dot of a [`BoundedCounter`]: a total of the dot's own replica, which only
/// grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightsEntry {
    /// All that the replica has added and subtracted.
    Account {
        /// The sum of the additions: rights made.
        made: u128,
        /// The sum of the subtractions: rights used.
        used: u128,
    },
    /// All that the replica has handed over to another.
    Transfers {
        /// Who got them.
        to: ReplicaId,
        /// How many.
        amount: u128,
    },
}

/// A subtraction or transfer that this replica does not hold the rights for. Nothing has changed.
///
/// Others may hold more: ask them for a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsufficientRights {
    /// How many rights it takes.
    pub asked: u64,
    /// How many this replica holds.
    pub held: u128,
}

impl InsufficientRights {
    /// How many rights this replica lacks.
    #[must_use]
    pub fn lacking(self) -> u64 {
        self.asked.saturating_sub(u64::try_from(self.held).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for InsufficientRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it takes {} rights and this replica holds {}", self.asked, self.held)
    }
}

impl core::error::Error for InsufficientRights {}

/// What the live entries say, or those that an edit adds.
#[derive(Clone, Debug)]
enum Ledger {
    Few(Lines),
    Crowd(Box<Crowd>),
}

/// Entries to be read.
#[derive(Clone, Debug, Default)]
struct Lines {
    /// Those of a line together, ascending by totals: the last one is its newest.
    records: Vec<Record>,
}

/// Entries of which each is found, added and taken out in a logarithm of their number.
#[derive(Clone, Debug, Default)]
struct Crowd {
    by_dot: BTreeMap<LocalDot, Record>,
    ordered: BTreeSet<Record>,
}

/// What an editor of a [`BoundedCounter`] has added so far.
#[derive(Debug, Default)]
pub struct RightsScratch {
    ledger: RefCell<Ledger>,
    /// If the edit subtracted or tried to: how many rights it lacked at most.
    drawn: Cell<Option<u64>>,
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    line: Line,
    /// Made and used, or handed over and nothing.
    totals: (u128, u128),
    dot: LocalDot,
}

/// What a record is about: the account of a replica or, with a receiver, its transfers to that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    of: ReplicaId,
    to: Option<ReplicaId>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::Few(Lines::default())
    }
}

impl Ledger {
    fn add(&mut self, record: Record) {
        match self {
            Self::Few(Lines { records }) if records.len() < MANY => {
                let rank = records.partition_point(|other| *other < record);
                records.reserve_exact(1);
                records.insert(rank, record);
            }
            _ => self.add_to_many(record),
        }
    }

    /// Adds a record to a crowd, made of the list if it is none yet.
    #[cold]
    fn add_to_many(&mut self, record: Record) {
        if let Self::Few(Lines { records }) = self {
            let mut crowd = Box::<Crowd>::default();
            records.iter().for_each(|record| crowd.add(*record));
            *self = Self::Crowd(crowd);
        }
        if let Self::Crowd(crowd) = self {
            crowd.add(record);
        }
    }

    fn remove(&mut self, dot: LocalDot) {
        match self {
            Self::Few(Lines { records }) => {
                if let Some(at) = records.iter().rposition(|record| record.dot == dot) {
                    records.remove(at);
                }
            }
            Self::Crowd(_) => self.remove_one_of_many(dot),
        }
    }

    #[cold]
    fn remove_one_of_many(&mut self, dot: LocalDot) {
        let Self::Crowd(crowd) = self else { return };
        if let Some(record) = crowd.by_dot.remove(&dot) {
            crowd.ordered.remove(&record);
        }
        // Far enough from many that the next few change nothing.
        if crowd.by_dot.len() <= MANY / 2 {
            *self = Self::Few(crowd.lines());
        }
    }

    fn get(&self, dot: LocalDot) -> Option<&Record> {
        match self {
            Self::Few(Lines { records }) => records.iter().find(|record| record.dot == dot),
            Self::Crowd(crowd) => crowd.get(dot),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Few(Lines { records }) => records.is_empty(),
            Self::Crowd(crowd) => crowd.by_dot.is_empty(),
        }
    }

    fn read<R>(&self, read: impl FnOnce(&Lines) -> R) -> R {
        match self {
            Self::Few(lines) => read(lines),
            Self::Crowd(crowd) => read(&crowd.lines()),
        }
    }

    /// The nodes of the tree are taken to be half full.
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(Lines { records }) => records.capacity() * size_of::<Record>(),
            Self::Crowd(crowd) => {
                let nodes = size_of::<(LocalDot, Record)>() + size_of::<Record>();
                size_of::<Crowd>() + 2 * crowd.by_dot.len() * nodes
            }
        }
    }
}

impl Crowd {
    #[cold]
    fn get(&self, dot: LocalDot) -> Option<&Record> {
        self.by_dot.get(&dot)
    }

    #[cold]
    fn lines(&self) -> Lines {
        Lines { records: self.ordered.iter().copied().collect() }
    }

    fn add(&mut self, record: Record) {
        self.by_dot.insert(record.dot, record);
        self.ordered.insert(record);
    }
}

impl Lines {
    /// The newest record of every line. Totals only grow, so records of a line are never summed.
    fn newest(&self) -> impl Iterator<Item = &Record> + '_ {
        self.records.chunk_by(|a, b| a.line == b.line).filter_map(<[Record]>::last)
    }

    fn totals(&self, line: Line) -> (u128, u128) {
        self.newest().find(|record| record.line == line).map_or((0, 0), |record| record.totals)
    }

    fn value(&self) -> u128 {
        let accounts = self.newest().filter(|record| record.line.to.is_none());
        let (made, used) = accounts.fold((0u128, 0u128), |(made, used), Record { totals, .. }| {
            (made.saturating_add(totals.0), used.saturating_add(totals.1))
        });
        made.saturating_sub(used)
    }

    fn rights(&self, of: ReplicaId) -> u128 {
        let (mut held, mut gone) = self.totals(Line { of, to: None });
        for Record { line, totals, .. } in self.newest() {
            if line.to == Some(of) {
                held = held.saturating_add(totals.0);
            }
            if line.of == of && line.to.is_some() {
                gone = gone.saturating_add(totals.0);
            }
        }
        held.saturating_sub(gone)
    }

    fn holders(&self) -> Vec<(ReplicaId, u128)> {
        // Got and gone, by holder.
        let mut sums = BTreeMap::<ReplicaId, (u128, u128)>::new();
        for Record { line, totals, .. } in self.newest() {
            let of = sums.entry(line.of).or_default();
            match line.to {
                None => *of = (of.0.saturating_add(totals.0), of.1.saturating_add(totals.1)),
                Some(to) => {
                    of.1 = of.1.saturating_add(totals.0);
                    let to = sums.entry(to).or_default();
                    to.0 = to.0.saturating_add(totals.0);
                }
            }
        }
        let held = sums.into_iter().map(|(id, (got, gone))| (id, got.saturating_sub(gone)));
        held.filter(|(_, held)| *held > 0).collect()
    }
}

impl Record {
    fn new(of: ReplicaId, dot: LocalDot, entry: RightsEntry) -> Self {
        match entry {
            RightsEntry::Account { made, used } => {
                Self { line: Line { of, to: None }, totals: (made, used), dot }
            }
            RightsEntry::Transfers { to, amount } => {
                Self { line: Line { of, to: Some(to) }, totals: (amount, 0), dot }
            }
        }
    }

    fn entry(&self) -> RightsEntry {
        match self.line.to {
            None => RightsEntry::Account { made: self.totals.0, used: self.totals.1 },
            Some(to) => RightsEntry::Transfers { to, amount: self.totals.0 },
        }
    }
}

impl BoundedCounter {
    /// What was added less what was subtracted, as far as it is known here.
    ///
    /// Never below zero, also while the additions of others that covered a subtraction are still on
    /// their way.
    #[must_use]
    pub fn value(&self) -> u128 {
        self.ledger.read(Lines::value)
    }

    /// How many rights a replica holds, as far as it is known here; of itself it knows all.
    #[must_use]
    pub fn rights(&self, of: ReplicaId) -> u128 {
        self.ledger.read(|lines| lines.rights(of))
    }

    /// The replicas that hold rights, and how many, ascending by id.
    #[must_use]
    pub fn holders(&self) -> Vec<(ReplicaId, u128)> {
        self.ledger.read(Lines::holders)
    }

    /// Whether nothing was ever added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ledger.is_empty()
    }
}

impl fmt::Debug for BoundedCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("BoundedCounter");
        out.field("value", &self.value()).field("rights", &self.holders()).finish()
    }
}

impl Crdt for BoundedCounter {
    type Entry = RightsEntry;
    type Slot = ();
    type Scratch = RightsScratch;
    type Editor<'a> = BoundedCounterEditor<'a>;

    const HAS_RIGHTS: bool = true;
    const HAS_STAMPS: bool = false;

    fn take_in(&mut self, at: &mut At<'_>, dot: LocalDot, entry: RightsEntry) {
        self.ledger.add(Record::new(at.ids().id(dot.replica()), dot, entry));
    }

    fn take_out(&mut self, _at: &mut At<'_>, dot: LocalDot, (): ()) {
        self.ledger.remove(dot);
    }

    fn entry_at(&self, _at: Look<'_>, dot: LocalDot, (): ()) -> RightsEntry {
        self.ledger.get(dot).expect("a live slot has its entry").entry()
    }

    fn siblings(&self, _dot: LocalDot, (): (), each: &mut dyn FnMut(LocalDot)) {
        self.ledger.read(|lines| lines.records.iter().for_each(|record| each(record.dot)));
    }

    fn is_bottom(&self) -> bool {
        self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.ledger.is_empty()
    }

    fn heap_bytes(&self) -> usize {
        self.ledger.heap_bytes()
    }

    fn stamp(_entry: &RightsEntry) -> Option<Stamp> {
        None
    }

    fn edit<'a>(base: Option<&'a Self>, scratch: &'a Self::Scratch, tx: &'a Tx<'a>) -> Self::Editor<'a> {
        BoundedCounterEditor { base: base.map(|base| &base.ledger), scratch, tx }
    }

    fn reads_empty(editor: &Self::Editor<'_>) -> bool {
        editor.seen().records.is_empty()
    }

    fn drain(scratch: &mut Self::Scratch, mut out: impl FnMut(u64, RightsEntry)) {
        let ledger = scratch.ledger.get_mut();
        ledger.read(|lines| lines.records.iter().for_each(|record| out(record.dot.seq(), record.entry())));
    }

    fn rights(editor: &Self::Editor<'_>, _at: &RightsEntry, with: &mut dyn FnMut(&dyn Rights)) {
        with(editor);
    }

    fn rights_of(&self, holder: ReplicaId, each: &mut dyn FnMut(RightsEntry)) {
        if self.rights(holder) > 0 {
            each(HERE);
        }
    }

    fn rights_drawn(scratch: &RightsScratch, each: &mut dyn FnMut(RightsEntry, u64)) {
        scratch.drawn.get().into_iter().for_each(|lacking| each(HERE, lacking));
    }
}

/// An entry that stands for its place.
const HERE: RightsEntry = RightsEntry::Account { made: 0, used: 0 };

/// Changes a [`BoundedCounter`] within one update.
#[derive(Clone, Copy)]
pub struct BoundedCounterEditor<'a> {
    base: Option<&'a Ledger>,
    scratch: &'a RightsScratch,
    tx: &'a Tx<'a>,
}

impl Rights for BoundedCounterEditor<'_> {
    fn holders(&self) -> Vec<(ReplicaId, u128)> {
        self.seen().holders()
    }

    fn give(&self, to: ReplicaId, most: u128) -> u128 {
        if to == self.tx.replica() {
            return 0;
        }
        let amount = self.rights().min(most);
        self.grow(Some(to), (amount, 0));
        amount
    }
}

impl BoundedCounterEditor<'_> {
    /// Adds `amount`, and makes as many rights of this replica; zero ships nothing.
    pub fn add(&self, amount: u64) {
        self.grow(None, (amount.into(), 0));
    }

    /// Subtracts `amount` from what this replica holds rights for; zero ships nothing.
    ///
    /// # Errors
    /// [`InsufficientRights`], and nothing has changed. Return it from
    /// [`try_update`](crate::Doc::try_update), so that nothing else of the edit is done either: `update`
    /// takes whatever its closure returns for a result.
    pub fn sub(&self, amount: u64) -> Result<(), InsufficientRights> {
        let checked = self.check(amount);
        if amount > 0 {
            let lacking = checked.map_or_else(InsufficientRights::lacking, |()| 0);
            self.scratch.drawn.set(self.scratch.drawn.get().max(Some(lacking)));
        }
        checked?;
        self.grow(None, (0, amount.into()));
        Ok(())
    }

    /// Hands rights over to another replica, which can use them once it has got this update.
    ///
    /// Zero, or a transfer to itself, ships nothing.
    ///
    /// # Errors
    /// [`InsufficientRights`], and nothing has changed.
    pub fn transfer(&self, to: ReplicaId, amount: u64) -> Result<(), InsufficientRights> {
        self.check(amount)?;
        if to != self.tx.replica() {
            self.grow(Some(to), (amount.into(), 0));
        }
        Ok(())
    }

    /// How many rights this replica holds, with the changes so far.
    #[must_use]
    pub fn rights(&self) -> u128 {
        self.seen().rights(self.tx.replica())
    }

    /// What was added less what was subtracted, with the changes so far.
    #[must_use]
    pub fn value(&self) -> u128 {
        self.seen().value()
    }

    fn check(&self, asked: u64) -> Result<(), InsufficientRights> {
        let held = self.rights();
        if u128::from(asked) > held { Err(InsufficientRights { asked, held }) } else { Ok(()) }
    }

    /// Writes the next totals of a line of this replica's over those before.
    fn grow(&self, to: Option<ReplicaId>, by: (u128, u128)) {
        if by == (0, 0) {
            return;
        }
        let (seen, line) = (self.seen(), Line { of: self.tx.replica(), to });
        let before = seen.totals(line);
        for record in seen.records.iter().filter(|record| record.line == line) {
            self.tx.supersede_total(record.dot);
            self.scratch.ledger.borrow_mut().remove(record.dot);
        }
        let totals = (before.0.saturating_add(by.0), before.1.saturating_add(by.1));
        self.scratch.ledger.borrow_mut().add(Record { line, totals, dot: self.tx.mint() });
    }

    /// The base without what the edit superseded, and its own.
    ///
    /// All of it, also where the edit is to see only what a screen showed: totals must not shrink.
    fn seen(&self) -> Lines {
        let (mut seen, own) = (Lines::default(), self.scratch.ledger.borrow());
        let is_left = |record: &&Record| !self.tx.has_superseded(record.dot);
        for ledger in self.base.into_iter().chain([&*own]) {
            ledger.read(|lines| {
                lines.records.iter().filter(is_left).for_each(|record| seen.records.push(*record));
            });
        }
        // Whoever writes a line supersedes all of it, so that each lies together in the one or in the other.
        seen
    }
}
