//! What happened in a run, for people.

use core::fmt;
use std::collections::BTreeMap;
use std::time::Duration;

use crdt_core::Dot;

use super::plan::name;
use crate::proto::Event;

/// One line for each act, and for each arrival of a write.
#[derive(Default)]
pub(super) struct Story {
    pub(super) lines: Vec<String>,
    /// Who made each update, and when.
    wrote: BTreeMap<Dot, (usize, Duration)>,
}

impl Story {
    pub(super) fn line(&mut self, at: Duration, what: &str) {
        self.lines.push(format!("at {:.3} s  {what}", at.as_secs_f64()));
    }

    pub(super) fn wrote(&mut self, at: Duration, node: usize, update: Option<Dot>, value: &dyn fmt::Debug) {
        self.wrote.extend(update.map(|update| (update, (node, at))));
        let value = match format!("{value:?}") {
            unit if unit == "()" => String::new(),
            value => format!(": {value}"),
        };
        self.line(at, &format!("{} writes{value}", name(node)));
    }

    /// What others wrote reached a node.
    pub(super) fn took(&mut self, at: Duration, node: usize, event: &Event) {
        let node = name(node);
        match event {
            Event::Applied { update, from: Some(_) } => {
                let Some((writer, when)) = self.wrote.get(update) else { return };
                let (writer, when) = (name(*writer), when.as_secs_f64());
                self.line(at, &format!("{node} gets what {writer} wrote at {when:.3} s"));
            }
            Event::WalkMerged { .. } => self.line(at, &format!("{node} gets part of another's state")),
            _ => {}
        }
    }
}
