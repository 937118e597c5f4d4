//! What a region must show, worked out from the orders it was given.
//!
//! Nothing of crdt-core is used here. It is the specification in its plainest form, far too costly
//! for a library: every write ever made is kept, together with the set of those that a later write
//! had seen and undone. Two regions that meet take the union of both.

use std::collections::{BTreeMap, BTreeSet};

use crdt_examples::shop::{Change, View};

/// All writes that a region has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// By what they are about, and by number.
    writes: BTreeMap<Subject, BTreeMap<u64, Change>>,
    /// Writes that a removal, or a later value of the same field, had seen.
    undone: BTreeSet<u64>,
}

/// What a write is about: writes about different things do not meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Likes,
    Item(String, String),
    Field(String),
    Order(u64),
}

impl Expected {
    /// The region writes. Numbers are never used twice, and later writes have larger ones.
    pub(crate) fn write(&mut self, number: u64, change: &Change) {
        let subject = Subject::of(change);
        if matches!(change, Change::Set { .. } | Change::Remove { .. } | Change::Close(_)) {
            let seen = self.writes.get(&subject).into_iter().flat_map(BTreeMap::keys);
            self.undone.extend(seen);
        }
        if !matches!(change, Change::Remove { .. } | Change::Close(_)) {
            self.writes.entry(subject).or_default().insert(number, change.clone());
        }
    }

    /// The region hears all that another one has seen.
    pub(crate) fn hear(&mut self, other: &Self) {
        for (subject, writes) in &other.writes {
            let known = self.writes.entry(subject.clone()).or_default();
            known.extend(writes.iter().map(|(number, change)| (*number, change.clone())));
        }
        self.undone.extend(&other.undone);
    }

    /// What the region must show.
    pub(crate) fn view(&self) -> View {
        let mut view = View::default();
        for (subject, writes) in &self.writes {
            // Of concurrent values of one field the latest shows.
            let standing = writes.iter().rev().filter(|(number, _)| !self.undone.contains(number));
            let standing: Vec<&Change> = standing.map(|(_, change)| change).collect();
            if !standing.is_empty() {
                show(subject, &standing, &mut view);
            }
        }
        view
    }
}

impl Subject {
    fn of(change: &Change) -> Self {
        match change {
            Change::Count(_) => Self::Likes,
            Change::Add { cart, item } | Change::Remove { cart, item } => {
                Self::Item(cart.clone(), item.clone())
            }
            Change::Set { field, .. } => Self::Field(field.clone()),
            Change::Open(order) | Change::Close(order) => Self::Order(*order),
        }
    }
}

fn show(subject: &Subject, standing: &[&Change], view: &mut View) {
    let amount = |change: &&Change| if let Change::Count(amount) = change { i128::from(*amount) } else { 0 };
    let value =
        |change: &&Change| if let Change::Set { value, .. } = change { Some(value.clone()) } else { None };
    match subject {
        Subject::Likes => view.likes = standing.iter().map(amount).sum(),
        Subject::Item(cart, item) => {
            view.carts.entry(cart.clone()).or_default().insert(item.clone());
        }
        Subject::Field(field) => {
            view.profile.insert(field.clone(), standing.iter().filter_map(value).collect());
        }
        Subject::Order(order) => {
            view.orders.insert(*order);
        }
    }
}

/// In what a region shows something else than it must, or nothing.
pub(crate) fn mismatch(expected: &View, seen: &View) -> Option<String> {
    if expected == seen {
        return None;
    }
    let (expected, seen) = (expected.facts(), seen.facts());
    let lacks = some_of("lacks", expected.difference(&seen));
    let extra = some_of("shows but must not", seen.difference(&expected));
    Some([lacks, extra].into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// The first few, and how many there are.
fn some_of<'a>(what: &str, facts: impl Iterator<Item = &'a String>) -> Option<String> {
    let facts: Vec<&str> = facts.map(String::as_str).collect();
    let more = if facts.len() > 3 { ", …" } else { "" };
    let first = facts.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    (!facts.is_empty()).then(|| format!("{what} {} ({first}{more})", facts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A region that has seen these writes.
    fn region(first: u64, changes: &[Change]) -> Expected {
        let mut region = Expected::default();
        (first..).zip(changes).for_each(|(number, change)| region.write(number, change));
        region
    }

    /// Both, after they have met.
    fn met(mut a: Expected, mut b: Expected) -> View {
        let before = a.clone();
        a.hear(&b);
        b.hear(&before);
        assert_eq!(a, b);
        a.view()
    }

    #[test]
    fn concurrent_increments_add_up_and_meeting_twice_changes_nothing() {
        let tokyo = region(0, &[Change::Count(10)]);
        let mut london = region(1, &[Change::Count(7), Change::Count(-2)]);
        assert_eq!(met(tokyo.clone(), london.clone()).likes, 15);
        london.hear(&tokyo);
        assert_eq!(met(london, tokyo).likes, 15);
    }

    #[test]
    fn a_removal_takes_what_it_saw_and_no_concurrent_addition() {
        let both = region(0, &[Change::add("alice", "book"), Change::add("alice", "pen")]);
        let (mut tokyo, mut london) = (both.clone(), both);
        tokyo.write(10, &Change::remove("alice", "book"));
        tokyo.write(11, &Change::remove("alice", "pen"));
        london.write(12, &Change::add("alice", "book"));
        assert!(tokyo.view().carts.is_empty());
        let items = BTreeSet::from(["book".to_owned()]);
        assert_eq!(met(tokyo, london).carts, BTreeMap::from([("alice".to_owned(), items)]));
    }

    #[test]
    fn of_concurrent_values_the_latest_comes_first_and_the_next_write_settles_it() {
        let tokyo = region(0, &[Change::set("email", "old"), Change::set("email", "a")]);
        let mut london = region(10, &[Change::set("email", "b")]);
        let both = met(tokyo.clone(), london.clone());
        assert_eq!(both.profile["email"], ["b", "a"]);
        london.hear(&tokyo);
        london.write(20, &Change::set("email", "c"));
        assert_eq!(met(tokyo, london).profile["email"], ["c"]);
    }

    #[test]
    fn orders_are_what_sets_of_numbers_say() {
        let opened = |range: std::ops::Range<u64>| range.map(Change::Open).collect::<Vec<_>>();
        let (mut here, mut there) = (region(0, &opened(0..100)), region(0, &opened(0..100)));
        let change = |region: &mut Expected, from: u64, changes: Vec<Change>| {
            (from..).zip(&changes).for_each(|(number, change)| region.write(number, change));
        };
        change(&mut here, 1_000, (0..60).map(Change::Close).collect());
        change(&mut there, 2_000, (40..100).map(Change::Close).collect());
        change(&mut there, 3_000, opened(0..10));
        change(&mut here, 4_000, opened(500..510));
        assert_eq!(met(here, there).orders, (0..10).chain(500..510).collect());
    }

    #[test]
    fn a_mismatch_names_what_is_lost_and_what_came_back() {
        let seen = View { likes: 15, orders: (0..10).collect(), ..View::default() };
        let expected = View { likes: 15, orders: (5..11).collect(), ..View::default() };
        assert_eq!(mismatch(&seen, &seen), None);
        let words = mismatch(&expected, &seen).expect("they differ");
        assert_eq!(words, "lacks 1 (order 10); shows but must not 5 (order 0, order 1, order 2, …)");
    }
}
