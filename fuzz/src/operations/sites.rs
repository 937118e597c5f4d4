//! The replicas, what travels between them, and what each of them must show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crdt_core::clock::{CausalContext, Clock, Stamp};
use crdt_core::codec::Limits;
use crdt_core::{Delta, Doc, Dot, Replica, ReplicaId, Walk};

use super::oracle::{Draft, Fact, Knowledge, Oracle};
use super::shown::{Cells, Count, PRESENT, Place, cells, check_lengths, counts};
use super::step::{Edit, SITES, Step};
use crate::shapes::{ShelfEntry, Shop, ShopEditor, ShopEntry};

/// The replicas, and everything on its way.
pub struct Sites {
    oracle: Oracle,
    sites: [Site; SITES],
    /// By receiver.
    walks: [Option<Open>; SITES],
    deltas: Vec<(Delta<Shop>, Knowledge)>,
    updates: usize,
}

struct Site {
    doc: Doc<Shop>,
    me: Replica,
    time: Arc<AtomicU64>,
    known: Knowledge,
}

/// A walk under way.
struct Open {
    from: usize,
    walk: Walk<Shop>,
    /// What the donor knew when it began.
    start: Knowledge,
    /// What was live then and that the receiver had not seen.
    pending: CausalContext,
    /// What was gone then.
    gone: CausalContext,
    /// What the receiver shows all the time, unless something else happens to it.
    steady: Option<Cells>,
}

struct Hand(Arc<AtomicU64>);

impl Clock for Hand {
    fn now_millis(&mut self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Site {
    fn new(id: u128) -> Self {
        let time = Arc::default();
        Self { doc: Doc::default(), me: writer(id, &time), time, known: Knowledge::default() }
    }

    /// Continues with this state as a new writer.
    fn start(&mut self, id: u128) {
        let bytes = self.doc.encode().expect("it has bytes");
        self.doc = Doc::decode(&bytes, &Limits::default()).expect("own bytes are accepted");
        self.me = writer(id, &self.time);
    }
}

/// Ids of later writers are larger or smaller than those before.
fn writer(id: u128, time: &Arc<AtomicU64>) -> Replica {
    let id = if id.is_multiple_of(2) { id } else { id.reverse_bits() };
    Replica::with_clock(ReplicaId::from_u128(id), Hand(Arc::clone(time)))
}

impl Default for Sites {
    fn default() -> Self {
        Self {
            oracle: Oracle::default(),
            sites: [1, 2, 3].map(Site::new),
            walks: [const { None }; SITES],
            deltas: Vec::new(),
            updates: 0,
        }
    }
}

impl Sites {
    /// Does one thing, and looks at who was touched.
    pub fn perform(&mut self, step: &Step) {
        match step {
            Step::Update { at, edits, fails: false } => self.update(*at, edits),
            Step::Update { at, edits, fails: true } => self.fail(*at, edits),
            Step::Deliver { to, which } => {
                if let Some((delta, news)) = self.sent(*which) {
                    self.arrive(*to, delta, &news);
                }
            }
            Step::Group { to, which: [first, second] } => {
                let (Some((mut group, mut news)), Some(other)) = (self.sent(*first), self.sent(*second))
                else {
                    return;
                };
                group.merge(other.0);
                news.join(&other.1);
                self.arrive(*to, group, &news);
            }
            Step::Join { to, from } => {
                let delta = self.sites[*from].doc.difference(&self.sites[*to].doc);
                self.arrive(*to, delta, &self.sites[*from].known.clone());
            }
            Step::Ask { to, from } => self.ask(*to, *from),
            Step::Walk { to, from, keep } => self.walk(*to, *from, *keep),
            Step::Chunks { to, count, size } => (0..=*count).for_each(|_| self.chunk(*to, *size)),
            Step::Restart { at } => self.restart(*at),
            Step::Clock { at, millis } => self.sites[*at].time.store(*millis, Ordering::Relaxed),
        }
    }

    /// Lets everybody hear of everything: all show the same, and what the oracle says.
    pub fn settle(&mut self) {
        for from in 1..SITES {
            self.ask(0, from);
        }
        for to in 1..SITES {
            self.perform(&Step::Join { to, from: 0 });
        }
        let bytes = |site: &Site| site.doc.encode().expect("it has bytes");
        let [first, others @ ..] = &self.sites;
        assert!(first.known.is_whole());
        for other in others {
            assert!(other.doc == first.doc && other.doc.fingerprint() == first.doc.fingerprint());
            assert_eq!(bytes(other), bytes(first), "equal states have equal bytes");
        }
    }

    fn sent(&self, which: u8) -> Option<(Delta<Shop>, Knowledge)> {
        let back = usize::from(which) % self.deltas.len().max(1);
        self.deltas.iter().rev().nth(back).cloned()
    }

    fn ask(&mut self, to: usize, from: usize) {
        let answer = self.sites[from].doc.delta_since(&self.sites[to].doc.digest());
        let bytes = answer.encode().expect("it has bytes");
        let answer = Delta::decode(&bytes, &Limits::default()).expect("own bytes are accepted");
        self.arrive(to, answer, &self.sites[from].known.clone());
    }

    fn restart(&mut self, at: usize) {
        self.updates += 1;
        self.sites[at].start(self.updates as u128 + 3);
        // A walk belongs to one start of its donor.
        self.walks.iter_mut().for_each(|walk| {
            walk.take_if(|walk| walk.from == at);
        });
        self.check(at);
    }

    /// Something arrives that is not part of a walk.
    fn arrive(&mut self, to: usize, delta: Delta<Shop>, news: &Knowledge) {
        if let Some(walk) = &mut self.walks[to] {
            walk.steady = None;
        }
        let stamps: Vec<Stamp> = delta.stamps().collect();
        self.merge(to, delta, news);
        let site = &mut self.sites[to];
        stamps.into_iter().for_each(|stamp| site.me.observe(stamp));
    }

    fn merge(&mut self, to: usize, delta: Delta<Shop>, news: &Knowledge) {
        let site = &mut self.sites[to];
        for open in &mut self.walks {
            let kept = open
                .as_mut()
                .is_none_or(|open| open.from != to || open.walk.before_merge(&site.doc, &delta).is_ok());
            if !kept {
                *open = None;
            }
        }
        let before = site.doc.fingerprint();
        let changed = site.doc.merge(delta);
        assert_eq!(changed, before != site.doc.fingerprint());
        site.known.join(news);
        self.check(to);
    }

    /// A replica shows what reached it.
    fn check(&self, at: usize) {
        let Site { doc, known, .. } = &self.sites[at];
        let (cells, counts) = (cells(doc), counts(doc));
        assert_eq!(cells, self.oracle.cells(known), "at {at}");
        if known.is_whole() {
            assert_eq!(counts, self.oracle.counts(known), "at {at}");
        }
        check_lengths(doc, &cells, &counts);
    }
}

/// Updates.
impl Sites {
    fn update(&mut self, at: usize, edits: &[Edit]) {
        let Site { doc, me, known, .. } = &mut self.sites[at];
        let mut draft = Draft::new(&self.oracle, known);
        let whole = known.is_whole();
        let staged = doc.stage(me, |shop| {
            edits.iter().for_each(|edit| perform(&shop, *edit, &mut draft, whole));
            Ok::<(), ()>(())
        });
        let Ok(((), delta)) = staged else { unreachable!("it does not fail") };
        let before = self.sites[at].known.clone();
        let news = self.record(at, &delta, &draft, before.causes());
        assert!(!before.is_whole() || draft.changes != delta.is_empty(), "no change, no delta");
        if let Some(walk) = &mut self.walks[at] {
            walk.steady = None;
        }
        self.merge(at, delta.clone(), &news);
        self.deltas.push((delta, news));
    }

    fn fail(&mut self, at: usize, edits: &[Edit]) {
        let Site { doc, me, known, .. } = &mut self.sites[at];
        let (mut draft, whole, before) = (Draft::new(&self.oracle, known), known.is_whole(), doc.clone());
        let failed = doc.try_update(me, |shop| {
            edits.iter().for_each(|edit| perform(&shop, *edit, &mut draft, whole));
            Err::<(), &str>("no")
        });
        assert_eq!(failed.err(), Some("no"));
        assert!(*doc == before && doc.fingerprint() == before.fingerprint());
        self.check(at);
    }

    /// Gives every entry of an update its meaning, and compares them with those that were expected.
    fn record(
        &mut self,
        at: usize,
        delta: &Delta<Shop>,
        draft: &Draft,
        required: BTreeSet<usize>,
    ) -> Knowledge {
        let (me, known) = (self.sites[at].me.id(), self.sites[at].known.clone());
        self.updates += 1;
        self.oracle.step(self.updates, me, &known, &draft.acts);
        let mut added = BTreeMap::new();
        for (dot, entry) in delta.entries() {
            assert_eq!(dot.replica, me);
            let fact = match meaning(entry) {
                Meaning::Cell(place, stamp, value) => {
                    assert_eq!(added.insert(place, value), None, "two entries at {place:?}");
                    Fact::Cell { place, stamp, value }
                }
                Meaning::Count(place, entry) => self.oracle.count_fact(me, place, &entry, &known),
            };
            self.follow(&fact, draft);
            self.oracle.record(*dot, fact);
        }
        assert_eq!(added, draft.added());
        let dead: BTreeSet<Dot> = dots(delta.dead()).collect();
        let cells = dead.iter().filter(|dot| matches!(self.oracle.fact(**dot), Some(Fact::Cell { .. })));
        assert_eq!(cells.copied().collect::<BTreeSet<_>>(), draft.dead, "an update takes away what it saw");
        assert!(dead.iter().all(|dot| dot.replica == me || self.oracle.fact(*dot).is_some()));
        let seen = delta.entries().iter().map(|(dot, _)| *dot).collect();
        Knowledge { seen, dead, events: BTreeSet::from([self.updates]), required }
    }

    /// A write is later than all that its writer saw at the same place.
    fn follow(&self, fact: &Fact, draft: &Draft) {
        let Fact::Cell { place, stamp: Some(stamp), .. } = fact else { return };
        for dot in &draft.dead {
            if let Some(Fact::Cell { place: other, stamp: earlier, .. }) = self.oracle.fact(*dot) {
                assert!(other != place || *earlier < Some(*stamp), "a write is later than what it saw");
            }
        }
    }
}

/// Walks.
impl Sites {
    fn walk(&mut self, to: usize, from: usize, keep: usize) {
        let (donor, receiver) = (&self.sites[from], &self.sites[to]);
        let (state, context) = (donor.doc.to_delta(), receiver.doc.context());
        let live: CausalContext = state.entries().iter().map(|(dot, _)| *dot).collect();
        let mut joined = receiver.doc.clone();
        joined.merge_from(&donor.doc);
        let (before, after) = (cells(&receiver.doc), cells(&joined));
        let steady = before
            .into_iter()
            .filter(|(place, values)| after.get(place).is_some_and(|after| after.first() == values.first()));
        self.walks[to] = Some(Open {
            from,
            walk: donor.doc.walk(&context, keep),
            start: donor.known.clone(),
            pending: live.difference(&context),
            gone: state.dead().clone(),
            steady: Some(steady.collect()),
        });
    }

    fn chunk(&mut self, to: usize, size: usize) {
        let Some(mut open) = self.walks[to].take() else { return };
        let Some(chunk) = open.walk.next_chunk(&self.sites[open.from].doc, size, usize::MAX, |_| 1) else {
            assert!(open.pending.is_empty(), "a walk sends everything that was live");
            let start = open.start;
            self.sites[to].known.join(&start);
            return self.check(to);
        };
        let sent: CausalContext = chunk.entries().iter().map(|(dot, _)| *dot).collect();
        assert!(open.pending.is_superset(&sent), "a walk sends what was live when it began, once");
        open.pending = open.pending.difference(&sent);
        assert!(chunk.dead().is_empty() || open.pending.is_empty(), "what is gone goes out last");
        assert!(open.gone.is_superset(chunk.dead()), "a walk takes away only what was gone when it began");
        let news = Knowledge {
            seen: chunk.entries().iter().map(|(dot, _)| *dot).collect(),
            dead: dots(chunk.dead()).collect(),
            events: BTreeSet::new(),
            required: open.start.causes(),
        };
        self.merge(to, chunk, &news);
        let shown = cells(&self.sites[to].doc);
        for (place, values) in open.steady.iter().flatten() {
            let now = shown.get(place).and_then(|values| values.first());
            assert_eq!(now, values.first(), "{place:?} shows what it showed before and in the end");
        }
        self.walks[to] = Some(open);
    }
}

/// What an entry says, apart from its path's form.
enum Meaning {
    Cell(Place, Option<Stamp>, Option<u8>),
    Count(Count, crdt_core::RunEntry),
}

fn meaning(entry: &ShopEntry) -> Meaning {
    match entry {
        ShopEntry::Tags(value) => Meaning::Cell(Place::Tag(*value), None, PRESENT),
        ShopEntry::Name(written) => Meaning::Cell(Place::Name, Some(written.stamp), Some(written.value)),
        ShopEntry::Profile((key, written)) => {
            Meaning::Cell(Place::Profile(*key), Some(written.stamp), written.value)
        }
        ShopEntry::Sold(entry) => Meaning::Count(Count::Sold, *entry),
        ShopEntry::Carts((key, value)) => Meaning::Cell(Place::Cart(*key, *value), None, PRESENT),
        ShopEntry::Stock((key, entry)) => Meaning::Count(Count::Stock(*key), *entry),
        ShopEntry::Shelves((key, ShelfEntry::Visits(entry))) => Meaning::Count(Count::Visits(*key), *entry),
        ShopEntry::Shelves((key, ShelfEntry::Labels((side, written)))) => {
            Meaning::Cell(Place::Label(*key, *side), Some(written.stamp), Some(written.value))
        }
        ShopEntry::Shelves((_, ShelfEntry::Unknown(_))) | ShopEntry::Unknown(_) => {
            unreachable!("every field is known")
        }
    }
}

fn dots(context: &CausalContext) -> impl Iterator<Item = Dot> + '_ {
    context.iter().flat_map(|(id, runs)| {
        runs.iter().flat_map(move |(first, last)| (first..=last).map(move |seq| Dot::new(id, seq)))
    })
}

/// Makes a change in both, and compares what each says of it.
fn perform(shop: &ShopEditor<'_>, edit: Edit, draft: &mut Draft, whole: bool) {
    let expected = draft.edit(edit);
    match edit {
        Edit::Tag(value) => shop.tags.insert(value),
        Edit::Untag(value) => assert_eq!(shop.tags.remove(&value), expected),
        Edit::ClearTags => shop.tags.clear(),
        Edit::Name(value) => shop.name.set(value),
        Edit::ClearName => shop.name.clear(),
        Edit::Profile(key, value) => shop.profile.insert(key, value),
        Edit::Unprofile(key) => assert_eq!(shop.profile.remove(&key), expected),
        Edit::ClearProfile => shop.profile.clear(),
        Edit::Sell(amount) => {
            if amount < 0 {
                shop.sold.sub(amount.unsigned_abs())
            } else {
                shop.sold.add(amount.unsigned_abs())
            }
            assert!(!whole || shop.sold.value() == draft.count(Count::Sold));
        }
        Edit::Unsell => shop.sold.reset(),
        Edit::Cart(key, value) => shop.carts.entry(&key).insert(value),
        Edit::Uncart(key, value) => assert_eq!(shop.carts.entry(&key).remove(&value), expected),
        Edit::RemoveCart(key) => assert_eq!(shop.carts.remove(&key), expected),
        Edit::ClearCarts => shop.carts.clear(),
        Edit::Stock(key, amount) => {
            let stock = shop.stock.entry(&key);
            if amount < 0 {
                stock.sub(amount.unsigned_abs())
            } else {
                stock.add(amount.unsigned_abs())
            }
            assert!(!whole || stock.value() == draft.count(Count::Stock(key)));
        }
        Edit::RemoveStock(key) => {
            let removed = shop.stock.remove(&key);
            assert!(!whole || removed == expected);
        }
        Edit::ClearStock => shop.stock.clear(),
        Edit::Visit(key, amount) => shop.shelves.entry(&key).visits.add(u64::from(amount)),
        Edit::Label(key, side, value) => shop.shelves.entry(&key).labels.entry(&side).set(value),
        Edit::Unlabel(key, side) => assert_eq!(shop.shelves.entry(&key).labels.remove(&side), expected),
        Edit::RemoveShelf(key) => {
            let removed = shop.shelves.remove(&key);
            assert!(!whole || removed == expected);
        }
    }
}
