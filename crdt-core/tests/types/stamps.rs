//! Which types ask for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crdt_core::clock::Clock;
use crdt_core::{
    BoundedCounter, Crdt, Doc, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister,
    OrMap, OrSet, PnCounter, Ranked, RankedRegister, Replica, ReplicaId, RwSet,
};

struct Counted(Arc<AtomicU64>);

impl Clock for Counted {
    fn now_millis(&mut self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// How often an edit reads the clock, and whether what it wrote has stamps.
fn asks<T: Crdt>(edit: impl FnOnce(T::Editor<'_>)) -> (u64, bool) {
    let readings = Arc::new(AtomicU64::new(0));
    let mut me = Replica::with_clock(ReplicaId::from_u128(1), Counted(Arc::clone(&readings)));
    let delta = Doc::<T>::default().update(&mut me, edit);
    assert!(!delta.is_empty());
    (readings.load(Ordering::Relaxed), delta.stamps().next().is_some())
}

#[derive(Clone)]
struct Size(u8);

impl Ranked for Size {
    type Rank = u8;

    fn rank(&self) -> u8 {
        self.0
    }
}

#[derive(Crdt)]
struct Poll {
    votes: OrMap<u8, PnCounter>,
    open: EwFlag,
}

#[derive(Crdt)]
struct Titled {
    title: LwwRegister<u8>,
    poll: Poll,
}

#[test]
fn what_has_no_stamps_reads_no_clock() {
    let without = [
        asks::<OrSet<u8>>(|set| set.insert(1)),
        asks::<GSet<u8>>(|set| _ = set.insert(1)),
        asks::<RwSet<u8>>(|set| set.insert(1)),
        asks::<GCounter>(|count| count.add(1)),
        asks::<PnCounter>(|count| count.sub(1)),
        asks::<BoundedCounter>(|count| count.add(1)),
        asks::<EwFlag>(|flag| flag.enable()),
        asks::<DwFlag>(|flag| flag.enable()),
        asks::<MvRegister<u8>>(|register| register.set(1)),
        asks::<Max<u8>>(|most| _ = most.raise(1)),
        asks::<Min<u8>>(|least| _ = least.lower(1)),
        asks::<OrMap<u8, OrMap<u8, OrSet<u8>>>>(|map| map.entry(&1).entry(&2).insert(3)),
        asks::<Poll>(|poll| poll.votes.entry(&1).add(1)),
    ];
    assert_eq!(without, [(0, false); 13]);
}

#[test]
fn what_has_stamps_reads_it_once_an_edit() {
    let with = [
        asks::<LwwRegister<u8>>(|register| {
            register.set(1);
            register.set(2);
        }),
        asks::<RankedRegister<Size>>(|register| register.set(Size(1))),
        asks::<LwwMap<u8, u8>>(|map| {
            map.insert(1, 1);
            map.remove(&2);
        }),
        asks::<OrMap<u8, LwwRegister<u8>>>(|map| map.entry(&1).set(1)),
        asks::<Titled>(|titled| titled.title.set(1)),
    ];
    assert_eq!(with, [(1, true); 5]);
    let beside = asks::<Titled>(|titled| titled.poll.open.enable());
    assert_eq!(beside, (1, false), "whether it will be asked is known of the type, not of the edit");
}
