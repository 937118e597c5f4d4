//! Edits by what a screen showed.

use crdt_core::{BoundedCounter, Doc, LwwMap, LwwRegister, OrMap, OrSet, PnCounter};

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
