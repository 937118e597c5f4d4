//! The right to write.

use alloc::boxed::Box;
use core::fmt;

#[cfg(feature = "std")]
use crate::clock::SystemClock;
use crate::clock::{Clock, Hlc, Stamp};
use crate::dot::{Dot, ReplicaId};

/// The right to write under one replica id.
///
/// Not `Clone` and not serialisable, on purpose: two holders of one id would mint one dot for two
/// different writes, and one of them would be lost everywhere without an error. Keep one `Replica`
/// per document and per start of the program.
///
/// Programs take [`Replica::random`]; the others are for tests, and for clocks of one's own.
///
/// ```
/// use crdt_core::{Doc, OrSet, Replica};
///
/// let mut me = Replica::random();
/// let mut cart = Doc::<OrSet<String>>::default();
/// let _delta = cart.update(&mut me, |set| set.insert("apple".to_owned()));
/// assert!(cart.contains("apple"));
/// ```
///
/// ```compile_fail
/// # use crdt_core::{Replica, ReplicaId};
/// let me = Replica::new(ReplicaId::from_u128(1));
/// let twin = me.clone();
/// ```
#[doc(alias = "actor")]
pub struct Replica {
    id: ReplicaId,
    next: u64,
    hlc: Hlc,
    clock: Option<Box<dyn Clock + Send + Sync>>,
}

impl Replica {
    /// What a program takes at its start: a [random id](ReplicaId::random), and stamps that follow the
    /// clock of the system.
    ///
    /// ```
    /// use crdt_core::{Doc, LwwRegister, Replica};
    ///
    /// let (mut tokyo, mut london) = (Replica::random(), Replica::random());
    /// let (mut here, mut there) = (Doc::<LwwRegister<u32>>::default(), Doc::<LwwRegister<u32>>::default());
    /// for n in 0..3 {
    ///     let _ = here.update(&mut tokyo, |title| title.set(n));
    /// }
    /// std::thread::sleep(std::time::Duration::from_millis(2));
    /// here.merge(there.update(&mut london, |title| title.set(7)));
    /// assert_eq!(here.get(), Some(&7), "it is the later one, though not the most often written");
    /// ```
    #[cfg(feature = "std")]
    #[must_use]
    pub fn random() -> Self {
        Self::with_clock(ReplicaId::random(), SystemClock)
    }

    /// A writer without a physical clock: its stamps are Lamport times, each larger than the one before
    /// and than every stamp that the replica [observed](Replica::observe).
    ///
    /// Such stamps say nothing of time: of two concurrent last-write-wins writes, that of the replica
    /// that wrote more often wins. Tests want that, since it is the same in each run; programs take
    /// [`random`](Replica::random) or [`with_clock`](Replica::with_clock).
    #[must_use]
    pub fn new(id: ReplicaId) -> Self {
        Self { id, next: 1, hlc: Hlc::default(), clock: None }
    }

    /// A writer whose stamps follow `clock`, never backwards.
    ///
    /// A write over a stamp that is ahead of the clock gets the next one above that, so that it shows. It
    /// moves the clock no more than the merge did: what the replica writes elsewhere has smaller stamps.
    #[must_use]
    pub fn with_clock(id: ReplicaId, clock: impl Clock + Send + Sync + 'static) -> Self {
        Self { clock: Some(Box::new(clock)), ..Self::new(id) }
    }

    /// The id under which this replica writes.
    #[must_use]
    pub const fn id(&self) -> ReplicaId {
        self.id
    }

    /// The largest number that it has given to a dot, or 0.
    ///
    /// A document that has [seen](crate::Doc::last_seen) a larger one of this id got it from somebody
    /// else who uses the id, or claims to know of such: go on under a new one.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.next - 1
    }

    /// Makes later stamps of this replica larger than `stamp`.
    ///
    /// Merging does not do this by itself: whoever knows how far a foreign clock may be trusted
    /// decides first. A write is visible to its writer either way.
    pub fn observe(&mut self, stamp: Stamp) {
        self.hlc.observe(stamp);
    }

    /// The state of the clock.
    pub(crate) const fn hlc(&self) -> Hlc {
        self.hlc
    }

    /// Physical time.
    pub(crate) fn now_millis(&mut self) -> u64 {
        self.clock.as_mut().map_or(0, |clock| clock.now_millis())
    }

    /// The smallest number not yet given to a dot, also with respect to a state that holds dots of
    /// this id up to `seen`.
    pub(crate) fn next_seq(&self, seen: u64) -> u64 {
        // Decoding refuses larger numbers; whoever makes them up in memory must not stop the writer.
        let seen = if seen >= Dot::MAX_SEQ { 0 } else { seen };
        self.next.max(seen + 1)
    }

    /// Numbers below `next` and stamps up to that of `hlc` are used up.
    pub(crate) fn advance(&mut self, next: u64, hlc: Hlc) {
        self.next = self.next.max(next);
        self.hlc.observe(hlc.last());
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("id", &self.id).field("next", &self.next).finish_non_exhaustive()
    }
}
