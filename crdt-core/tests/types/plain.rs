//! What types show, as serde writes it.

use crdt_core::{
    BoundedCounter, Crdt, Doc, DwFlag, EwFlag, GCounter, GSet, IdGen, LwwMap, LwwRegister, Max, Min,
    MvRegister, OrMap, OrSet, PnCounter, RankedRegister, Replica, ReplicaId, Resolve, ResolvedRegister,
    RwSet,
};
use serde::Serialize;

struct Longest;

impl Resolve<String> for Longest {
    fn resolve(siblings: &[&String]) -> String {
        siblings.iter().max_by_key(|text| text.len()).map(|text| (*text).clone()).unwrap_or_default()
    }
}

/// One replica makes the one edit, another one the other, and the first hears of it.
fn both<T: Crdt + Serialize>(one: impl FnOnce(T::Editor<'_>), other: impl FnOnce(T::Editor<'_>)) -> String {
    let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
    let (mut here, mut there) = (Doc::<T>::default(), Doc::<T>::default());
    let _ = here.update(&mut a, one);
    here.merge(there.update(&mut b, other));
    serde_json::to_string(&*here).expect("what serde can write")
}

fn shown<T: Crdt + Serialize>(edit: impl FnOnce(T::Editor<'_>)) -> String {
    both::<T>(edit, |_| ())
}

#[test]
fn counters_are_numbers() {
    assert_eq!(shown::<GCounter>(|sum| sum.add(3)), "3");
    assert_eq!(shown::<PnCounter>(|sum| sum.sub(3)), "-3");
    assert_eq!(shown::<BoundedCounter>(|sum| sum.add(3)), "3");
    let large = both::<GCounter>(|sum| sum.add(u64::MAX), |sum| sum.add(u64::MAX));
    assert_eq!(large, (2 * u128::from(u64::MAX)).to_string());
}

#[test]
fn flags_are_yes_or_no_and_registers_what_they_show() {
    assert_eq!((shown::<EwFlag>(|on| on.enable()), shown::<DwFlag>(|_| ())), ("true".into(), "false".into()));
    assert_eq!(both::<LwwRegister<&str>>(|name| name.set("a"), |name| name.set("b")), r#""b""#);
    assert_eq!(shown::<LwwRegister<&str>>(|_| ()), "null");
    assert_eq!(
        both::<RankedRegister<(u8, char)>>(|at| at.set((2, 'x')), |at| at.set((1, 'y'))),
        r#"[2,"x"]"#
    );
    assert_eq!(both::<MvRegister<&str>>(|name| name.set("a"), |name| name.set("b")), r#"["a","b"]"#);
    let longest = both::<ResolvedRegister<String, Longest>>(
        |name| name.set("longer".to_owned()),
        |name| name.set("long".to_owned()),
    );
    assert_eq!(longest, r#""longer""#);
    assert_eq!(
        (shown::<Max<u8>>(|most| _ = most.raise(7)), shown::<Min<u8>>(|_| ())),
        ("7".into(), "null".into())
    );
}

#[test]
fn sets_and_maps_are_in_the_order_of_their_keys_whatever_order_built_them() {
    let list = "[1,2,3,4,5,6,7,8,9]";
    assert_eq!(both::<OrSet<u8>>(|set| set.extend((1..6).rev()), |set| set.extend(5..10)), list);
    assert_eq!(both::<RwSet<u8>>(|set| set.extend((1..6).rev()), |set| set.extend(5..10)), list);
    assert_eq!(both::<GSet<u8>>(|set| set.extend((1..6).rev()), |set| set.extend(5..10)), list);
    let settings = both::<LwwMap<char, u8>>(
        |map| map.extend([('d', 4), ('c', 3), ('x', 0)]),
        |map| {
            map.extend([('b', 2), ('a', 1), ('y', 0)]);
            map.remove(&'y');
        },
    );
    assert_eq!(settings, r#"{"a":1,"b":2,"c":3,"d":4,"x":0}"#);
    let votes = both::<OrMap<char, PnCounter>>(
        |map| ['d', 'c', 'b'].iter().for_each(|key| map.entry(key).add(2)),
        |map| ['c', 'b', 'a'].iter().for_each(|key| map.entry(key).sub(1)),
    );
    assert_eq!(votes, r#"{"a":-1,"b":1,"c":1,"d":2}"#);
}

#[test]
fn a_unique_id_can_be_a_key_where_keys_are_texts() {
    let id = IdGen::new(Replica::new(ReplicaId::from_u128(7))).id();
    let json = shown::<OrMap<_, EwFlag>>(|todos| todos.entry(&id).enable());
    assert_eq!(json, format!(r#"{{"{id}":true}}"#));
}
