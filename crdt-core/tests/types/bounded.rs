//! The bounded counter: nobody spends what nobody gave.

use crdt_core::view::Rights;
use crdt_core::{
    BoundedCounter, Crdt, Delta, Doc, InsufficientRights, OrMap, OrSet, PnCounter, Replica, ReplicaId,
};

use super::replica;

fn id(of: u128) -> ReplicaId {
    ReplicaId::from_u128(of)
}

/// A hundred units whose rights are split among three warehouses.
fn warehouses() -> ([Replica; 3], [Doc<BoundedCounter>; 3]) {
    let mut replicas = [1, 2, 3].map(replica);
    let mut founder = Doc::<BoundedCounter>::default();
    let delta = founder.update(&mut replicas[0], |stock| {
        stock.add(100);
        stock.transfer(id(2), 33).expect("a hundred are held");
        stock.transfer(id(3), 33).expect("sixty-seven are held");
    });
    let docs = [(); 3].map(|()| {
        let mut doc = Doc::<BoundedCounter>::default();
        doc.merge(delta.clone());
        doc
    });
    (replicas, docs)
}

#[test]
fn two_regions_that_ship_thirty_and_twenty_leave_fifty() {
    let (mut replicas, mut docs) = warehouses();
    let sales = [(0, 20), (1, 30)].map(|(at, units)| {
        docs[at].try_update(&mut replicas[at], |stock| stock.sub(units)).expect("there are rights").1
    });
    for doc in &mut docs {
        sales.iter().for_each(|sale| _ = doc.merge(sale.clone()));
        assert_eq!(doc.value(), 50);
    }
}

#[test]
fn three_regions_that_each_sell_sixty_of_a_hundred_sell_no_more_than_there_is() {
    let (mut replicas, mut docs) = warehouses();
    let mut sold = 0;
    let mut deltas = Vec::new();
    for at in 0..3 {
        for _ in 0..60 {
            match docs[at].try_update(&mut replicas[at], |stock| stock.sub(1)) {
                Ok(((), delta)) => {
                    sold += 1;
                    deltas.push(delta);
                }
                Err(refusal) => assert_eq!(refusal, InsufficientRights { asked: 1, held: 0 }),
            }
        }
    }
    assert_eq!(sold, 100);
    for doc in &mut docs {
        deltas.iter().rev().chain(&deltas).for_each(|delta| _ = doc.merge(delta.clone()));
        assert_eq!((doc.value(), doc.holders()), (0, vec![]));
    }
}

#[test]
fn a_refused_subtraction_changes_nothing() {
    let (mut replicas, mut docs) = warehouses();
    let before = docs[1].encode().unwrap();
    let refused = docs[1].try_update(&mut replicas[1], |stock| stock.sub(34));
    assert_eq!(refused.unwrap_err(), InsufficientRights { asked: 34, held: 33 });
    let refused = docs[1].try_update(&mut replicas[1], |stock| stock.transfer(id(1), u64::MAX));
    assert_eq!(refused.unwrap_err().held, 33);
    assert_eq!(docs[1].encode().unwrap(), before);
}

#[test]
fn received_rights_count_once_and_only_when_they_have_arrived() {
    let (mut replicas, mut docs) = warehouses();
    let gift = docs[0].try_update(&mut replicas[0], |stock| stock.transfer(id(2), 10)).unwrap().1;
    assert_eq!((docs[0].rights(id(1)), docs[1].rights(id(2))), (24, 33));
    for _ in 0..3 {
        docs[1].merge(gift.clone());
        assert_eq!(docs[1].rights(id(2)), 43);
    }
}

#[test]
fn no_replay_of_any_subset_of_deltas_makes_rights() {
    let (mut replicas, mut docs) = warehouses();
    let mut deltas: Vec<Delta<BoundedCounter>> = vec![docs[0].to_delta()];
    for round in 0..4u64 {
        for at in 0..3 {
            let to = id([2, 3, 1][at]);
            let moved = docs[at].try_update(&mut replicas[at], |stock| {
                stock.transfer(to, 2 + round)?;
                stock.sub(1)
            });
            deltas.push(moved.expect("there are rights").1);
        }
    }
    for subset in 0u32..1 << deltas.len().min(12) {
        let mut doc = Doc::<BoundedCounter>::default();
        let chosen = deltas.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1);
        chosen.for_each(|(_, delta)| _ = doc.merge(delta.clone()));
        assert!(doc.value() <= 100);
    }
    for doc in &mut docs {
        deltas.iter().rev().for_each(|delta| _ = doc.merge(delta.clone()));
        let held: u128 = doc.holders().iter().map(|(_, held)| held).sum();
        assert_eq!((doc.value(), held), (88, 88), "all rights are held by somebody");
    }
}

#[test]
fn a_use_that_arrives_before_its_rights_shows_nothing_below_zero() {
    let (mut a, mut b) = (replica(1), replica(2));
    let (mut here, mut there) = (Doc::<BoundedCounter>::default(), Doc::<BoundedCounter>::default());
    let gift = here.try_update(&mut a, |stock| {
        stock.add(100);
        stock.transfer(id(2), 60)
    });
    there.merge(gift.unwrap().1);
    let sale = there.try_update(&mut b, |stock| stock.sub(60)).unwrap().1;
    let mut third = Doc::<BoundedCounter>::default();
    third.merge(sale);
    assert_eq!((third.value(), third.rights(id(2))), (0, 0));
    third.merge(here.to_delta());
    assert_eq!(third.value(), 40);
}

#[test]
fn zero_and_transfers_to_oneself_ship_nothing() {
    let (mut replicas, mut docs) = warehouses();
    let nothing = docs[0].try_update(&mut replicas[0], |stock| {
        stock.add(0);
        stock.sub(0)?;
        stock.transfer(id(2), 0)?;
        stock.transfer(id(1), 5)
    });
    assert!(nothing.unwrap().1.is_empty());
    assert_eq!(docs[0].rights(id(1)), 34);
}

#[test]
fn a_new_incarnation_has_none_of_the_rights_of_the_old() {
    let (_, mut docs) = warehouses();
    let mut restored = replica(77);
    let refused = docs[0].try_update(&mut restored, |stock| stock.sub(1));
    assert_eq!(refused.unwrap_err(), InsufficientRights { asked: 1, held: 0 });
}

#[test]
fn amounts_at_the_end_of_the_range_add_up_exactly() {
    let (mut a, mut b) = (replica(1), replica(2));
    let mut doc = Doc::<BoundedCounter>::default();
    let _ = doc.update(&mut a, |stock| stock.add(u64::MAX));
    let _ = doc.update(&mut b, |stock| stock.add(u64::MAX));
    let _ = doc.update(&mut b, |stock| stock.add(u64::MAX));
    assert_eq!(doc.value(), 3 * u128::from(u64::MAX));
    let _ = doc.try_update(&mut b, |stock| stock.sub(u64::MAX)).unwrap();
    assert_eq!(doc.rights(id(2)), u128::from(u64::MAX));
}

#[test]
fn stock_by_product_is_a_map_of_bounded_counters() {
    let mut me = replica(1);
    let mut stock = Doc::<OrMap<String, BoundedCounter>>::default();
    let _ = stock.update(&mut me, |stock| stock.entry("pen").add(3));
    let _ = stock.try_update(&mut me, |stock| stock.entry("pen").sub(2)).unwrap();
    assert_eq!(stock.get("pen").map(BoundedCounter::value), Some(1));
}

/// In the middle of a transfer two totals of one replica may both be live: the newer counts alone.
#[test]
fn of_two_totals_of_one_replica_the_newer_counts() {
    let mut me = replica(1);
    let mut here = Doc::<BoundedCounter>::default();
    let mut there = Doc::<BoundedCounter>::default();
    there.merge(here.update(&mut me, |stock| stock.add(10)));
    let _ = here.update(&mut me, |stock| stock.add(5));
    let mut walk = here.walk(&there.context(), 0);
    let chunk = walk.next_chunk(&here, 1, usize::MAX, |_| 0).expect("there is something to send");
    there.merge(chunk);
    assert_eq!((there.live_len(), there.value(), there.rights(id(1))), (2, 15, 15));
}

/// A shop as an engine sees it: it knows the type, and not where the counters are.
#[derive(Crdt)]
struct Shop {
    seen: OrSet<u32>,
    stock: OrMap<String, BoundedCounter>,
    vouchers: BoundedCounter,
}

/// Where a replica holds rights: the keys in the stock, and `-` for the vouchers.
fn places(shop: &Doc<Shop>, holder: ReplicaId) -> Vec<String> {
    let mut places = Vec::new();
    shop.rights_of(holder, &mut |at| places.push(name(&at)));
    places.sort_unstable();
    places
}

fn name(at: &ShopEntry) -> String {
    match at {
        ShopEntry::Stock((key, _)) => key.clone(),
        ShopEntry::Vouchers(_) => "-".to_owned(),
        _ => "no counter".to_owned(),
    }
}

#[test]
fn rights_are_found_wherever_they_are_and_only_there() {
    let (mut me, mut shop) = (replica(1), Doc::<Shop>::default());
    let _ = shop.update(&mut me, |shop| {
        shop.seen.insert(7);
        shop.vouchers.add(5);
        shop.stock.entry("pen").add(3);
        shop.stock.entry("ink").add(2);
        shop.stock.entry("ink").transfer(id(2), 2).expect("two are held");
    });
    assert_eq!(places(&shop, id(1)), ["-", "pen"]);
    assert_eq!(places(&shop, id(2)), ["ink"]);
    assert!(places(&shop, id(3)).is_empty());
    let none = [OrSet::<u32>::HAS_RIGHTS, OrMap::<u32, PnCounter>::HAS_RIGHTS, PnCounter::HAS_RIGHTS];
    assert_eq!((Shop::HAS_RIGHTS, none), (true, [false; 3]));
}

#[test]
fn rights_are_given_at_a_place_up_to_what_is_held() {
    let (mut me, mut shop) = (replica(1), Doc::<Shop>::default());
    let _ = shop.update(&mut me, |shop| {
        shop.stock.entry("pen").add(10);
        shop.stock.entry("ink").add(10);
    });
    let mut at = None;
    shop.rights_of(id(1), &mut |place| at = Some(place).filter(|place| name(place) == "ink").or(at.take()));
    let at = at.expect("there is ink");
    let _ = shop.update(&mut me, |shop| {
        Shop::rights(&shop, &at, &mut |rights| {
            assert_eq!(rights.give(id(2), 4), 4);
            assert_eq!(rights.holders(), [(id(1), 6), (id(2), 4)], "with the changes so far");
            assert_eq!((rights.give(id(1), 5), rights.give(id(2), 0)), (0, 0), "to itself, and none");
            assert_eq!((rights.give(id(3), u128::MAX), rights.give(id(3), 1)), (6, 0));
        });
    });
    let [pen, ink] = ["pen", "ink"].map(|key| shop.stock.get(key).expect("it is there").holders());
    assert_eq!((pen, ink), (vec![(id(1), 10)], vec![(id(2), 4), (id(3), 6)]));
}

/// Holdings are wider than amounts, and whoever asks for all gets all: nobody has to ask again and again,
/// for as long as a peer likes that claims to have given 128 bits of them.
#[test]
fn all_rights_are_given_at_once_however_many_they_are() {
    let (mut me, mut stock) = (replica(1), Doc::<BoundedCounter>::default());
    let _ = stock.update(&mut me, |stock| (0..3).for_each(|_| stock.add(u64::MAX)));
    let all = 3 * u128::from(u64::MAX);
    let given = stock.update(&mut me, |stock| assert_eq!(stock.give(id(2), u128::MAX), all));
    assert_eq!((stock.holders(), given.entries().len()), (vec![(id(2), all)], 1));
}

/// What an edit lacked is told even if it fails, and then nothing has changed.
#[test]
fn what_an_edit_took_or_lacked_is_told() {
    let (mut me, mut shop) = (replica(1), Doc::<Shop>::default());
    let _ = shop.update(&mut me, |shop| shop.stock.entry("pen").add(10));
    let mut drawn = Vec::new();
    let mut note = |at, lacking| drawn.push((name(&at), lacking));
    let refused = shop.stage_watched(
        &mut me,
        None,
        |shop| {
            shop.stock.entry("pen").sub(4)?;
            shop.stock.entry("pencil").sub(0)?;
            shop.vouchers.add(1);
            assert_eq!(shop.stock.entry("ink").sub(3).unwrap_err().lacking(), 3);
            assert_eq!(shop.stock.entry("ink").sub(2).unwrap_err().lacking(), 2);
            shop.stock.entry("pen").sub(9)
        },
        &mut note,
    );
    assert_eq!(refused.err(), Some(InsufficientRights { asked: 9, held: 6 }));
    drawn.sort_unstable();
    assert_eq!(drawn, [("ink".to_owned(), 3), ("pen".to_owned(), 3)]);
    assert_eq!(shop.stock.get("pen").map(BoundedCounter::value), Some(10));
}
