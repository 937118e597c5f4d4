//! The simulator with a struct of one's own.

#![allow(unreachable_pub, reason = "the derive's items follow the visibility of the struct")]

use std::time::Duration;

use crdt_core::{Crdt, LwwMap, OrMap, OrSet, OrSetEditor, PnCounter};
use crdt_sync::sim::{Act, Cluster, Failure, Plan, Report, SimConfig, SimRng, explore, play};
use rand::RngExt;

#[derive(Crdt)]
pub(crate) struct Shop {
    sold: PnCounter,
    carts: OrMap<u8, OrSet<u8>>,
    profile: LwwMap<u8, u64>,
}

fn write(shop: ShopEditor<'_>, rng: &mut SimRng) {
    let (cart, item) = (rng.random_range(0..3u8), rng.random_range(0..5u8));
    match rng.random_range(0..5u8) {
        0 => shop.sold.add(1),
        1 => {
            shop.carts.remove(&cart);
        }
        2 => shop.profile.insert(cart, rng.random()),
        _ => shop.carts.entry(&cart).insert(item),
    }
}

/// Sales only grow, carts hold what is for sale, and an empty cart is no cart.
fn plausible(shop: &Shop) -> Result<(), String> {
    if shop.sold.value() < 0 {
        return Err(format!("{} sold", shop.sold.value()));
    }
    let carts = shop.carts.iter();
    match carts.map(|(_, items)| items).find(|items| items.is_empty() || items.iter().any(|item| *item >= 5))
    {
        Some(items) => Err(format!("a cart of {items:?}")),
        None => Ok(()),
    }
}

#[test]
fn a_struct_of_ones_own_converges_in_hostile_networks() {
    let mut config = SimConfig::hostile(3);
    (config.engine.max_update_bytes, config.engine.log_bytes) = (1024, 1024);
    let report = explore::<Shop, _>(&config, &Plan::default(), 0..100, write, plausible);
    let report = report.unwrap_or_else(|failure| unreachable!("{failure}"));
    assert_eq!(report.runs, 100);
    assert!(report.writes > 1_500 && report.walks > 20 && report.duplicates > 500, "{report:?}");
}

/// Counters and what was overwritten go through groups, and every increment counts once.
#[test]
fn increments_count_once_whatever_groups_they_came_in() {
    let (mut grouped, mut walks) = (0, 0);
    for seed in 0..10 {
        let mut config = SimConfig::hostile(4);
        (config.engine.max_update_bytes, config.engine.log_bytes) = (1024, 8192);
        let mut cluster = Cluster::<Shop>::new(config, seed).expect("it works");
        let mut last = [0; 3];
        for write in 0..400u64 {
            match write {
                50 => cluster.partition(&[&[0, 1]]),
                200 => cluster.heal(),
                300 => cluster.cut(0, 3),
                _ => {}
            }
            // Everybody counts, and one alone writes each note.
            cluster.write((write % 4) as usize, |shop| shop.sold.add(1)).expect("it is up");
            let (key, node) = (write % 3, (write % 3) as usize);
            cluster.write(node, |shop| shop.profile.insert(key as u8, write)).expect("it is up");
            last[node] = write;
            cluster.run_for(Duration::from_millis(20));
        }
        cluster.converge(Duration::from_secs(300)).expect("it converges");
        for (node, engine) in cluster.engines() {
            assert_eq!(engine.doc().sold.value(), 400, "node {node}, seed {seed}");
            let notes = (0..3u8).map(|key| engine.doc().profile.get(&key).copied());
            assert!(notes.eq(last.map(Some)), "node {node}, seed {seed}");
            let counters = engine.status().counters;
            (grouped, walks) = (grouped + counters.in_groups, walks + counters.walks_in_complete);
        }
    }
    assert!(grouped > 100, "{grouped} in groups, {walks} walks");
}

/// Whoever sells tells both the counter and the note of what is left, which the last writer wins.
fn sell(shop: ShopEditor<'_>, rng: &mut SimRng) -> String {
    let (article, left) = (rng.random_range(0..4u8), |article| shop.profile.get(&article).unwrap_or(99));
    shop.sold.add(1);
    shop.profile.insert(article, left(article) - 1);
    format!("{article} sold")
}

/// Does not hold if two sell the same article without knowing of each other.
fn adds_up(shop: &Shop) -> Result<(), String> {
    let gone: u64 = shop.profile.iter().map(|(_, left)| 99 - left).sum();
    let sold = shop.sold.value();
    if sold == i128::from(gone) { Ok(()) } else { Err(format!("{sold} sold, {gone} gone")) }
}

fn broken(seed: u64) -> Failure {
    let plan = Plan { writes: 20, ..Plan::default() };
    explore::<Shop, _>(&SimConfig::hostile(4), &plan, seed..seed + 50, sell, adds_up)
        .expect_err("it is broken")
}

/// Two writes that do not know of each other, and at most what keeps them apart.
#[test]
fn a_broken_invariant_is_told_in_as_few_acts_as_it_takes() {
    for seed in [0, 100, 200] {
        let failure = broken(seed);
        let (text, (before, after)) = (failure.to_string(), failure.acts);
        assert_eq!(before, 20 + 2 + 2 * 2 + 2 * 2 + 2);
        assert!((2..=3).contains(&after), "{text}");
        let count = |is: fn(&Act) -> bool| failure.story.iter().filter(|(_, act)| is(act)).count();
        assert_eq!(count(|act| matches!(act, Act::Write { .. })), 2, "{text}");
        assert_eq!(count(|act| matches!(act, Act::Gone { .. })), 2, "the other nodes are not needed: {text}");
        assert!(failure.reason.ends_with(": 2 sold, 1 gone"), "{text}");
        assert_eq!(text.matches("writes: ").count(), 2, "{text}");
        assert!(text.lines().last().is_some_and(|last| last.contains(" gets what ")), "{text}");
    }
}

/// What was found to be needed is: the story fails as it is, and no longer without any of its acts.
#[test]
fn a_story_fails_by_itself_and_not_with_less() {
    for seed in [0, 100] {
        let failure = broken(seed);
        let again = |story: &[(Duration, Act)]| {
            play::<Shop, _>(&SimConfig::hostile(4), failure.seed, story, sell, adds_up)
        };
        let replayed = again(&failure.story).expect_err("it fails");
        assert_eq!((&replayed.reason, &replayed.lines), (&failure.reason, &failure.lines));
        for (place, (_, act)) in failure.story.iter().enumerate() {
            let mut less = failure.story.clone();
            less.remove(place);
            if !matches!(act, Act::Gone { .. } | Act::Repair) {
                let fails_alike = again(&less).is_err_and(|less| less.reason.ends_with("gone"));
                assert!(!fails_alike, "{act} is not needed: {failure}");
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_story() {
    let first = broken(0);
    assert_eq!(first, broken(first.seed));
    assert_ne!(first.to_string(), broken(first.seed + 1).to_string());
}

/// The faults that a write needs are told.
#[test]
fn a_story_tells_the_faults_that_are_needed() {
    let far = |shop: ShopEditor<'_>, _: &mut SimRng| shop.profile.insert(0, 1);
    let recent = |shop: &Shop| match shop.profile.stamp(&0) {
        Some(stamp) if stamp.millis() > 1_700_000_050_000 => Err("from the future".to_owned()),
        _ => Ok(()),
    };
    let plan = Plan { clock_jumps: 4, ..Plan::default() };
    let failure =
        explore::<Shop, _>(&SimConfig::quic(3), &plan, 0..20, far, recent).expect_err("clocks jump");
    let text = failure.to_string();
    assert_eq!(failure.acts.1, 2, "{text}");
    assert!(text.contains(" jumps to ") && text.ends_with(" writes"), "{text}");
}

/// Without the first write the second is refused. That is another mistake, with a story of its own.
#[test]
fn a_story_ends_as_the_run_did() {
    let write = |set: OrSetEditor<'_, String>, rng: &mut SimRng| {
        set.insert(match (rng.random_bool(0.5), set.contains("1")) {
            (false, _) => "1".to_owned(),
            (true, true) => "2".to_owned(),
            (true, false) => "too large".repeat(1000),
        });
    };
    let no_second = |set: &OrSet<String>| if set.contains("2") { Err("two".to_owned()) } else { Ok(()) };
    let mut config = SimConfig::quic(2);
    config.engine.max_update_bytes = 1024;
    let run = |seed| explore::<OrSet<String>, _>(&config, &Plan::default(), seed..seed + 1, write, no_second);
    let failures = (0..20).filter_map(|seed| run(seed).err());
    let (second, refused): (Vec<_>, Vec<_>) = failures.partition(|failure| failure.reason.ends_with(": two"));
    assert!(second.len() > 2 && refused.len() > 2, "{} {}", second.len(), refused.len());
    assert!(second.iter().all(|failure| failure.acts.1 == 2) && refused.iter().all(|it| it.acts.1 == 1));
}

/// All kinds of faults occur in the runs of a plan that asks for them.
#[test]
fn an_invariant_that_holds_is_reported_with_the_faults_that_it_held_through() {
    let plan = Plan { restores: 2, disk_faults: 2, freezes: 2, ..Plan::default() };
    let mut config = SimConfig::hostile(3);
    config.disk = Some((Duration::from_millis(1), Duration::from_millis(200)));
    (config.engine.max_update_bytes, config.engine.log_bytes) = (1024, 1024);
    let report = explore::<Shop, _>(&config, &plan, 0..10, write, plausible);
    let report = report.unwrap_or_else(|failure| unreachable!("{failure}"));
    let Report { runs, writes, partitions, cuts, crashes, restores, disk_faults, clock_jumps, .. } = report;
    assert_eq!((runs, partitions, clock_jumps), (10, 20, 20));
    assert!(writes > 200 && cuts > 5 && crashes > 20 && restores > 5 && disk_faults > 10, "{report:?}");
    let weather = [report.frames_lost, report.frames_doubled, report.frames_reordered];
    assert!(weather.iter().all(|count| *count > 100), "{report:?}");
    assert!(report.walks > 0 && report.duplicates > 0, "{report:?}");
    assert!(report.freezes > 10 && report.held > 10, "{report:?}");
}
