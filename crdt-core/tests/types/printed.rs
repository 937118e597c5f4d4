//! What editors show when they are printed.

use std::fmt::Debug;

use crdt_core::{
    BoundedCounter, Crdt, Doc, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister,
    OrMap, OrSet, PnCounter, RankedRegister, Replica, ReplicaId, RwSet,
};

/// What an editor shows after `before`, an update of its own, and after `now`, a part of its update.
fn printed<T: Crdt>(before: impl FnOnce(&T::Editor<'_>), now: impl FnOnce(&T::Editor<'_>)) -> String
where
    for<'a> T::Editor<'a>: Debug,
{
    let (mut me, mut doc) = (Replica::new(ReplicaId::from_u128(1)), Doc::<T>::default());
    let _ = doc.update(&mut me, |value| before(&value));
    let mut printed = String::new();
    let _ = doc.update(&mut me, |value| {
        now(&value);
        printed = format!("{value:?}");
    });
    printed
}

#[test]
fn editors_print_what_they_read() {
    assert_eq!(printed::<GCounter>(|sum| sum.add(2), |sum| sum.add(3)), "GCounterEditor(5)");
    assert_eq!(printed::<PnCounter>(|sum| sum.add(2), |sum| sum.sub(3)), "PnCounterEditor(-1)");
    let stock = printed::<BoundedCounter>(|stock| stock.add(5), |stock| stock.sub(2).expect("it holds 5"));
    assert_eq!(stock, "BoundedCounterEditor { value: 3, rights: 3 }");
    assert_eq!(printed::<EwFlag>(|on| on.enable(), |on| on.disable()), "EwFlagEditor(false)");
    assert_eq!(printed::<DwFlag>(|_| (), |on| on.enable()), "DwFlagEditor(true)");
    assert_eq!(printed::<LwwRegister<char>>(|at| at.set('a'), |_| ()), "LwwRegisterEditor(Some('a'))");
    let ranked = printed::<RankedRegister<(u8, char)>>(|at| at.set((2, 'a')), |at| at.set((1, 'b')));
    assert_eq!(ranked, "RankedRegisterEditor(Some((1, 'b')))");
    assert_eq!(printed::<MvRegister<char>>(|at| at.set('a'), |at| at.set('b')), "MvRegisterEditor(['b'])");
    assert_eq!(printed::<Max<u8>>(|most| _ = most.raise(3), |_| ()), "MaxEditor(Some(3))");
    assert_eq!(printed::<Min<u8>>(|least| _ = least.lower(3), |least| least.reset()), "MinEditor(None)");
    assert_eq!(printed::<OrSet<u8>>(|set| set.insert(1), |set| set.insert(2)), "OrSetEditor([1, 2])");
    assert_eq!(printed::<GSet<u8>>(|_| (), |set| _ = set.insert(2)), "GSetEditor([2])");
    assert_eq!(printed::<RwSet<u8>>(|set| set.insert(1), |set| _ = set.remove(&1)), "RwSetEditor([])");
    let map = printed::<LwwMap<u8, char>>(|map| map.extend([(1, 'a'), (2, 'b')]), |map| _ = map.remove(&1));
    assert_eq!(map, "{2: 'b'}");
}

#[derive(Crdt)]
struct Shop {
    sold: PnCounter,
    carts: OrMap<u8, OrSet<char>>,
}

#[test]
fn editors_of_maps_and_structs_print_those_of_their_parts_and_nothing_is_written() {
    let both = |shop: &ShopEditor<'_>| {
        shop.sold.add(1);
        shop.carts.entry(&7).insert('a');
    };
    let all = "ShopEditor { sold: PnCounterEditor(2), carts: {7: OrSetEditor(['a'])} }";
    assert_eq!(printed::<Shop>(both, both), all);

    let (mut me, mut doc) = (Replica::new(ReplicaId::from_u128(1)), Doc::<Shop>::default());
    let _ = doc.update(&mut me, |shop| both(&shop));
    assert!(doc.update(&mut me, |shop| format!("{shop:?}")).is_empty());
}
