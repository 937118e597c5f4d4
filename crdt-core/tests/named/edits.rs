//! C11: edits that fail.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crdt_core::{Doc, LwwMap, OrMap, OrSet, PnCounter};

use crate::model::Model;
use crate::sites::Site;

type Stock = OrMap<u8, PnCounter>;

/// C11: the closure removes x, adds y, and fails. What it did to the state in place cannot be undone
/// with its delta, which has no x; and its number is used twice, or leaves a gap for ever.
#[test]
fn a_failed_edit_brings_back_what_it_took_and_uses_up_no_number() {
    // The wrong undo: take back what the delta added.
    let delta = Model::new(&[(('a', 2), "y")], &[('a', 1)]);
    let mut in_place = Model::new(&[(('a', 1), "x")], &[]).joined(&delta);
    delta.live.keys().for_each(|dot| assert!(in_place.live.remove(dot).is_some()));
    assert!(!in_place.has("x"), "it does not bring back x");
    assert_eq!(in_place.gone(), [('a', 1), ('a', 2)], "and what it took back stays seen: nobody may use a2");

    let mut site = Site::<OrSet<char>>::new(1);
    let _ = site.edit(|set| set.insert('x'));
    let (bytes, print) = (site.doc.encode().unwrap(), site.doc.fingerprint());
    let failed = site.doc.try_update(&mut site.me, |set| {
        assert!(set.remove(&'x'));
        set.insert('y');
        assert!(!set.contains(&'x') && set.contains(&'y'), "it reads its own changes");
        Err::<(), _>("no")
    });
    assert_eq!(failed.err(), Some("no"));
    assert_eq!((site.doc.encode().unwrap(), site.doc.fingerprint()), (bytes, print));
    let next = site.edit(|set| set.insert('z'));
    assert_eq!(next.entries()[0].0.seq, 2, "the number of the failed edit is given to this one");
    assert_eq!(site.doc.context().runs(), 1, "without a gap");
}

/// C11: a panic in the closure, where there may be nothing to catch it with.
#[test]
fn an_edit_that_unwinds_leaves_no_trace() {
    let mut site = Site::<Stock>::new(1);
    let _ = site.edit(|stock| stock.entry(&1).add(10));
    let bytes = site.doc.encode().unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _ = site.doc.update(&mut site.me, |stock| {
            stock.remove(&1);
            stock.entry(&2).add(5);
            resume_unwind(Box::new("unwound"))
        });
    }));
    assert!(unwound.is_err());
    assert_eq!(site.doc.encode().unwrap(), bytes);
    let next = site.edit(|stock| stock.entry(&1).add(1));
    assert_eq!(next.entries()[0].0.seq, 2);
    assert_eq!((site.doc.len(), site.doc.get(&1).map(PnCounter::value)), (1, Some(11)));
}

/// C11: whoever reads meanwhile reads the state before the edit, whole.
#[test]
fn readers_see_nothing_of_an_edit_before_it_is_merged() {
    let mut site = Site::<LwwMap<u8, u8>>::new(1);
    let _ = site.edit(|map| map.insert(1, 1));
    let doc: &Doc<_> = &site.doc;
    let staged = doc.stage(&mut site.me, |map| {
        map.insert(1, 2);
        map.insert(2, 2);
        assert_eq!((map.get(&1), map.get(&2)), (Some(2), Some(2)), "the editor");
        assert_eq!((doc.get(&1), doc.get(&2)), (Some(&1), None), "a reader");
        Ok::<_, ()>(map.keys().len())
    });
    let (keys, delta) = staged.unwrap();
    assert_eq!((keys, doc.len()), (2, 1));
    site.doc.merge(delta);
    assert_eq!((site.doc.get(&1), site.doc.get(&2)), (Some(&2), Some(&2)));
}
