//! Who hears that two wrote at one place.

use crdt_core::{Dot, LwwMap};
use crdt_sync::proto::Event;

use crate::lab::{Lab, config};

type Settings = Lab<LwwMap<String, u64>>;

fn write(lab: &mut Settings, name: &str, key: &str, value: u64) {
    let now = lab.now;
    lab.engine(name).update(now, |map| map.insert(key.to_owned(), value)).expect("a small write");
}

/// The conflicts that a node was told of, as the values that met, the one that shows first; those that
/// it can no longer find are left out.
fn told(lab: &mut Settings, name: &str) -> Vec<Vec<Option<u64>>> {
    let dots = lab.events(name).into_iter().filter_map(|event| match event {
        Event::Conflict { dot, .. } => Some(dot),
        _ => None,
    });
    let dots: Vec<Dot> = dots.collect();
    let doc = lab.engine(name).doc();
    let found = dots.into_iter().filter_map(|dot| doc.conflict_of(dot));
    let values = found.map(|found| {
        let all = std::iter::once(&found.shown).chain(&found.others);
        all.map(|(_, (_, written))| written.value).collect()
    });
    values.collect()
}

#[test]
fn both_sides_of_a_conflict_are_told_and_see_the_same() {
    let mut lab = Settings::new(&["a", "b"], &config());
    write(&mut lab, "a", "volume", 1);
    write(&mut lab, "b", "volume", 2);
    write(&mut lab, "b", "light", 3);
    lab.link("a", "b");
    lab.settle();
    let seen = told(&mut lab, "a");
    assert!(seen == [[Some(1), Some(2)]] || seen == [[Some(2), Some(1)]], "{seen:?}");
    assert_eq!(told(&mut lab, "b"), seen);
    assert_eq!(lab.engine("a").status().counters.conflicts, 1);
}

#[test]
fn a_write_that_has_seen_the_one_before_is_no_conflict_and_settles_those_there_are() {
    let mut lab = Settings::new(&["a", "b"], &config());
    lab.link("a", "b");
    for value in 0..5 {
        write(&mut lab, if value % 2 == 0 { "a" } else { "b" }, "volume", value);
        lab.settle();
    }
    assert_eq!(lab.engine("a").status().counters.conflicts, 0);
    lab.cut("a", "b");
    write(&mut lab, "a", "volume", 10);
    write(&mut lab, "b", "volume", 20);
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.engine("b").status().counters.conflicts, 1);
    write(&mut lab, "a", "volume", 30);
    lab.settle();
    assert!(told(&mut lab, "b").is_empty(), "it is settled");
    assert_eq!(lab.engine("b").status().counters.conflicts, 1, "and its settlement is none");
}

/// What a frozen node holds contradicts nothing yet.
#[test]
fn a_conflict_with_what_is_held_is_told_when_it_is_applied() {
    let mut lab = Settings::new(&["a", "b"], &config());
    write(&mut lab, "a", "volume", 1);
    write(&mut lab, "b", "volume", 2);
    let now = lab.now;
    lab.engine("b").freeze(now);
    lab.link("a", "b");
    lab.settle();
    assert!(told(&mut lab, "b").is_empty());
    while lab.engine("b").thaw(now) {}
    assert_eq!(told(&mut lab, "b").len(), 1);
    assert_eq!(lab.engine("b").status().counters.conflicts, 1);
}
