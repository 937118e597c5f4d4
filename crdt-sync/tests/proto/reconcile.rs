//! Walks between states that are nearly equal: what they ask, and what that costs.

use std::time::Duration;

use crdt_sync::proto::{Config, Event, WalkOutcome, WalkRole};

use crate::lab::{SetLab, short_log};

const MINUTE: Duration = Duration::from_secs(60);
const SIZE: u64 = 20_000;

/// A donor and a receiver of the same large state, in which every second element was removed, and
/// that were cut off from one another.
fn apart(config: &Config) -> SetLab {
    let mut lab = SetLab::new(&["donor", "old"], config);
    let now = lab.now;
    for first in (0..SIZE).step_by(250) {
        let written = lab.engine("donor").update(now, |set| (first..first + 250).for_each(|n| set.insert(n)));
        written.expect("a write of ordinary size");
        let odd = |n: &u64| n % 2 == 1;
        let written = lab.engine("donor").update(now, |set| {
            (first..first + 250).filter(odd).for_each(|n| {
                set.remove(&n);
            });
        });
        written.expect("a write of ordinary size");
    }
    lab.link("donor", "old");
    lab.settle();
    assert_eq!(lab.shown("old").len() as u64, SIZE / 2);
    lab.cut("donor", "old");
    lab
}

fn config() -> Config {
    let mut config = short_log();
    (config.max_update_bytes, config.log_bytes) = (1_024, 1_024);
    config.walk_entries = 256;
    config
}

/// Frames that say nothing new are no message of their own: one side speaks until it has to wait.
#[derive(Default)]
struct Talk {
    bytes: usize,
    turns: usize,
}

/// Lets the two speak in turns until both are silent.
fn talk(lab: &mut SetLab) -> Talk {
    let mut talk = Talk::default();
    let mut silent = 0;
    while silent < 2 {
        for (from, to) in [("donor", "old"), ("old", "donor")] {
            let frames = lab.take(from, to, 10_000);
            for _ in 0..frames {
                let frame = lab.unwire(from, to);
                talk.bytes += frame.len();
                lab.forge(from, to, &frame).expect("an honest frame");
            }
            silent = if frames == 0 { silent + 1 } else { 0 };
            talk.turns += usize::from(frames > 0);
        }
    }
    talk
}

fn outcomes(lab: &mut SetLab) -> Vec<WalkOutcome> {
    let outcome = |event: Event| match event {
        Event::WalkFinished { role: WalkRole::Receiver, outcome, .. } => Some(outcome),
        _ => None,
    };
    lab.events("old").into_iter().filter_map(outcome).collect()
}

/// Removals mint no dot: nothing but the live dots tells the two states apart.
#[test]
fn a_few_removals_from_a_large_state_cost_a_few_ranges() {
    let mut lab = apart(&config());
    (0..10).for_each(|n| {
        lab.remove("donor", n * 2_000);
    });
    lab.insert_all("donor", SIZE..SIZE + 100);
    lab.link("donor", "old");
    let talk = talk(&mut lab);
    assert_eq!(lab.shown("old"), lab.shown("donor"));
    assert!(!lab.shows("old", 2_000) && lab.shows("old", SIZE + 99));
    assert_eq!(lab.engine("old").vector().clone(), lab.engine("donor").vector().clone());
    assert_eq!(outcomes(&mut lab), [WalkOutcome::Complete, WalkOutcome::Complete]);
    assert_eq!(lab.engine("old").status().counters.walk_questions_in, 1, "157 blocks need no second");
    // 79 ranges, ten blocks of runs, and 100 new entries; all that is dead would take 20 kB.
    assert!(talk.bytes < 6_000, "{} bytes", talk.bytes);
    assert!(talk.turns <= 8, "{} turns", talk.turns);
}

#[test]
fn a_lost_question_or_answer_cuts_the_walk_and_the_next_one_brings_all() {
    for lost_answer in [false, true] {
        let mut lab = apart(&config());
        (0..40).for_each(|n| {
            lab.remove("donor", n * 500);
        });
        lab.insert_all("donor", SIZE..SIZE + 100);
        let covered = lab.engine("old").vector().clone();
        lab.link("donor", "old");
        lab.until("donor", "old", |lab| lab.engine("old").status().receiving_walk.is_some());
        if lost_answer {
            while lab.engine("old").status().counters.walk_questions_in == 0 {
                assert!(lab.one("donor", "old"), "it asks");
            }
            lab.lose("old", "donor");
        } else {
            lab.lose("donor", "old");
        }
        lab.settle();
        assert_eq!(lab.engine("old").vector(), &covered, "nothing is claimed of a walk that is not whole");
        lab.run_for(MINUTE);
        assert_eq!(lab.shown("old"), lab.shown("donor"));
        assert_eq!(lab.engine("old").fingerprint(), lab.engine("donor").fingerprint());
        let outcomes = outcomes(&mut lab);
        assert_eq!(outcomes[1..], [WalkOutcome::Cut, WalkOutcome::Complete], "lost answer: {lost_answer}");
    }
}

/// Both go on writing while they compare: what the donor removes later follows from its log, and what
/// the receiver removes does no harm.
#[test]
fn writes_go_on_while_the_two_compare() {
    let mut deep = config();
    deep.walk_ranges = 2;
    let mut lab = apart(&deep);
    (0..40).for_each(|n| {
        lab.remove("donor", n * 500);
    });
    lab.insert_all("donor", SIZE..SIZE + 100);
    lab.link("donor", "old");
    let mut next = 0;
    while lab.one("donor", "old") | lab.one("old", "donor") {
        if next < 20 {
            lab.remove("donor", next * 500 + 2);
            lab.remove("old", next * 500 + 4);
            lab.insert("old", SIZE + 1_000 + next);
            next += 1;
        }
    }
    lab.run_for(MINUTE);
    assert!(lab.engine("old").status().counters.walk_questions_in > 3);
    let (shown, there) = (lab.shown("old"), lab.shown("donor"));
    assert_eq!(shown, there);
    let gone = (0..20).flat_map(|n| [n * 500, n * 500 + 2, n * 500 + 4]);
    assert_eq!(gone.filter(|n| shown.contains(n)).count(), 0);
    assert_eq!(shown.len() as u64, SIZE / 2 - 40 - 40 + 100 + 20);
    assert_eq!(lab.engine("old").fingerprint(), lab.engine("donor").fingerprint());
}
