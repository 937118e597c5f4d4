//! Many runs of one plan.

use std::ops::Range;
use std::time::Duration;

use crdt_core::codec::Wire;
use rand::SeedableRng;

use super::SimRng;
use super::cluster::Cluster;
use super::config::SimConfig;
use super::error::{Failure, SimError};
use super::plan::{Act, Plan};
use crate::proto::Event;

/// What the runs of [`explore`] went through, in sums. A test that looks for faults asserts that
/// they occurred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Runs, one for each seed.
    pub runs: u64,
    /// Writes made.
    pub writes: u64,
    /// Walks completed.
    pub walks: u64,
    /// Frames lost.
    pub frames_lost: u64,
    /// Updates that arrived a second time.
    pub duplicates: u64,
    /// The longest time to convergence after all faults had ended.
    pub slowest: Duration,
}

/// Plays `plan` on a cluster for each seed, with random writes by `write`, and checks `invariant` on
/// the value of every node after each change. At the end of each run all faults of the plan are
/// healed, though the network goes on as it is, and the cluster must converge within five minutes of
/// virtual time.
///
/// # Errors
///
/// The first run in which something was wrong: an invariant, no convergence, a divergence, or an
/// honest peer refused.
pub fn explore<T: Wire>(
    config: &SimConfig,
    plan: &Plan,
    seeds: Range<u64>,
    write: impl Fn(T::Editor<'_>, &mut SimRng),
    invariant: impl Fn(&T) -> Result<(), String>,
) -> Result<Report, Failure> {
    let mut report = Report::default();
    for seed in seeds {
        let fail = |reason: String| Failure::new(seed, reason);
        let cluster = Cluster::<T>::new(config.clone(), seed).map_err(|error| Failure::new(seed, error))?;
        let mut run =
            Run { cluster, rng: SimRng::seed_from_u64(!seed), write: &write, invariant: &invariant };
        run.play(plan, &mut report).map_err(fail)?;
    }
    Ok(report)
}

struct Run<'a, T: Wire, W, I> {
    cluster: Cluster<T>,
    rng: SimRng,
    write: &'a W,
    invariant: &'a I,
}

impl<T, W, I> Run<'_, T, W, I>
where
    T: Wire,
    W: Fn(T::Editor<'_>, &mut SimRng),
    I: Fn(&T) -> Result<(), String>,
{
    fn play(&mut self, plan: &Plan, report: &mut Report) -> Result<(), String> {
        for (at, act) in plan.draw(self.cluster.len(), &mut self.rng) {
            self.run_until(at)?;
            report.writes += u64::from(self.act(act)?);
        }
        self.cluster.heal();
        for node in 0..self.cluster.len() {
            self.cluster.fail_disk(node, None);
            self.cluster.restart(node).map_err(|error| error.to_string())?;
        }
        self.converge(report)
    }

    fn converge(&mut self, report: &mut Report) -> Result<(), String> {
        const PATIENCE: Duration = Duration::from_secs(300);
        let begin = self.cluster.now();
        while !self.cluster.is_converged() && self.cluster.now() < begin + PATIENCE {
            self.run_until(self.cluster.now() + Duration::from_millis(50))?;
        }
        self.cluster.converge(Duration::ZERO).map_err(|error| error.to_string())?;
        report.runs += 1;
        report.slowest = report.slowest.max(self.cluster.now() - begin);
        report.frames_lost += self.cluster.traffic().frames_lost;
        for (_, engine) in self.cluster.engines() {
            let counters = engine.status().counters;
            report.walks += counters.walks_in_complete;
            report.duplicates += counters.duplicates;
        }
        Ok(())
    }

    /// Returns whether a write was made.
    fn act(&mut self, act: Act) -> Result<bool, String> {
        match act {
            Act::Write { node } => {
                let (write, rng) = (self.write, &mut self.rng);
                return match self.cluster.write(node, |editor| write(editor, rng)) {
                    Ok(written) => Ok(written.update.is_some()),
                    Err(SimError::Down { .. }) => Ok(false),
                    Err(error) => Err(error.to_string()),
                };
            }
            Act::Partition { group } => self.cluster.partition(&[&group]),
            Act::Heal => self.cluster.heal(),
            Act::Cut { a, b } => self.cluster.cut(a, b),
            Act::Crash { node } => self.cluster.crash(node),
            Act::Restore { node, commits } => self.cluster.restore(node, commits),
            Act::Disk { node, fault } => self.cluster.fail_disk(node, fault),
            Act::Restart { node } => self.cluster.restart(node).map_err(|error| error.to_string())?,
        }
        Ok(false)
    }

    fn run_until(&mut self, end: Duration) -> Result<(), String> {
        while let Some(step) = self.cluster.step(end) {
            for (node, event) in step.events {
                self.check(node, &event)
                    .map_err(|reason| format!("at {:?}, node {node}: {reason}", step.at))?;
            }
        }
        self.cluster.next_refusal().map_or(Ok(()), Err)
    }

    fn check(&self, node: usize, event: &Event) -> Result<(), String> {
        match event {
            Event::Diverged { .. } => Err("equal updates, unequal states".to_owned()),
            Event::Applied { .. } | Event::WalkMerged { .. } => {
                self.cluster.engine(node).map_or(Ok(()), |engine| (self.invariant)(engine.doc()))
            }
            _ => Ok(()),
        }
    }
}
