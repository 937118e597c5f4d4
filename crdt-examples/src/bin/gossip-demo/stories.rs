//! The stories: what is written where, and what must come of it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::thread::sleep;
use std::time::Duration;

use crdt_examples::shop::{Change, View};

use crate::cluster::{Cluster, Convergence, Views};
use crate::failure::Failure;
use crate::place::Place::{self, London, SaoPaulo, Tokyo};
use crate::report::grouped;

/// A story.
pub(crate) struct Story {
    pub(crate) title: &'static str,
    pub(crate) plot: &'static str,
    /// What of each region is printed.
    pub(crate) aspects: &'static [Aspect],
    /// Plays it, with so many updates on each side where many are asked for.
    pub(crate) play: fn(&mut Cluster, usize) -> Result<Ending, Failure>,
}

/// Something that a region shows, by name.
type Aspect = (&'static str, fn(&View) -> String);

/// How a story ended. Every region showed what it had to, before and after.
pub(crate) struct Ending {
    pub(crate) before: Views,
    pub(crate) after: Views,
    pub(crate) convergence: Convergence,
    /// The invariant, in words.
    pub(crate) holds: String,
}

/// All of them. Each begins where the one before it ended.
pub(crate) const STORIES: [Story; 6] = [
    Story {
        title: "first writes",
        plot: "each region opens orders before it has met another one",
        aspects: &[("open orders", open_orders)],
        play: first_writes,
    },
    Story {
        title: "counting",
        plot: "apart, tokyo counts 10 likes and london 5",
        aspects: &[("likes", likes)],
        play: counting,
    },
    Story {
        title: "cart",
        plot: "of book and pen, tokyo takes out the book and puts in ink;\nlondon puts the book in once more and takes out the pen",
        aspects: &[("cart", cart)],
        play: shared_cart,
    },
    Story {
        title: "profile",
        plot: "apart, tokyo edits phone and email, then london edits city and email",
        aspects: &[
            ("phone", |view| field(view, "phone")),
            ("city", |view| field(view, "city")),
            ("email", |view| field(view, "email")),
            ("overruled email", overruled_email),
        ],
        play: profile,
    },
    Story {
        title: "partition",
        plot: "sao-paulo is cut off; both sides open and close orders, and count likes",
        aspects: &[("open orders", open_orders), ("likes", likes)],
        play: partition,
    },
    Story {
        title: "crash",
        plot: "london's process is killed; the others go on, and close orders that london had opened;\nlondon starts again with nothing but its certificate, and writes at once",
        aspects: &[("open orders", open_orders), ("likes", likes)],
        play: crash,
    },
];

fn first_writes(cluster: &mut Cluster, updates: usize) -> Result<Ending, Failure> {
    let shared = shared_orders(updates);
    let third = shared.end / 3;
    let opened = |from: u64| (from..from + third).map(Change::Open).collect();
    cluster.write(&[(Tokyo, opened(0)), (London, opened(third)), (SaoPaulo, opened(2 * third))])?;
    let ending = reunite(cluster)?;
    ensure(&ending.after, |view| view.orders.iter().copied().eq(shared.clone()))?;
    Ok(ending.because(format!("the {} orders of three regions are open in each", grouped(shared.end))))
}

fn counting(cluster: &mut Cluster, _: usize) -> Result<Ending, Failure> {
    cluster.cut(&Place::ALL)?;
    cluster.write(&[(Tokyo, vec![Change::Count(10)]), (London, vec![Change::Count(5)])])?;
    let ending = reunite(cluster)?;
    ensure(&ending.after, |view| view.likes == 15)?;
    Ok(ending.because("10 + 5 = 15 in every region"))
}

fn shared_cart(cluster: &mut Cluster, _: usize) -> Result<Ending, Failure> {
    let book = Change::add("alice", "book");
    cluster.write(&[(Tokyo, vec![book.clone(), Change::add("alice", "pen")])])?;
    cluster.converge(&Place::ALL)?;
    cluster.cut(&Place::ALL)?;
    let in_tokyo = vec![Change::remove("alice", "book"), Change::add("alice", "ink")];
    cluster.write(&[(Tokyo, in_tokyo), (London, vec![book, Change::remove("alice", "pen")])])?;
    let ending = reunite(cluster)?;
    ensure(&ending.after, |view| view.carts["alice"].iter().eq(["book", "ink"]))?;
    Ok(ending.because("the new book is no part of what tokyo took out; the pen stays out"))
}

fn profile(cluster: &mut Cluster, _: usize) -> Result<Ending, Failure> {
    cluster.write(&[(SaoPaulo, vec![Change::set("email", "alice@example.org")])])?;
    cluster.converge(&Place::ALL)?;
    cluster.cut(&Place::ALL)?;
    let edits = |field, value, region| {
        vec![Change::set(field, value), Change::set("email", &format!("alice@{region}.example.org"))]
    };
    cluster.write(&[(Tokyo, edits("phone", "555-0100", Tokyo))])?;
    // Later by the clocks too, which count milliseconds.
    sleep(Duration::from_millis(20));
    cluster.write(&[(London, edits("city", "London", London))])?;
    let ending = reunite(cluster)?;
    let emails = ["alice@london.example.org", "alice@tokyo.example.org"];
    ensure(&ending.after, |view| {
        view.profile["phone"] == ["555-0100"]
            && view.profile["city"] == ["London"]
            && view.profile["email"] == emails
    })?;
    Ok(ending.because("both fields stay; the later email shows, the other is readable in every region"))
}

fn partition(cluster: &mut Cluster, updates: usize) -> Result<Ending, Failure> {
    cluster.cut(&[SaoPaulo])?;
    let plan = Plan::new(updates);
    cluster.write(&plan.work)?;
    let ending = reunite(cluster)?;
    let open = plan.open_at_last();
    ensure(&ending.after, |view| view.orders == open)?;
    let (written, closed) = (grouped(plan.changes().count()), grouped(plan.closed().count()));
    Ok(ending.because(format!(
        "of {written} updates, {closed} of them removals, none is lost and nothing removed is back;\n\
         {} orders closed in tokyo and opened again in sao-paulo stay open",
        grouped(plan.reopened.end)
    )))
}

fn crash(cluster: &mut Cluster, updates: usize) -> Result<Ending, Failure> {
    let count = updates as u64 / 5;
    let in_london = 4 * FRESH..4 * FRESH + count;
    let closed = in_london.start..in_london.start + count / 2;
    let in_sao_paulo = 5 * FRESH..5 * FRESH + count;
    cluster.write_copied(London, &in_london.clone().map(Change::Open).collect::<Vec<_>>())?;
    cluster.kill(London)?;
    cluster.write(&[
        (Tokyo, closed.clone().map(Change::Close).collect()),
        (SaoPaulo, in_sao_paulo.clone().map(Change::Open).collect()),
    ])?;
    cluster.converge(&[Tokyo, SaoPaulo])?;
    let before = cluster.views(&[Tokyo, SaoPaulo])?;
    let mark = cluster.restart(London)?;
    cluster.write(&[(London, vec![Change::Count(1)])])?;
    cluster.converge(&Place::ALL)?;
    let convergence = cluster.since(&mark)?;
    let after = cluster.views(&Place::ALL)?;
    ensure(&after, |view| {
        let open = |mut orders: Range<u64>| orders.all(|order| view.orders.contains(&order));
        open(closed.end..in_london.end)
            && open(in_sao_paulo.clone())
            && !view.orders.range(closed.clone()).any(|_| true)
    })?;
    let holds = format!(
        "london has its {} acknowledged orders again, but for the {} closed meanwhile",
        grouped(count),
        grouped(closed.end - closed.start)
    );
    Ok(Ending { before, after, convergence, holds })
}

/// Looks at the regions as they are apart, ends every cut, and looks again.
fn reunite(cluster: &mut Cluster) -> Result<Ending, Failure> {
    for group in cluster.groups() {
        cluster.converge(&group)?;
    }
    let before = cluster.views(&Place::ALL)?;
    let convergence = cluster.heal()?;
    let after = cluster.views(&Place::ALL)?;
    Ok(Ending { before, after, convergence, holds: String::new() })
}

impl Ending {
    fn because(self, holds: impl Into<String>) -> Self {
        Self { holds: holds.into(), ..self }
    }
}

/// The invariant of a story, in every region.
fn ensure(views: &Views, holds: impl Fn(&View) -> bool) -> Result<(), Failure> {
    match views.iter().find(|(_, view)| !holds(view)) {
        None => Ok(()),
        Some((place, _)) => Err(Failure::Wrong(format!("{place} does not show what the story ends with"))),
    }
}

/// Regions open orders with numbers from a multiple of this, so that all know who opened which.
const FRESH: u64 = 1_000_000;

/// The orders that all regions know before the partition.
fn shared_orders(updates: usize) -> Range<u64> {
    0..updates as u64 / 10 * 3
}

/// What is written during the partition.
struct Plan {
    work: [(Place, Vec<Change>); 3],
    /// Known before.
    shared: Range<u64>,
    /// Closed in tokyo, and opened again in sao-paulo without knowing of that.
    reopened: Range<u64>,
}

impl Plan {
    /// Half of the mainland's updates each for tokyo and london, and as many for sao-paulo alone.
    /// Of the shared orders tokyo closes the first third, both sides the second, sao-paulo the last.
    fn new(updates: usize) -> Self {
        let (shared, third) = (shared_orders(updates), shared_orders(updates).end / 3);
        let reopened = 0..third / 2;
        let work = [
            (Tokyo, busy(FRESH, updates / 2, 0..third, 0..0)),
            (London, busy(2 * FRESH, updates / 2, third..2 * third, 0..0)),
            (SaoPaulo, busy(3 * FRESH, updates, third..3 * third, reopened.clone())),
        ];
        Self { work, shared, reopened }
    }

    fn changes(&self) -> impl Iterator<Item = &Change> {
        self.work.iter().flat_map(|(_, changes)| changes)
    }

    fn closed(&self) -> impl Iterator<Item = u64> {
        self.changes()
            .filter_map(|change| if let Change::Close(order) = change { Some(*order) } else { None })
    }

    /// The orders that must be open when all have met: plain sets, whatever arrived when.
    fn open_at_last(&self) -> BTreeSet<u64> {
        let opened = self
            .changes()
            .filter_map(|change| if let Change::Open(order) = change { Some(*order) } else { None });
        let mut open: BTreeSet<u64> = self.shared.clone().chain(opened).collect();
        self.closed().for_each(|order| {
            open.remove(&order);
        });
        open.extend(self.reopened.clone());
        open
    }
}

/// `count` updates of one region: of five, two open an order, one counts a like, one closes an order
/// that all know, and one closes an order that the region has just opened.
fn busy(fresh: u64, count: usize, mut close: Range<u64>, mut reopen: Range<u64>) -> Vec<Change> {
    let (mut opened, mut closed) = (fresh.., fresh..);
    let mut open = |known: Option<u64>| Change::Open(known.or_else(|| opened.next()).unwrap_or(fresh));
    let change = |n: usize| match n % 5 {
        0 => open(None),
        1 => open(reopen.next()),
        2 => Change::Count(1),
        3 => close.next().map_or(Change::Count(1), Change::Close),
        _ => closed.next().map_or(Change::Count(1), Change::Close),
    };
    (0..count).map(change).collect()
}

fn likes(view: &View) -> String {
    grouped(view.likes)
}

fn open_orders(view: &View) -> String {
    grouped(view.orders.len())
}

fn cart(view: &View) -> String {
    let items = view.carts.get("alice").into_iter().flatten();
    items.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn field(view: &View, name: &str) -> String {
    view.profile.get(name).and_then(|values| values.first()).cloned().unwrap_or_default()
}

fn overruled_email(view: &View) -> String {
    view.profile.get("email").map_or(&[][..], |emails| &emails[1..]).join(", ")
}
