//! Edits by what a screen showed.

use crdt_core::{BoundedCounter, Doc, LwwMap, LwwRegister, OrMap, OrSet, PnCounter, RwSet};

use super::replica;

#[test]
fn a_removal_by_a_stale_screen_takes_only_what_the_screen_showed() {
    let (mut me, mut other) = (replica(1), replica(2));
    let mut carts = Doc::<OrMap<String, OrSet<&str>>>::default();
    let _ = carts.update(&mut me, |carts| carts.entry("alice").insert("apple"));
    let screen = carts.observe();
    let _ = carts.update(&mut me, |carts| carts.entry("alice").insert("pear"));
    let _ = carts.update(&mut other, |carts| carts.entry("alice").insert("plum"));
    let delta = carts.update_observed(&mut me, &screen, |carts| carts.remove("alice"));
    assert_eq!(delta.dead().len(), 1);
    let mut left = carts.get("alice").map(OrSet::sorted).unwrap_or_default();
    left.sort_unstable();
    assert_eq!(left, [&"pear", &"plum"]);
}

#[test]
fn an_edit_by_a_stale_screen_that_fails_changes_nothing_and_uses_up_no_number() {
    let mut me = replica(1);
    let mut set = Doc::<OrSet<&str>>::default();
    let _ = set.update(&mut me, |set| set.insert("seen"));
    let screen = set.observe();
    let _ = set.update(&mut me, |set| set.insert("since"));

    let take = |name: &'static str| {
        move |set: crdt_core::OrSetEditor<'_, &'static str>| {
            set.insert("note");
            if set.remove(name) { Ok(name) } else { Err(name) }
        }
    };
    let refused = set.try_update_observed(&mut me, &screen, take("since"));
    assert_eq!(refused.unwrap_err(), "since", "it is not on the screen");
    assert_eq!((set.sorted(), set.last_seen(me.id())), (vec![&"seen", &"since"], 2));

    let (taken, delta) =
        set.try_update_observed(&mut me, &screen, take("seen")).expect("it is on the screen");
    assert_eq!((taken, delta.dead().len()), ("seen", 1));
    assert_eq!((set.sorted(), set.last_seen(me.id())), (vec![&"note", &"since"], 3));
}

#[test]
fn an_element_added_again_since_survives_its_removal() {
    let (mut me, mut other) = (replica(1), replica(2));
    let mut set = Doc::<OrSet<&str>>::default();
    let _ = set.update(&mut me, |set| set.insert("x"));
    let screen = set.observe();
    let _ = set.update(&mut other, |set| set.insert("x"));
    let gone = set.update_observed(&mut me, &screen, |set| assert!(!set.remove("x"), "what it saw is gone"));
    assert!(gone.is_empty() && set.contains("x"));
}

#[test]
fn a_form_that_overwrites_an_unseen_value_makes_a_conflict_and_loses_nothing() {
    let (mut clerk, mut other) = (replica(1), replica(2));
    let mut email = Doc::<LwwRegister<&str>>::default();
    let _ = email.update(&mut clerk, |email| email.set("first"));
    let form = email.observe();
    let _ = email.update(&mut other, |email| email.set("unseen"));
    let _ = email.update_observed(&mut clerk, &form, |email| email.set("typed"));
    assert_eq!(email.siblings().collect::<Vec<_>>(), [&"typed", &"unseen"]);

    let mut profile = Doc::<LwwMap<&str, &str>>::default();
    let form = profile.observe();
    let _ = profile.update(&mut other, |profile| profile.insert("email", "unseen"));
    let _ = profile.update_observed(&mut clerk, &form, |profile| profile.insert("email", "typed"));
    assert_eq!(profile.siblings("email").collect::<Vec<_>>(), [Some(&"typed"), Some(&"unseen")]);
}

#[test]
fn a_reset_by_a_stale_screen_leaves_the_increments_that_it_did_not_show() {
    let mut me = replica(1);
    let mut counter = Doc::<PnCounter>::default();
    let _ = counter.update(&mut me, |counter| counter.add(10));
    let screen = counter.observe();
    let _ = counter.update(&mut replica(2), |counter| counter.add(5));
    let _ = counter.update_observed(&mut me, &screen, |counter| counter.reset());
    assert_eq!(counter.value(), 5);
    let _ = counter.update_observed(&mut me, &screen, |counter| counter.add(1));
    assert_eq!(counter.value(), 6);
}

#[test]
fn a_reset_by_a_stale_screen_leaves_what_its_replica_has_counted_on() {
    let mut me = replica(1);
    let mut counter = Doc::<PnCounter>::default();
    let _ = counter.update(&mut me, |counter| counter.add(10));
    let screen = counter.observe();
    let _ = counter.update(&mut me, |counter| counter.add(5));
    let reset = counter.update_observed(&mut me, &screen, |counter| counter.reset());
    assert!(reset.is_empty());
    assert_eq!(counter.value(), 15);
}

#[test]
fn a_stale_screen_makes_no_rights() {
    let mut me = replica(1);
    let mut stock = Doc::<BoundedCounter>::default();
    let screen = stock.observe();
    let _ = stock.update(&mut me, |stock| stock.add(10));
    let _ = stock.try_update(&mut me, |stock| stock.sub(7)).unwrap();
    let _ = stock.update_observed(&mut me, &screen, |stock| {
        assert_eq!(stock.rights(), 3);
        stock.add(1);
    });
    assert_eq!((stock.value(), stock.live_len()), (4, 1));
}

#[test]
fn a_token_of_now_is_an_ordinary_update() {
    let mut me = replica(1);
    let mut set = Doc::<OrSet<u8>>::default();
    let _ = set.update(&mut me, |set| set.insert(1));
    let now = set.observe();
    let _ = set.update_observed(&mut me, &now, |set| {
        set.remove(&1);
        set.insert(2);
        set.remove(&2);
        set.insert(3);
    });
    assert_eq!(set.sorted(), [&3]);
}

#[test]
fn a_stale_screen_lists_the_keys_that_it_showed_and_no_others() {
    let (mut me, mut other) = (replica(1), replica(2));
    const SHOWN: u8 = 1;
    const GONE: u8 = 2;
    let (mut here, mut there) = (Doc::<LwwMap<u8, u8>>::default(), Doc::<LwwMap<u8, u8>>::default());
    let _ = here.update(&mut me, |map| map.extend([(SHOWN, 1), (GONE, 1)]));
    let _ = here.update(&mut me, |map| map.remove(&GONE));
    let screen = here.observe();
    // What somebody else wrote at the same time has later stamps: a removal of the one, a value of the other.
    (2..5).for_each(|n| _ = there.update(&mut other, |map| map.extend([(SHOWN, n), (GONE, n)])));
    let _ = there.update(&mut other, |map| map.remove(&SHOWN));
    here.merge_from(&there);
    assert_eq!(here.sorted(), [(&GONE, &4)]);

    let _ = here.update_observed(&mut me, &screen, |map| {
        assert_eq!((map.get(&SHOWN), map.get(&GONE)), (Some(1), None));
        assert_eq!((map.keys(), map.is_empty()), (vec![SHOWN], false));
        map.clear();
        assert!(map.is_empty());
    });
    assert_eq!(here.sorted(), [(&GONE, &4)], "what the screen did not show is still there");
}

#[test]
fn an_element_that_was_banned_since_is_listed_by_a_stale_screen() {
    let (mut me, mut other, mut third) = (replica(1), replica(2), replica(3));
    let (mut here, mut there) = (Doc::<RwSet<u8>>::default(), Doc::<RwSet<u8>>::default());
    let _ = here.update(&mut me, |set| set.insert(1));
    let screen = here.observe();
    let _ = there.update(&mut other, |set| set.remove(&1));
    here.merge_from(&there);
    let mut elsewhere = here.clone();
    let _ = here.update_observed(&mut me, &screen, |set| {
        assert_eq!((set.contains(&1), set.to_vec(), set.is_empty()), (true, vec![1], false));
        set.clear();
    });
    // The clearing is a removal like any other, and wins over an insertion that has not seen it.
    let _ = elsewhere.update(&mut third, |set| set.insert(1));
    here.merge_from(&elsewhere);
    assert!(!here.contains(&1));
}

#[test]
fn an_increment_by_the_screen_of_another_brings_back_none_that_were_taken() {
    let (mut me, mut other) = (replica(1), replica(2));
    let mut here = Doc::<PnCounter>::default();
    let _ = here.update(&mut me, |counter| counter.add(100));
    let mut there = here.clone();
    let _ = here.update(&mut me, |counter| counter.add(7));
    let _ = there.update(&mut other, |counter| counter.reset());
    // It shows the removal, and has yet to hear of the seven.
    let screen = there.observe();
    here.merge_from(&there);
    assert_eq!(here.value(), 7);
    there.merge(here.update_observed(&mut me, &screen, |counter| counter.add(1)));
    there.merge_from(&here);
    assert_eq!((here.value(), there.value()), (8, 8));
}
