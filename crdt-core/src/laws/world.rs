//! Replicas that live through a history.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use super::coverage::{Case, Coverage};
use super::history::{Blind, Dice, History, Route, Setting, Step};
use super::report::Story;
use super::subject::Subject;
use crate::clock::{Clock, Hlc};
use crate::doc::{Delta, Doc, Past, Walk};
use crate::dot::{Dot, ReplicaId};
use crate::replica::Replica;
use crate::view::Crdt;

/// Nothing, or what is wrong.
pub(super) type Check = Result<(), String>;

pub(super) type DocOf<S> = Doc<<S as Subject>::Crdt>;
pub(super) type DeltaOf<S> = Delta<<S as Subject>::Crdt>;

/// The merge under test. The kit's own tests put broken ones here.
pub(super) struct Merges<T: Crdt> {
    pub(super) merge: fn(&mut Doc<T>, Delta<T>) -> bool,
    pub(super) merge_from: fn(&mut Doc<T>, &Doc<T>) -> bool,
}

impl<T: Crdt> Merges<T> {
    pub(super) const REAL: Self = Self { merge: Doc::merge, merge_from: Doc::merge_from };
}

impl<T: Crdt> Clone for Merges<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Crdt> Copy for Merges<T> {}

/// A set of updates, by their numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Known(u64);

impl Known {
    pub(super) fn has(self, update: usize) -> bool {
        self.0 >> update & 1 == 1
    }

    fn add(&mut self, update: usize) {
        self.0 |= 1 << update;
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Ascending, which is an order that respects causes.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |update| self.has(*update))
    }
}

pub(super) struct Node<T: Crdt> {
    pub(super) name: char,
    pub(super) doc: Doc<T>,
    pub(super) known: Known,
    replica: Replica,
}

/// What one transaction did.
pub(super) struct Update<S: Subject> {
    pub(super) by: usize,
    pub(super) edits: Vec<S::Edit>,
    pub(super) delta: DeltaOf<S>,
    /// What its author had seen.
    pub(super) causes: Known,
}

/// What a law looks at while a history goes on.
pub(super) trait Watch<S: Subject> {
    fn edited(&mut self, _: &DocOf<S>, _: &Update<S>, _: &DocOf<S>) -> Check {
        Ok(())
    }

    /// A replica has merged one more chunk of a walk.
    fn walked(&mut self, _: &Prefix<'_, S>) -> Check {
        Ok(())
    }

    /// Something has changed at a replica, and no walk is under way.
    fn stepped(&mut self, _: &World<'_, S>, _at: usize) -> Check {
        Ok(())
    }
}

impl<S: Subject> Watch<S> for () {}

/// A walk so far.
pub(super) struct Prefix<'a, S: Subject> {
    pub(super) before: &'a DocOf<S>,
    /// What the receiver showed before, joined with what the donor held at the start.
    pub(super) whole: &'a DocOf<S>,
    pub(super) now: &'a DocOf<S>,
    pub(super) complete: bool,
}

pub(super) struct World<'a, S: Subject> {
    pub(super) setting: Setting,
    pub(super) nodes: Vec<Node<S::Crdt>>,
    pub(super) updates: Vec<Update<S>>,
    pub(super) coverage: Coverage,
    merges: Merges<S::Crdt>,
    /// Every entry ever made, none removed: it knows which dots share a path.
    pub(super) paths: DocOf<S>,
    story: &'a Story,
}

struct Fixed(u64);

impl Clock for Fixed {
    fn now_millis(&mut self) -> u64 {
        self.0
    }
}

pub(super) fn copy<T: Crdt>(doc: &Doc<T>) -> Doc<T> {
    doc.to_delta().into()
}

impl<'a, S: Subject> World<'a, S> {
    pub(super) fn new(setting: &Setting, merges: Merges<S::Crdt>, story: &'a Story) -> Self {
        let node = |(at, id): (u8, &u8)| {
            let id = ReplicaId::from_u128(u128::from(*id));
            let clock = setting.clocks[usize::from(at)];
            let mut replica = clock.map_or_else(|| Replica::new(id), |ms| Replica::with_clock(id, Fixed(ms)));
            replica.advance(setting.skip + 1, Hlc::default());
            Node { name: char::from(b'a' + at), doc: Doc::default(), known: Known::default(), replica }
        };
        let nodes: Vec<_> = (0..).zip(&setting.ids).map(node).collect();
        let names = nodes.iter().map(|node| format!("{} writes as {:?}", node.name, node.replica.id()));
        story.replace(names.collect());
        Self {
            setting: setting.clone(),
            nodes,
            updates: Vec::new(),
            coverage: Coverage::default(),
            merges,
            paths: Doc::default(),
            story,
        }
    }

    pub(super) fn play(&mut self, history: &History, watch: &mut dyn Watch<S>) -> Check {
        let count = self.nodes.len();
        for step in &history.steps {
            match step {
                Step::Edit { at, edits } => {
                    self.edit(at % count, edits, None, watch)?;
                    watch.stepped(self, at % count)?;
                }
                Step::Send { from, hop, route } => {
                    let from = from % count;
                    let to = (from + 1 + hop % (count - 1)) % count;
                    self.send(from, to, route, watch)?;
                    watch.stepped(self, to)?;
                }
            }
            self.survey_states();
        }
        self.survey_updates();
        Ok(())
    }

    pub(super) fn tell(&self, line: String) {
        self.story.borrow_mut().push(line);
    }

    /// Joins a delta into a document by the merge under test.
    pub(super) fn merge(&self, doc: &mut DocOf<S>, delta: DeltaOf<S>) -> bool {
        (self.merges.merge)(doc, delta)
    }

    /// The same with a document.
    pub(super) fn merge_from(&self, doc: &mut DocOf<S>, other: &DocOf<S>) -> bool {
        (self.merges.merge_from)(doc, other)
    }

    pub(super) fn joined(&self, x: &DocOf<S>, y: &DocOf<S>) -> DocOf<S> {
        let mut joined = copy(x);
        self.merge_from(&mut joined, y);
        joined
    }

    /// All updates, in the order in which they were made.
    pub(super) fn full(&self) -> DocOf<S> {
        let mut full = Doc::default();
        self.updates.iter().for_each(|update| {
            self.merge(&mut full, update.delta.clone());
        });
        full
    }

    fn edit(
        &mut self,
        at: usize,
        edits: &[Blind],
        walk: Option<&mut Walk<S::Crdt>>,
        watch: &mut dyn Watch<S>,
    ) -> Check {
        let number = self.updates.len();
        let edits: Vec<S::Edit> = edits.iter().filter_map(Blind::see).cloned().collect();
        let list: Vec<_> = edits.iter().map(|edit| format!("{edit:?}")).collect();
        self.tell(format!("{}: {} (update {number})", self.nodes[at].name, list.join(", ")));

        let node = &mut self.nodes[at];
        let before = copy(&node.doc);
        let Ok(((), delta)) = node.doc.stage(&mut node.replica, |editor| {
            edits.iter().for_each(|edit| S::apply(&editor, edit));
            Ok::<(), Infallible>(())
        });
        if let Some(walk) = walk {
            walk.before_merge(&node.doc, &delta).map_err(|error| format!("{error}"))?;
        }
        (self.merges.merge)(&mut node.doc, delta.clone());
        let causes = node.known;
        node.known.add(number);
        self.survey_edit(&before, &delta);
        self.updates.push(Update { by: at, edits, delta, causes });
        watch.edited(&before, &self.updates[number], &self.nodes[at].doc)
    }

    fn send(&mut self, from: usize, to: usize, route: &Route, watch: &mut dyn Watch<S>) -> Check {
        let arrow = format!("{} <- {}", self.nodes[to].name, self.nodes[from].name);
        let known = self.nodes[from].known;
        match route {
            Route::Update { pick } => {
                let all: Vec<_> = known.iter().collect();
                if !all.is_empty() {
                    self.send_update(&arrow, to, all[pick % all.len()]);
                }
            }
            Route::Group { keep } => self.send_group(&arrow, to, known, *keep),
            Route::Walk { chunk, meanwhile } => return self.walk(from, to, *chunk, meanwhile, watch),
            Route::State => {
                self.tell(format!("{arrow}: the whole state"));
                let doc = copy(&self.nodes[from].doc);
                self.observe(to, &doc.to_delta());
                (self.merges.merge_from)(&mut self.nodes[to].doc, &doc);
                self.nodes[to].known.0 |= known.0;
            }
            Route::Difference | Route::Since | Route::Bytes => {
                let delta = self.missing(from, to, route)?;
                self.tell(format!("{arrow}: what is missing"));
                self.arrive(to, delta, known);
            }
        }
        Ok(())
    }

    /// What `to` lacks of `from`, or all of `from`, by way of bytes.
    fn missing(&self, from: usize, to: usize, route: &Route) -> Result<DeltaOf<S>, String> {
        let (from, to) = (&self.nodes[from].doc, &self.nodes[to].doc);
        Ok(match route {
            Route::Difference => from.difference(to),
            Route::Since => from.delta_since(&to.digest()),
            _ => super::bytes::through_bytes(&from.to_delta())?,
        })
    }

    fn send_update(&mut self, arrow: &str, to: usize, update: usize) {
        if self.setting.causal {
            let missing = self.updates[update].causes.without(self.nodes[to].known);
            missing.iter().for_each(|cause| self.deliver(arrow, to, cause));
        }
        self.deliver(arrow, to, update);
    }

    fn deliver(&mut self, arrow: &str, to: usize, update: usize) {
        let Update { delta, causes, .. } = &self.updates[update];
        let (delta, causes, known) = (delta.clone(), *causes, self.nodes[to].known);
        let again = if known.has(update) { ", again" } else { "" };
        self.tell(format!("{arrow}: update {update}{again}"));
        if known.has(update) {
            self.coverage.reach(Case::Duplicated);
        } else if !causes.without(known).is_empty() {
            self.coverage.reach(Case::Reordered);
        }
        let mut one = Known::default();
        one.add(update);
        self.arrive(to, delta, one);
    }

    fn send_group(&mut self, arrow: &str, to: usize, known: Known, keep: u64) {
        let news = known.without(self.nodes[to].known);
        let chosen = if self.setting.causal { news } else { Known(news.0 & keep) };
        let mut members: Vec<_> = chosen.iter().collect();
        if members.is_empty() {
            return;
        }
        if members.len() > 1 {
            self.coverage.reach(Case::Grouped);
        }
        self.tell(format!("{arrow}: updates {members:?} as one"));
        Dice::new(keep).shuffle(&mut members);
        let mut group = Delta::default();
        members.iter().for_each(|member| group.merge(self.updates[*member].delta.clone()));
        self.arrive(to, group, chosen);
    }

    fn arrive(&mut self, to: usize, delta: DeltaOf<S>, updates: Known) {
        self.observe(to, &delta);
        let node = &mut self.nodes[to];
        (self.merges.merge)(&mut node.doc, delta);
        node.known.0 |= updates.0;
    }

    fn observe(&mut self, to: usize, delta: &DeltaOf<S>) {
        if self.setting.observing {
            delta.stamps().for_each(|stamp| self.nodes[to].replica.observe(stamp));
        }
    }

    fn walk(
        &mut self,
        from: usize,
        to: usize,
        chunk: usize,
        meanwhile: &[Vec<Blind>],
        watch: &mut dyn Watch<S>,
    ) -> Check {
        let (donor, receiver) = (self.nodes[from].name, self.nodes[to].name);
        self.tell(format!("{receiver} <- {donor}: a walk begins"));
        self.coverage.reach(Case::Walk);
        let before = copy(&self.nodes[to].doc);
        let start = copy(&self.nodes[from].doc);
        let known = self.nodes[from].known;
        let whole = self.joined(&before, &start);
        let mut walk = self.nodes[from].doc.walk(&before.context(), usize::MAX);
        let mut todo: BTreeSet<Dot> = start.to_delta().entries().iter().map(|(dot, _)| *dot).collect();
        let past = Past::new(before.context().intersection(&start.context()), self.setting.seed);
        let mut questions = walk.compare(self.setting.seed, 2);
        let mut meanwhile = meanwhile.iter();
        loop {
            if !questions.is_empty() {
                self.coverage.reach(Case::Compared);
                questions = walk.narrow(&past.answer(&self.nodes[to].doc, &questions, 2, 8), 2, 8);
            }
            if let Some(edits) = meanwhile.next() {
                self.edit(from, edits, Some(&mut walk), watch)?;
                let died = self.updates.last().is_some_and(|last| todo.iter().any(|dot| last.kills(*dot)));
                self.coverage.reach_times(Case::DeathInWalk, usize::from(died));
            }
            let part = walk.next_chunk(&self.nodes[from].doc, chunk, usize::MAX, |_| 0);
            let Some(part) = part else {
                if walk.is_comparing() {
                    continue;
                }
                break;
            };
            self.tell(format!("{receiver} <- {donor}: {part:?} of the walk"));
            part.entries().iter().for_each(|(dot, _)| {
                todo.remove(dot);
            });
            self.arrive(to, part, Known::default());
            let now = &self.nodes[to].doc;
            watch.walked(&Prefix { before: &before, whole: &whole, now, complete: false })?;
        }
        self.nodes[to].known.0 |= known.0;
        let now = &self.nodes[to].doc;
        watch.walked(&Prefix { before: &before, whole: &whole, now, complete: true })
    }
}
