//! Many runs of one plan, and one run of what was written down.

use core::fmt;
use std::ops::Range;
use std::time::Duration;

use crdt_core::codec::Wire;
use rand::SeedableRng;

use super::SimRng;
use super::config::SimConfig;
use super::error::Failure;
use super::plan::{Act, Plan, Timed};
use super::report::Report;
use super::run::Stage;
use super::shrink::shorten;

/// Plays `plan` on a cluster for each seed, with random writes by `write`, and checks `invariant` on
/// the value of every node after each change. At the end of each run all faults of the plan are
/// repaired, though the network goes on as it is, and the cluster must converge within five minutes of
/// virtual time.
///
/// What `write` returns is told in the story of a failure, unless it is `()`. It should draw from
/// nothing but the generator that it is given, by [`rand::RngExt`]: then the same seed gives the same run.
///
/// # Errors
///
/// The first run in which something was wrong: an invariant, no convergence, a divergence, or an
/// honest peer refused. It is played again and again with acts and nodes left out, for as long as the
/// same kind of thing goes wrong: [`Failure`] tells what was needed.
pub fn explore<T: Wire, R: fmt::Debug>(
    config: &SimConfig,
    plan: &Plan,
    seeds: Range<u64>,
    write: impl Fn(T::Editor<'_>, &mut SimRng) -> R,
    invariant: impl Fn(&T) -> Result<(), String>,
) -> Result<Report, Failure> {
    let mut report = Report::default();
    for seed in seeds {
        let stage = Stage::<T, R, _, _>::new(config, seed, &write, &invariant);
        let mut acts = plan.draw(config.nodes, &mut SimRng::seed_from_u64(!seed));
        let Err(broken) = stage.play(&acts, &mut report) else { continue };
        let drawn = count(&acts);
        // What comes later has no part in it.
        acts.retain(|(at, act)| *at <= broken.at || *act == Act::Repair);
        let again = |acts: &[Timed]| stage.play(acts, &mut Report::default()).err();
        let short = shorten(config.nodes, acts, |acts| again(acts).is_some_and(|it| it.kind == broken.kind));
        return Err(tell(&stage, drawn, short).unwrap_or_else(|| Failure::bare(seed, &broken)));
    }
    Ok(report)
}

/// Plays these acts, such as the [story](Failure::story) of a failure, or a scenario that you write
/// down, as [`explore`] plays those of a plan. At the end the cluster must converge: a story that cuts
/// or stops anything ends with [`Act::Repair`].
///
/// ```
/// use crdt_core::OrSet;
/// use crdt_sync::sim::{Act, SimConfig, SimRng, play};
/// use std::time::Duration;
///
/// let story = [
///     (Duration::from_secs(2), Act::Partition { group: vec![0] }),
///     (Duration::from_secs(3), Act::Write { node: 0, seed: 1 }),
///     (Duration::from_secs(4), Act::Write { node: 1, seed: 2 }),
///     (Duration::from_secs(5), Act::Repair),
/// ];
/// let write = |set: crdt_core::OrSetEditor<'_, u8>, _: &mut SimRng| set.insert(7);
/// let single = |set: &OrSet<u8>| if set.len() < 2 { Ok(()) } else { Err("two".to_owned()) };
/// let report = play::<OrSet<u8>, _>(&SimConfig::quic(2), 0, &story, write, single)?;
/// assert_eq!((report.partitions, report.writes), (1, 2));
/// # Ok::<(), crdt_sync::sim::Failure>(())
/// ```
///
/// # Errors
///
/// Something went wrong, as in `explore`. All of the story is told.
pub fn play<T: Wire, R: fmt::Debug>(
    config: &SimConfig,
    seed: u64,
    story: &[(Duration, Act)],
    write: impl Fn(T::Editor<'_>, &mut SimRng) -> R,
    invariant: impl Fn(&T) -> Result<(), String>,
) -> Result<Report, Failure> {
    let (mut report, mut story) = (Report::default(), story.to_vec());
    story.sort_by_key(|(at, _)| *at);
    let stage = Stage::<T, R, _, _>::new(config, seed, &write, &invariant);
    match stage.play(&story, &mut report) {
        Ok(()) => Ok(report),
        Err(broken) => {
            Err(tell(&stage, count(&story), story).unwrap_or_else(|| Failure::bare(seed, &broken)))
        }
    }
}

/// How many acts there are that somebody could leave out.
fn count(acts: &[Timed]) -> usize {
    acts.iter().filter(|(_, act)| !matches!(act, Act::Gone { .. } | Act::Repair)).count()
}

/// Plays a run that fails once more, and writes down what happens.
fn tell<T, R, W, I>(stage: &Stage<'_, T, R, W, I>, drawn: usize, story: Vec<Timed>) -> Option<Failure>
where
    T: Wire,
    R: fmt::Debug,
    W: Fn(T::Editor<'_>, &mut SimRng) -> R,
    I: Fn(&T) -> Result<(), String>,
{
    let (broken, lines) = stage.tell(&story)?;
    let acts = (drawn, count(&story));
    Some(Failure { seed: stage.seed(), reason: broken.to_string(), acts, story, lines })
}
