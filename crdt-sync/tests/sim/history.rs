//! One run of a cluster under an oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crdt_core::clock::CausalContext;
use crdt_core::{Dot, OrSet, OrSetEditor};
use crdt_sync::proto::{Config, Engine, Event, Now, Token, WalkOutcome, WalkRole};
use crdt_sync::sim::{Act, Cluster, Plan, SimConfig, SimRng};
use rand::{RngExt, SeedableRng};

use crate::oracle::{Effect, Oracle};

/// How often what happened, in one run or in many. A test that looks for faults asserts that they
/// occurred.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| self.count(what, *times));
    }

    fn count(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }
}

/// A cluster of sets, its oracle, and what is known of walks under way.
pub(crate) struct History {
    pub(crate) cluster: Cluster<OrSet<u64>>,
    pub(crate) tally: Tally,
    /// Disks lose what they had acknowledged.
    forgetful: bool,
    config: Config,
    oracle: Oracle,
    rng: SimRng,
    next_unique: u64,
    /// What donors had when they began a walk, by (donor, receiver); nothing if they were partial.
    begun: BTreeMap<(usize, usize), Option<CausalContext>>,
    /// For each node: how many updates came in groups, and how many came again.
    came: BTreeMap<usize, (u64, u64)>,
    /// For each node: the walks that it has begun to receive since it last was whole.
    parts: BTreeMap<usize, Vec<Option<CausalContext>>>,
}

/// Elements below this are added again and again; others once.
const SHARED: u64 = 6;

impl History {
    pub(crate) fn new(config: SimConfig, seed: u64) -> Self {
        Self {
            forgetful: false,
            config: config.engine.clone(),
            cluster: Cluster::new(config, seed).expect("a configuration that works"),
            tally: Tally::default(),
            oracle: Oracle::default(),
            rng: SimRng::seed_from_u64(!seed),
            next_unique: SHARED,
            begun: BTreeMap::new(),
            came: BTreeMap::new(),
            parts: BTreeMap::new(),
        }
    }

    /// Plays a plan, which ends with a repair, and lets the cluster converge.
    pub(crate) fn play(&mut self, plan: &Plan) {
        self.forgetful = plan.restores > 0;
        for (at, act) in plan.draw(self.cluster.len(), &mut self.rng) {
            self.run_until(at);
            self.act(act);
        }
        self.converge();
        self.finish();
    }

    fn repair(&mut self) {
        self.cluster.heal();
        for node in 0..self.cluster.len() {
            self.cluster.fail_disk(node, None);
            self.cluster.thaw(node);
            self.restart(node);
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Write { node, .. } => self.write(node),
            Act::Partition { group } => self.cluster.partition(&[&group]),
            Act::Heal => self.cluster.heal(),
            Act::Cut { a, b } => self.cluster.cut(a, b),
            Act::Crash { node } => self.crash(node),
            Act::Restart { node } => self.restart(node),
            Act::Restore { node, commits } => self.restore(node, commits),
            Act::Disk { node, fault } => self.cluster.fail_disk(node, fault),
            Act::Clock { node, ahead } => self.cluster.set_clock(node, ahead),
            Act::Freeze { node } => self.cluster.freeze(node),
            Act::Thaw { node } => self.cluster.thaw(node),
            Act::Repair => self.repair(),
            _ => unreachable!("every act is known"),
        }
    }

    /// A random write: one or two elements in or out.
    fn write(&mut self, node: usize) {
        let Some(engine) = self.cluster.engine(node) else { return };
        if engine.status().frozen {
            return;
        }
        let (before, partial) = (engine.vector().clone(), engine.is_partial());
        let shown: Vec<u64> = engine.doc().sorted().into_iter().copied().collect();
        let live = self.oracle.live(&before);
        let mut effect = Effect::default();
        for _ in 0..self.rng.random_range(1..=2u8) {
            self.choose(&shown, partial, &mut effect);
        }
        for element in effect.added.union(&effect.removed) {
            if partial {
                effect.taken.extend(self.oracle.only_tag(*element));
            } else {
                effect.taken.extend(live.iter().filter(|(_, live)| live == element));
            }
        }
        let edit = |set: OrSetEditor<'_, u64>| {
            effect.removed.iter().for_each(|element| assert!(set.remove(element), "{element} was shown"));
            effect.added.iter().for_each(|element| set.insert(*element));
        };
        let written = self.cluster.write(node, edit).expect("the node is up");
        let Some(number) = written.update else { return };
        effect.seen = written.token.updates().clone();
        self.tally.count("writes", 1);
        self.tally.count("writes while partial", u64::from(partial));
        self.tally.count("removals", u64::from(!effect.removed.is_empty()));
        self.oracle.record(number, effect);
    }

    /// One element in or out. While a node is partial only it can tell which additions of an element
    /// it sees, unless there was only one.
    fn choose(&mut self, shown: &[u64], partial: bool, effect: &mut Effect) {
        let remove = self.rng.random_bool(0.45);
        if remove {
            let removable = shown.iter().filter(|element| **element >= SHARED || !partial);
            let removable: Vec<u64> = removable.copied().collect();
            if removable.is_empty() {
                return;
            }
            let element = removable[self.rng.random_range(0..removable.len())];
            if !effect.added.contains(&element) {
                effect.removed.insert(element);
            }
        } else if partial || self.rng.random_bool(0.5) {
            effect.added.insert(self.next_unique);
            self.next_unique += 1;
        } else {
            let element = self.rng.random_range(0..SHARED);
            if !effect.removed.contains(&element) {
                effect.added.insert(element);
            }
        }
    }

    fn crash(&mut self, node: usize) {
        if self.cluster.engine(node).is_none() {
            return;
        }
        let acknowledged = self.acknowledged();
        self.cluster.crash(node);
        self.parts.remove(&node);
        self.came.remove(&node);
        self.tally.count("restarts", 1);
        self.only_left();
        let surviving = self.oracle.surviving();
        if !self.forgetful {
            assert!(surviving.is_superset(&acknowledged), "an acknowledged write is lost with node {node}");
        }
        self.tally.count("acknowledged before a crash", acknowledged.len());
    }

    /// Every update that some node calls durable, or that another node keeps for it.
    fn acknowledged(&self) -> CausalContext {
        let numbers = self.oracle.surviving();
        let tokens = numbers.iter().flat_map(|(id, seqs)| {
            seqs.iter().flat_map(|(first, last)| first..=last).map(move |seq| Dot::new(id, seq))
        });
        let acknowledged = |number: &Dot| {
            let token = Token::new(CausalContext::from_iter([*number]));
            let mut engines = self.cluster.engines().map(|(_, engine)| engine);
            engines.any(|engine| {
                engine.covers_durably(&token) || self.disks() && engine.replicas_covering(&token) > 0
            })
        };
        tokens.filter(acknowledged).collect()
    }

    fn disks(&self) -> bool {
        self.cluster.disk(0).is_some()
    }

    /// What a node would start with.
    fn on_disk(&self, node: usize) -> Option<CausalContext> {
        let (disk, config) = (self.cluster.disk(node)?, &self.config);
        let engine = Engine::<OrSet<u64>>::recover(config.clone(), [0; 32], Now::default(), &disk.content());
        Some(engine.expect("a disk holds what was written").vector().clone())
    }

    /// A node starts with everything on its disk, shown as it should be.
    fn restart(&mut self, node: usize) {
        let down = self.cluster.engine(node).is_none();
        let stored = self.on_disk(node).filter(|_| down);
        self.cluster.restart(node).expect("it started before");
        if let (Some(stored), Some(engine)) = (stored, self.cluster.engine(node)) {
            assert_eq!(engine.vector(), &stored);
            self.tally.count("updates found on disk", stored.len());
            let disk = self.cluster.disk(node).expect("it was read");
            let content = disk.content();
            self.tally.count("states half on disk", u64::from(!content.unfinished.is_empty()));
            let groups = content.records.iter().filter(|record| record.bytes[0] == 0).count();
            self.tally.count("groups found on disk", groups as u64);
            if engine.is_partial() {
                // It has parts of a walk from before: a walk that it begins now is not the only one.
                self.parts.insert(node, vec![None]);
            }
            self.check(node);
        }
    }

    /// A backup is restored: what was acknowledged since may be lost.
    fn restore(&mut self, node: usize, commits: usize) {
        let before = self.on_disk(node).map_or(0, |stored| stored.len());
        self.cluster.restore(node, commits);
        let after = self.on_disk(node).map_or(0, |stored| stored.len());
        self.tally.count("updates missing in a backup", before - after);
        self.only_left();
    }

    /// What no node has, and no disk of a node that is down holds, is lost.
    fn only_left(&mut self) {
        let down = (0..self.cluster.len()).filter(|node| self.cluster.engine(*node).is_none());
        let disks: Vec<CausalContext> = down.filter_map(|node| self.on_disk(node)).collect();
        let up = self.cluster.engines().map(|(_, engine)| engine.held());
        let left: Vec<&CausalContext> = up.chain(&disks).collect();
        let (lost, saved) = self.oracle.only_left(&left);
        self.tally.count("updates lost with their last holder", lost);
        self.tally.count("updates that survived a crash", saved);
    }

    pub(crate) fn run_until(&mut self, end: Duration) {
        while let Some(step) = self.cluster.step(end) {
            let touched: BTreeSet<usize> = step.events.iter().map(|(node, _)| *node).collect();
            for (node, event) in &step.events {
                self.note(*node, event);
            }
            for node in touched {
                self.note_groups(node);
                self.check(node);
            }
        }
        assert_eq!(self.cluster.next_refusal(), None, "honest nodes refuse each other nothing");
    }

    fn note(&mut self, node: usize, event: &Event) {
        match event {
            Event::Diverged { .. } => self.tally.count("diverged", 1),
            Event::WalkStarted { peer, role } => {
                let Some(other) = self.cluster.other_end(node, *peer) else { return };
                match role {
                    WalkRole::Donor => {
                        let engine = self.cluster.engine(node).filter(|engine| !engine.is_partial());
                        self.begun.insert((node, other), engine.map(|engine| engine.vector().clone()));
                    }
                    _ => {
                        let donor = self.begun.get(&(other, node)).cloned().flatten();
                        self.parts.entry(node).or_default().push(donor);
                    }
                }
            }
            Event::WalkFinished { role: WalkRole::Receiver, outcome, .. } => match outcome {
                WalkOutcome::Complete => self.tally.count("walks complete", 1),
                WalkOutcome::Overflow => self.tally.count("walks overflowed", 1),
                _ => self.tally.count("walks cut", 1),
            },
            _ => {}
        }
    }

    /// A group is either known, or new, or known in part.
    fn note_groups(&mut self, node: usize) {
        let Some(engine) = self.cluster.engine(node) else { return };
        let now = engine.status().counters;
        let before = self.came.insert(node, (now.in_groups, now.duplicates)).unwrap_or_default();
        let new = now.in_groups > before.0;
        self.tally.count("groups taken", u64::from(new));
        self.tally.count("groups known in part", u64::from(new && now.duplicates > before.1));
    }

    /// A node shows what its vector says: exactly, or within bounds while it holds parts.
    fn check(&mut self, node: usize) {
        let Some(engine) = self.cluster.engine(node) else { return };
        let (applied, now) = (engine.vector(), self.cluster.now());
        let shown: BTreeSet<u64> = engine.doc().iter().copied().collect();
        self.tally.count("checks", 1);
        if !engine.is_partial() {
            self.parts.remove(&node);
            assert_eq!(shown, self.oracle.value(applied), "node {node} at {now:?}");
            return;
        }
        let possible = self.oracle.possible(applied);
        assert!(shown.is_subset(&possible), "node {node} at {now:?} shows {shown:?}, more than {possible:?}");
        let mut needed = self.oracle.untouched(applied);
        if let Some([Some(whole)]) = self.parts.get(&node).map(Vec::as_slice) {
            // What it shows without the walk and shows with the whole, it shows after every prefix.
            let mut with = applied.clone();
            with.union_with(whole);
            let with = self.oracle.value(&with);
            needed.extend(self.oracle.value(applied).intersection(&with));
            self.tally.count("checks within one walk", 1);
        }
        assert!(needed.is_subset(&shown), "node {node} at {now:?} shows {shown:?}, less than {needed:?}");
    }

    fn converge(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(600);
        let begin = self.cluster.now();
        while !self.cluster.is_converged() && self.cluster.now() < begin + PATIENCE {
            self.run_until(self.cluster.now() + Duration::from_millis(100));
        }
        let converged = self.cluster.converge(Duration::ZERO);
        assert!(converged.is_ok(), "{converged:?}");
    }

    /// Every write that anybody still covered is there, and every node shows just these.
    fn finish(&mut self) {
        let surviving = self.oracle.surviving();
        let (mut whole, mut partial) = (BTreeSet::new(), BTreeSet::new());
        for (node, engine) in self.cluster.engines() {
            assert_eq!(engine.vector(), &surviving, "node {node} has every update that can be had");
            let shown: BTreeSet<u64> = engine.doc().iter().copied().collect();
            let set = if engine.is_partial() { &mut partial } else { &mut whole };
            set.insert(shown);
        }
        if partial.is_empty() {
            assert_eq!(whole, BTreeSet::from([self.oracle.value(&surviving)]));
        } else {
            // Parts of an update that was lost with all its holders stay, the same parts everywhere.
            assert_eq!(whole.union(&partial).count(), 1);
        }
        self.tally.count("runs", 1);
        self.tally.count("partial to the end", u64::from(!partial.is_empty()));
        self.tally.count("concurrent add and remove", self.oracle.concurrent_add_and_remove());
        for counters in self.cluster.engines().map(|(_, it)| it.status().counters).collect::<Vec<_>>() {
            self.tally.count("updates received again", counters.duplicates);
            self.tally.count("questions in walks", counters.walk_questions_in);
            self.tally.count("updates trimmed from logs", counters.trimmed);
            self.tally.count("updates put into groups", counters.compacted);
            self.tally.count("updates held", counters.held);
            self.tally.count("updates that were too many to hold", counters.not_held);
        }
        let traffic = self.cluster.traffic();
        self.tally.count("frames", traffic.frames);
        self.tally.count("frames lost", traffic.frames_lost);
        self.tally.count("frames doubled", traffic.frames_doubled);
        self.tally.count("frames reordered", traffic.frames_reordered);
        self.tally.count("connections cut", traffic.cuts);
    }
}
