//! Flags.

use crdt_core::{Doc, DwFlag, EwFlag, OrMap};

use super::{at_once, replica};

#[test]
fn enabling_wins_in_an_enable_wins_flag() {
    let read = EwFlag::is_enabled;
    assert!(at_once::<EwFlag, _>(&|f| f.enable(), &|f| f.disable(), &|f| f.enable(), read));
    assert!(at_once::<EwFlag, _>(&|_| (), &|f| f.disable(), &|f| f.enable(), read));
    assert!(!at_once::<EwFlag, _>(&|f| f.enable(), &|f| f.disable(), &|_| (), read));
}

#[test]
fn disabling_wins_in_a_disable_wins_flag() {
    let read = DwFlag::is_enabled;
    assert!(!at_once::<DwFlag, _>(&|f| f.enable(), &|f| f.disable(), &|f| f.enable(), read));
    assert!(!at_once::<DwFlag, _>(&|_| (), &|f| f.disable(), &|f| f.enable(), read));
    assert!(at_once::<DwFlag, _>(&|f| f.disable(), &|f| f.enable(), &|_| (), read));
}

#[test]
fn a_disabling_of_what_is_disabled_wins_over_a_concurrent_enabling() {
    let read = DwFlag::is_enabled;
    assert!(!at_once::<DwFlag, _>(&|f| f.disable(), &|f| f.disable(), &|f| f.enable(), read));
}

#[test]
fn flags_begin_disabled_and_their_keys_are_absent() {
    assert!(!Doc::<EwFlag>::default().is_enabled() && !Doc::<DwFlag>::default().is_enabled());
    let mut me = replica(1);
    let mut features = Doc::<OrMap<String, DwFlag>>::default();
    let _ = features.update(&mut me, |features| features.entry("dark").enable());
    assert!(features.contains_key("dark"));
    let _ = features.update(&mut me, |features| features.entry("dark").disable());
    assert!(!features.contains_key("dark"));
}

#[test]
fn disabling_what_is_disabled_ships_nothing_where_enabling_wins() {
    assert!(Doc::<EwFlag>::default().update(&mut replica(1), |f| f.disable()).is_empty());
}
