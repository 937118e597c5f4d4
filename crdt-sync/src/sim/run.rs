//! One run: acts are done, time passes, and every change is checked.

use core::fmt;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::time::Duration;

use crdt_core::codec::Wire;
use rand::SeedableRng;

use super::SimRng;
use super::cluster::Cluster;
use super::config::SimConfig;
use super::error::SimError;
use super::plan::{Act, Timed, name};
use super::report::Report;
use super::story::Story;
use crate::proto::{Event, UpdateError};

/// What stays the same when acts are left out.
pub(super) struct Stage<'a, T, R, W, I> {
    config: &'a SimConfig,
    seed: u64,
    write: &'a W,
    invariant: &'a I,
    value: PhantomData<fn(T) -> R>,
}

/// What went wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) kind: Kind,
    pub(super) at: Duration,
    node: Option<usize>,
    reason: String,
}

/// A run that was shortened has to fail in the same way: other mistakes have stories of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Invariant,
    Diverged,
    NotConverged,
    Refused,
    /// A node could not start or write.
    Stuck,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:.3} s", self.at.as_secs_f64())?;
        if let Some(node) = self.node {
            write!(f, ", {}", name(node))?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl<'a, T, R, W, I> Stage<'a, T, R, W, I>
where
    T: Wire,
    R: fmt::Debug,
    W: Fn(T::Editor<'_>, &mut SimRng) -> R,
    I: Fn(&T) -> Result<(), String>,
{
    pub(super) fn new(config: &'a SimConfig, seed: u64, write: &'a W, invariant: &'a I) -> Self {
        Self { config, seed, write, invariant, value: PhantomData }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Plays these acts; adds to the report what was done, also if it fails.
    pub(super) fn play(&self, acts: &[Timed], report: &mut Report) -> Result<(), Broken> {
        self.run(acts, report, &mut None)
    }

    /// Plays acts that fail, and says how, and what happened until then.
    pub(super) fn tell(&self, acts: &[Timed]) -> Option<(Broken, Vec<String>)> {
        let mut story = Some(Story::default());
        let broken = self.run(acts, &mut Report::default(), &mut story).err()?;
        Some((broken, story.unwrap_or_default().lines))
    }

    fn run(&self, acts: &[Timed], report: &mut Report, story: &mut Option<Story>) -> Result<(), Broken> {
        let stuck = |error: SimError| Broken {
            kind: Kind::Stuck,
            at: Duration::ZERO,
            node: None,
            reason: error.to_string(),
        };
        let cluster = Cluster::<T>::new(self.config.clone(), self.seed).map_err(stuck)?;
        let mut run = Run { stage: self, cluster, gone: BTreeSet::new(), report, story };
        for (at, act) in acts {
            run.pass(*at)?;
            run.act(act)?;
        }
        run.converge()
    }
}

struct Run<'a, T: Wire, R, W, I> {
    stage: &'a Stage<'a, T, R, W, I>,
    cluster: Cluster<T>,
    /// Nodes that never start again.
    gone: BTreeSet<usize>,
    report: &'a mut Report,
    story: &'a mut Option<Story>,
}

impl<T, R, W, I> Run<'_, T, R, W, I>
where
    T: Wire,
    R: fmt::Debug,
    W: Fn(T::Editor<'_>, &mut SimRng) -> R,
    I: Fn(&T) -> Result<(), String>,
{
    fn converge(&mut self) -> Result<(), Broken> {
        const PATIENCE: Duration = Duration::from_secs(300);
        let begin = self.cluster.now();
        while !self.cluster.is_converged() && self.cluster.now() < begin + PATIENCE {
            self.pass(self.cluster.now() + Duration::from_millis(50))?;
        }
        let converged = self.cluster.converge(Duration::ZERO);
        converged.map_err(|error| self.broken(Kind::NotConverged, None, error.to_string()))?;
        self.report.ended(&self.cluster, self.cluster.now() - begin);
        Ok(())
    }

    fn act(&mut self, act: &Act) -> Result<(), Broken> {
        if let Act::Write { node, seed } = act {
            return self.write(*node, *seed);
        }
        self.note(act);
        self.report.count(act, &self.cluster);
        match act {
            Act::Write { .. } => {}
            Act::Partition { group } => self.cluster.partition(&[group.as_slice()]),
            Act::Heal => self.cluster.heal(),
            Act::Cut { a, b } => self.cluster.cut(*a, *b),
            Act::Crash { node } => self.cluster.crash(*node),
            Act::Restore { node, commits } => self.cluster.restore(*node, *commits),
            Act::Disk { node, fault } => self.cluster.fail_disk(*node, *fault),
            Act::Restart { node } => self.start(*node)?,
            Act::Clock { node, ahead } => self.cluster.set_clock(*node, *ahead),
            Act::Freeze { node } => self.cluster.freeze(*node),
            Act::Thaw { node } => self.cluster.thaw(*node),
            Act::Gone { node } => {
                self.cluster.crash(*node);
                self.gone.insert(*node);
            }
            Act::Repair => self.repair()?,
        }
        Ok(())
    }

    fn write(&mut self, node: usize, seed: u64) -> Result<(), Broken> {
        let (write, mut rng) = (self.stage.write, SimRng::seed_from_u64(seed));
        match self.cluster.write(node, |editor| write(editor, &mut rng)) {
            Ok(written) => {
                self.report.writes += u64::from(written.update.is_some());
                if let Some(story) = self.story {
                    story.wrote(self.cluster.now(), node, written.update, &written.value);
                }
                Ok(())
            }
            // As if nobody had asked.
            Err(SimError::Down { .. } | SimError::Update(UpdateError::Frozen)) => Ok(()),
            Err(error) => Err(self.broken(Kind::Stuck, Some(node), error.to_string())),
        }
    }

    fn start(&mut self, node: usize) -> Result<(), Broken> {
        if self.gone.contains(&node) {
            return Ok(());
        }
        let started = self.cluster.restart(node);
        started.map_err(|error| self.broken(Kind::Stuck, Some(node), error.to_string()))
    }

    fn repair(&mut self) -> Result<(), Broken> {
        self.cluster.heal();
        for node in 0..self.cluster.len() {
            self.cluster.fail_disk(node, None);
            self.cluster.thaw(node);
            self.start(node)?;
        }
        Ok(())
    }

    /// A node that is gone from the beginning is not worth a line.
    fn note(&mut self, act: &Act) {
        let absent = matches!(act, Act::Gone { .. }) && self.cluster.now().is_zero();
        if let Some(story) = self.story.as_mut().filter(|_| !absent) {
            story.line(self.cluster.now(), &act.to_string());
        }
    }

    /// Lets time pass until then.
    fn pass(&mut self, end: Duration) -> Result<(), Broken> {
        while let Some(step) = self.cluster.step(end) {
            for (node, event) in step.events {
                if let Some(story) = self.story {
                    story.took(step.at, node, &event);
                }
                self.check(node, &event)?;
            }
        }
        let refusal = self.cluster.next_refusal();
        refusal.map_or(Ok(()), |reason| Err(self.broken(Kind::Refused, None, reason)))
    }

    fn check(&self, node: usize, event: &Event) -> Result<(), Broken> {
        let broken = |kind, reason| Err(self.broken(kind, Some(node), reason));
        match event {
            Event::Diverged { .. } => broken(Kind::Diverged, "equal updates, unequal states".to_owned()),
            Event::Applied { .. } | Event::WalkMerged { .. } => {
                let holds = self.cluster.engine(node).map(|engine| (self.stage.invariant)(engine.doc()));
                holds.unwrap_or(Ok(())).or_else(|reason| broken(Kind::Invariant, reason))
            }
            _ => Ok(()),
        }
    }

    fn broken(&self, kind: Kind, node: Option<usize>, reason: String) -> Broken {
        Broken { kind, at: self.cluster.now(), node, reason }
    }
}
