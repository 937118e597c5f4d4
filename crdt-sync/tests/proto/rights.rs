//! Rights of bounded counters: they go where they are used, and nowhere else.

// What the derive defines beside a struct is as public as the struct.
#![allow(unreachable_pub, reason = "the derive's items follow the visibility of the struct")]

use std::time::Duration;

use crdt_core::codec::Wire;
use crdt_core::{BoundedCounter, Crdt, InsufficientRights, OrMap, OrSet};
use crdt_sync::proto::{Config, PeerError, TryUpdateError};
use crdt_sync::sim::{Cluster, SimConfig};
use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};

use crate::lab::{Lab, SetLab, config};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// There and back, with the latencies of `SimConfig::quic`.
const ROUND_TRIP: Duration = Duration::from_millis(120);

type Stock = BoundedCounter;

/// Counters among other things, and deep inside.
#[derive(Crdt)]
pub(crate) struct Shop {
    visitors: OrSet<u64>,
    stock: OrMap<String, OrMap<u64, BoundedCounter>>,
    vouchers: BoundedCounter,
}

fn cluster<T: Wire>(config: SimConfig, seed: u64) -> Cluster<T> {
    let mut cluster = Cluster::new(config, seed).expect("a configuration that works");
    cluster.run_for(3 * SECOND);
    cluster
}

fn add(cluster: &mut Cluster<Stock>, node: usize, amount: u64) {
    cluster.write(node, |stock| stock.add(amount)).expect("the node is up");
}

fn sub(cluster: &mut Cluster<Stock>, node: usize, amount: u64) -> Result<(), InsufficientRights> {
    cluster.write(node, |stock| stock.sub(amount)).expect("the node is up").value
}

/// Tries to subtract every 5 ms; returns how long it took until it could.
fn sub_patiently(cluster: &mut Cluster<Stock>, node: usize, amount: u64, max: Duration) -> Option<Duration> {
    let begin = cluster.now();
    while sub(cluster, node, amount).is_err() {
        if cluster.now() >= begin + max {
            return None;
        }
        cluster.run_for(Duration::from_millis(5));
    }
    Some(cluster.now() - begin)
}

fn values(cluster: &Cluster<Stock>) -> Vec<u128> {
    cluster.engines().map(|(_, engine)| engine.doc().value()).collect()
}

/// What each node that is up holds, as itself knows it.
fn held(cluster: &Cluster<Stock>) -> Vec<u128> {
    let own = cluster.engines().map(|(_, engine)| (engine.status().replica, engine.doc()));
    own.map(|(own, doc)| own.map_or(0, |own| doc.rights(own))).collect()
}

/// Requests and updates that moved rights, on all nodes that are up.
fn moves<T: Wire>(cluster: &Cluster<T>) -> (u64, u64) {
    let counters = cluster.engines().map(|(_, engine)| engine.status().counters);
    counters.fold((0, 0), |(asked, given), sums| (asked + sums.rights_asked, given + sums.rights_given))
}

#[test]
fn a_region_that_has_never_written_sells_after_one_round_trip() {
    for seed in 0..20 {
        let mut cluster = cluster::<Stock>(SimConfig::quic(3), seed);
        add(&mut cluster, 0, 100);
        cluster.run_for(SECOND);
        assert_eq!(sub(&mut cluster, 1, 60), Err(InsufficientRights { asked: 60, held: 0 }));
        let took = sub_patiently(&mut cluster, 1, 60, SECOND).expect("rights arrive");
        assert!(took <= ROUND_TRIP + Duration::from_millis(5), "{took:?}");
        cluster.converge(10 * SECOND).expect("nothing is lost");
        assert_eq!(values(&cluster), [40; 3]);
    }
}

/// What one update drops with its error is asked for all the same.
#[test]
fn a_closure_that_fails_is_heard_too() {
    let mut lab = Lab::<Stock>::new(&["a", "b"], &config());
    lab.link("a", "b");
    let now = lab.now;
    lab.engine("a").update(now, |stock| stock.add(10)).expect("a small write");
    lab.settle();
    let refused = lab.engine("b").try_update(now, |stock| stock.sub(7));
    assert_eq!(refused, Err(TryUpdateError::Closure(InsufficientRights { asked: 7, held: 0 })));
    lab.settle();
    lab.engine("b").try_update(now, |stock| stock.sub(7)).expect("the rights are here");
    lab.settle();
    assert_eq!(lab.engine("a").doc().value(), 3);
}

/// Whoever waits for a change of the document to try again is woken, though nobody could be asked at first,
/// or the question was lost.
#[test]
fn a_refusal_is_heard_by_those_who_come_later() {
    for is_linked in [false, true] {
        let mut lab = Lab::<Stock>::new(&["a", "b"], &config());
        lab.link("a", "b");
        let now = lab.now;
        lab.engine("a").update(now, |stock| stock.add(10)).expect("a small write");
        lab.settle();
        if !is_linked {
            lab.cut("a", "b");
        }
        let refused = lab.engine("b").try_update(now, |stock| stock.sub(7));
        assert_eq!(refused, Err(TryUpdateError::Closure(InsufficientRights { asked: 7, held: 0 })));
        if is_linked {
            lab.take("b", "a", 1);
            lab.cut("a", "b");
        }
        lab.run_for(SECOND);
        lab.link("a", "b");
        lab.run_for(SECOND);
        let own = own_id(&mut lab, "b");
        assert!(lab.engine("b").doc().rights(own) >= 7, "linked first: {is_linked}");

        // It holds enough: who comes now is not asked.
        let before = asked(&mut lab, "b");
        lab.cut("b", "a");
        lab.link("a", "b");
        lab.run_for(SECOND);
        assert_eq!(asked(&mut lab, "b"), before);
        let now = lab.now;
        lab.engine("b").try_update(now, |stock| stock.sub(7)).expect("the rights are here");
    }
}

fn own_id(lab: &mut Lab<Stock>, name: &str) -> crdt_core::ReplicaId {
    lab.engine(name).status().replica.expect("it has an id")
}

fn asked(lab: &mut Lab<Stock>, name: &str) -> u64 {
    lab.engine(name).status().counters.rights_asked
}

/// No sale fails, though every region has to sell more than a third: who runs low asks before.
#[test]
fn who_runs_low_is_given_rights_before_a_sale_fails() {
    let mut cluster = cluster::<Stock>(SimConfig::quic(3), 1);
    add(&mut cluster, 0, 3_000);
    cluster.run_for(SECOND);
    sub_patiently(&mut cluster, 1, 1, SECOND).expect("rights arrive");
    cluster.run_for(SECOND);
    for _ in 0..1_500 {
        assert_eq!(sub(&mut cluster, 1, 1), Ok(()));
        cluster.run_for(Duration::from_millis(2));
    }
    let (_, given) = moves(&cluster);
    assert!(given <= 15, "{given} updates for 1,500 sales");
}

/// Random sales, deliveries and partitions; the oracle is the sum of what was acknowledged.
#[test]
fn nothing_is_oversold_and_nothing_is_lost_whatever_the_network_does() {
    let (mut refused, mut given) = (0, 0);
    for seed in 0..60 {
        let kind = [SimConfig::quic, SimConfig::hostile][seed as usize % 2];
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let mut cluster = cluster::<Stock>(kind(3), seed);
        let (mut added, mut sold) = (0u128, 0u128);
        for _ in 0..150 {
            let (node, amount) = (rng.random_range(0..3usize), rng.random_range(1..30u64));
            match rng.random_range(0..20u32) {
                0 => cluster.partition(&[&[node]]),
                1 => cluster.heal(),
                2..5 => {
                    add(&mut cluster, node, amount);
                    added += u128::from(amount);
                }
                _ => match sub(&mut cluster, node, amount) {
                    Ok(()) => sold += u128::from(amount),
                    Err(_) => refused += 1,
                },
            }
            assert!(sold <= added, "seed {seed} sold {sold} of {added}");
            cluster.run_for(Duration::from_millis(rng.random_range(0..200u64)));
        }
        cluster.heal();
        cluster.converge(300 * SECOND).expect("all links are up");
        assert_eq!(values(&cluster), [added - sold; 3], "seed {seed}");
        assert_eq!(held(&cluster).iter().sum::<u128>(), added - sold, "seed {seed}: some are held by nobody");
        given += moves(&cluster).1;
    }
    assert!(refused > 1_000 && given > 500, "{refused} refused, {given} updates moved rights");
}

#[test]
fn nothing_moves_where_nobody_subtracts() {
    let mut cluster = cluster::<Stock>(SimConfig::quic(3), 2);
    add(&mut cluster, 0, 100);
    cluster.run_for(HOUR);
    assert_eq!(moves(&cluster), (0, 0), "others hold none, and want none");
    for node in [1, 2, 1] {
        sub_patiently(&mut cluster, node, 10, SECOND).expect("rights arrive");
    }
    cluster.run_for(10 * SECOND);
    let before = (moves(&cluster), cluster.engine(0).map(|engine| engine.vector().clone()));
    cluster.run_for(HOUR);
    assert_eq!((moves(&cluster), cluster.engine(0).map(|engine| engine.vector().clone())), before);
}

/// All sell all the time, until nothing is left: rights do not go to and fro.
#[test]
fn rights_are_moved_seldom_though_all_sell() {
    let mut cluster = cluster::<Stock>(SimConfig::quic(3), 3);
    add(&mut cluster, 0, 9_000);
    cluster.run_for(SECOND);
    let mut sold = 0u32;
    while sold < 9_000 && cluster.now() < 100 * SECOND {
        sold += (0..3).map(|node| u32::from(sub(&mut cluster, node, 1).is_ok())).sum::<u32>();
        cluster.run_for(Duration::from_millis(10));
    }
    assert_eq!(sold, 9_000, "all that there is can be sold");
    let (_, given) = moves(&cluster);
    assert!(given <= 60, "{given} updates for 9,000 sales");
}

/// Either one could sell with a part of the other's rights, and both ask at once, again and again.
#[test]
fn of_two_that_lack_each_others_rights_one_gets_them() {
    for names in [["a", "b"], ["b", "a"]] {
        let mut lab = Lab::<Stock>::new(&names, &config());
        lab.link("a", "b");
        let now = lab.now;
        for name in names {
            lab.engine(name).update(now, |stock| stock.add(50)).expect("a small write");
        }
        lab.settle();
        let sells = |lab: &mut Lab<Stock>, name| {
            let now = lab.now;
            lab.engine(name).try_update(now, |stock| stock.sub(60)).is_ok()
        };
        let sold = (0..20).any(|_| {
            lab.run_for(config().rights_pause);
            let sold = names.map(|name| sells(&mut lab, name)).contains(&true);
            // Each says what it has to say before it hears the other.
            for (from, to) in [("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")] {
                lab.take(from, to, 10);
                lab.take(to, from, 10);
                lab.pass(from, to, 10);
            }
            sold
        });
        assert!(sold, "they swap their rights for ever");
    }
}

/// What nobody can give is not asked for: it would take the rights of all others, and not help.
#[test]
fn a_sale_that_is_larger_than_the_stock_leaves_the_others_theirs() {
    let mut cluster = cluster::<Stock>(SimConfig::quic(2), 4);
    add(&mut cluster, 0, 60);
    add(&mut cluster, 1, 40);
    cluster.run_for(SECOND);
    assert_eq!(sub_patiently(&mut cluster, 1, 101, 5 * SECOND), None);
    assert!(held(&cluster)[0] >= 50, "{:?}", held(&cluster));
}

/// A shop with 1,000 products, all rights to which are at `a`.
fn shop(config: &Config) -> Lab<Shop> {
    let mut lab = Lab::<Shop>::new(&["a", "b", "c"], config);
    for (one, other) in [("a", "b"), ("b", "c"), ("a", "c")] {
        lab.link(one, other);
    }
    let now = lab.now;
    for product in 0..1_000 {
        let stocked = lab.engine("a").update(now, |shop| {
            shop.visitors.insert(product);
            shop.stock.entry("pen").entry(&product).add(10);
            shop.vouchers.add(1);
        });
        stocked.expect("a small write");
    }
    lab.settle();
    lab
}

fn buy_all(lab: &mut Lab<Shop>, name: &str) -> usize {
    let now = lab.now;
    let bought = lab.engine(name).update(now, |shop| {
        let pens = shop.stock.entry("pen");
        (0..1_000).filter(|product| pens.entry(product).sub(1).is_ok()).count()
    });
    bought.expect("not too much at once").value
}

/// One round asks for 64 of them; no answer is larger than an update may be.
#[test]
fn many_counters_are_served_in_turn_by_updates_of_limited_size() {
    // The first ten are asked for at once.
    for (count, batch, update_bytes, rounds) in [(1_000, 64, 1 << 20, 17), (100, 256, 1024, 13)] {
        let mut config = config();
        (config.rights_batch, config.max_update_bytes) = (batch, update_bytes);
        let mut lab = shop(&config);
        let now = lab.now;
        for products in (0..count).collect::<Vec<u64>>().chunks(10) {
            let tried = lab.engine("b").update(now, |shop| {
                let pens = shop.stock.entry("pen");
                products.iter().all(|product| pens.entry(product).sub(1).is_err())
            });
            assert!(tried.expect("nothing is written").value);
        }
        lab.run_for((rounds + 2) * config.rights_pause);
        assert_eq!(lab.engine("b").status().counters.rights_asked, count);
        let given = lab.engine("a").status().counters.rights_given;
        assert!((u64::from(rounds) - 1..=u64::from(rounds) + 2).contains(&given), "{given} updates");
        let now = lab.now;
        let bought = lab.engine("b").update(now, |shop| {
            let pens = shop.stock.entry("pen");
            (0..20).chain(count - 20..count).all(|product| pens.entry(&product).sub(1).is_ok())
        });
        assert!(bought.is_ok_and(|bought| bought.value));
        lab.run_for(SECOND);
        assert_eq!(lab.engine("a").fingerprint(), lab.engine("b").fingerprint());
        assert_eq!(lab.engine("b").doc().vouchers.holders().len(), 1, "nobody took any");
    }
}

/// Maps keep the scratches of an edit in no particular order.
#[test]
fn equal_seeds_move_the_same_rights() {
    let trace = || {
        let mut cluster = cluster::<OrMap<u64, BoundedCounter>>(SimConfig::quic(3), 5);
        let all = |pens: &crdt_core::OrMapEditor<'_, u64, BoundedCounter>, add: bool| {
            for pen in 0..200 {
                if add { pens.entry(&pen).add(9) } else { _ = pens.entry(&pen).sub(1) }
            }
        };
        cluster.write(0, |pens| all(&pens, true)).expect("the node is up");
        cluster.run_for(SECOND);
        cluster.write(1, |pens| all(&pens, false)).expect("the node is up");
        cluster.run_for(SECOND);
        cluster.leave(0);
        cluster.run_for(SECOND);
        assert!(moves(&cluster).1 >= 4);
        cluster.trace_hash()
    };
    assert_eq!(trace(), trace());
}

fn own(lab: &mut Lab<Shop>, name: &str) -> crdt_core::ReplicaId {
    lab.engine(name).status().replica.expect("it was told to its peers")
}

/// Whose rights to all counters of the shop there are.
fn holders(lab: &mut Lab<Shop>, at: &str) -> Vec<(crdt_core::ReplicaId, u128)> {
    let shop = lab.engine(at).doc();
    let pens = shop.stock.values().flat_map(OrMap::values).chain([&shop.vouchers]);
    let mut sums = std::collections::BTreeMap::new();
    pens.flat_map(BoundedCounter::holders).for_each(|(id, held)| *sums.entry(id).or_default() += held);
    sums.into_iter().collect()
}

#[test]
fn a_node_that_leaves_hands_over_all_that_it_holds() {
    for update_bytes in [1 << 20, 1024] {
        let mut config = config();
        config.max_update_bytes = update_bytes;
        let mut lab = shop(&config);
        let (now, heir) = (lab.now, own(&mut lab, "b"));
        lab.engine("a").leave(now);
        assert!(lab.engine("a").has_left());
        let updates = lab.engine("a").status().counters.rights_given;
        assert_eq!(updates == 1, update_bytes > 1024, "{updates} updates");
        lab.settle();
        assert_eq!(holders(&mut lab, "c"), [(heir, 11_000)]);
    }
}

/// The rights are handed on to the one that stays, whichever of the two writes first.
#[test]
fn of_those_that_leave_together_none_is_the_heir() {
    let mut lab = shop(&config());
    let (now, heir) = (lab.now, own(&mut lab, "c"));
    lab.engine("b").leave(now);
    lab.engine("a").leave(now);
    lab.settle();
    assert_eq!(holders(&mut lab, "c"), [(heir, 11_000)]);
    lab.stop("a");
    lab.stop("b");
    assert_eq!(buy_all(&mut lab, "c"), 1_000);
}

/// A gift that was on its way, and an heir that comes late.
#[test]
fn a_node_that_leaves_hands_on_what_still_comes_and_waits_for_an_heir() {
    let mut lab = Lab::<Stock>::new(&["a", "b"], &config());
    let now = lab.now;
    lab.engine("a").update(now, |stock| stock.add(100)).expect("a small write");
    lab.engine("a").leave(now);
    assert!(lab.engine("a").has_left(), "there is nobody");
    lab.connect("a", "b");
    lab.take("b", "a", 1);
    lab.pass("b", "a", 1);
    assert!(!lab.engine("a").has_left(), "somebody is about to say who it is");
    lab.settle();
    assert!(lab.engine("a").has_left());
    let [a, b] = ["a", "b"].map(|name| lab.engine(name).status().replica.expect("an id"));
    assert_eq!(lab.engine("b").doc().holders(), [(b, 100)]);

    lab.engine("b").try_update(now, |stock| stock.transfer(a, 30)).expect("100 are held");
    lab.settle();
    assert_eq!(lab.engine("a").doc().holders(), [(b, 100)]);
}

/// As documented: nobody knows that it is gone for good, so nobody may take its rights.
#[test]
fn a_crash_strands_the_rights_of_its_start() {
    let mut cluster = cluster::<Stock>(SimConfig::quic(3), 6);
    add(&mut cluster, 0, 100);
    cluster.run_for(SECOND);
    let gone = cluster.engine(0).and_then(|engine| engine.status().replica).expect("it has written");
    cluster.crash(0);
    cluster.restart(0).expect("it starts again");
    cluster.run_for(10 * SECOND);
    for node in 0..3 {
        assert_eq!(sub_patiently(&mut cluster, node, 1, 5 * SECOND), None);
    }
    assert_eq!(values(&cluster), [100; 3]);
    assert_eq!(cluster.engine(1).map(|engine| engine.doc().holders()), Some(vec![(gone, 100)]));
}

/// A set has no rights: not a byte, and no id before the first write.
#[test]
fn types_without_bounded_counters_say_nothing_of_rights() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.connect("a", "b");
    let hello = lab.lose("a", "b");
    assert_eq!(hello[3] & 1, 0, "no such feature");
    lab.cut("a", "b");
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.engine("a").status().replica, None);
    let now = lab.now;
    lab.engine("a").leave(now);
    lab.settle();
    assert!(lab.engine("a").has_left());
    let counters = lab.engine("b").status().counters;
    assert_eq!((counters.frames_in, counters.frames_out), (1, 1), "two hellos");
}

/// One that does not move rights is neither asked nor given any, and asks for none.
#[test]
fn both_must_want_to_move_rights() {
    let mut alone = config();
    alone.move_rights = false;
    for (a, b) in [(&alone, &config()), (&config(), &alone), (&alone, &alone)] {
        let mut lab = Lab::<Stock>::new(&["a"], a);
        lab.start("b", b);
        lab.link("a", "b");
        let now = lab.now;
        lab.engine("a").update(now, |stock| stock.add(10)).expect("a small write");
        lab.settle();
        for _ in 0..10 {
            assert!(lab.engine("b").try_update(now, |stock| stock.sub(1)).is_err());
            lab.run_for(SECOND);
        }
        lab.engine("a").leave(now);
        lab.settle();
        let a = lab.engine("a").status().replica.expect("it has written");
        assert_eq!(lab.engine("b").doc().holders(), [(a, 10)]);
    }
}

const WRITER: [u8; 19] = [1, 17, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0];

#[test]
fn frames_about_rights_are_taken_from_those_who_agreed_only() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    let mut refused = |frame: &[u8]| {
        lab.start("b", &config());
        lab.link("a", "b");
        lab.forge("a", "b", frame)
    };
    assert_eq!(refused(&WRITER), Err(PeerError::Unexpected { frame: "writer" }));
    assert_eq!(refused(&[1, 18, 1, 1, 1, 1, 0]), Err(PeerError::Unexpected { frame: "want" }));
}

#[test]
fn a_place_that_no_type_could_have_is_refused() {
    // Neither kind of entry; an account and a byte more; larger than an update may be.
    let account = [0, 0, 0];
    let long = [&[1, 18, 1, 1, 1, 0x81, 4][..], &account, &[0; 510]].concat();
    for place in [&[1, 18, 1, 1, 1, 1, 0xff][..], &[1, 18, 1, 1, 1, 4, 0, 0, 0, 0], &long] {
        let mut config = config();
        config.max_update_bytes = 1024;
        let mut lab = Lab::<Stock>::new(&["a", "b"], &config);
        lab.link("a", "b");
        assert_eq!(lab.forge("a", "b", &[1, 18, 1, 1, 1, 3, 0, 0, 0]), Ok(()), "an honest request");
        let refused = lab.forge("a", "b", place);
        let limit = PeerError::LimitExceeded { limit: "max_update_bytes", found: 513, allowed: 512 };
        let expected = if place.len() > 512 { refused == Err(limit) } else { is_undecodable(&refused) };
        assert!(expected, "{refused:?}");
    }
}

fn is_undecodable(taken: &Result<(), PeerError>) -> bool {
    matches!(taken, Err(PeerError::Undecodable { update: None, .. }))
}
