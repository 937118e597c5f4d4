//! Updates that are kept and passed on, but not applied yet.

use std::collections::VecDeque;
use std::sync::Arc;

use crdt_core::Dot;
use crdt_core::clock::CausalContext;

use super::State;
use crate::proto::config::Config;
use crate::proto::id::PeerId;
use crate::proto::log::{Position, Update};

/// What a frozen node holds: the end of its log.
pub(super) struct Frozen {
    /// Everything in the log before this is applied, and nothing from here on.
    from: Position,
    /// What is applied, and what is held.
    held: Arc<CausalContext>,
    /// Who sent what is held, in the order of the log.
    senders: VecDeque<PeerId>,
    bytes: usize,
    /// More came than may be held. Nothing more is taken until all is applied, so that what is held
    /// has no gap that something newer overtook.
    full: bool,
}

/// The oldest update that is held.
pub(in crate::proto) struct Held {
    pub(in crate::proto) number: Dot,
    /// All its numbers, if it stands for several.
    pub(in crate::proto) group: Option<CausalContext>,
    pub(in crate::proto) from: PeerId,
    /// What it cost to keep.
    pub(in crate::proto) cost: usize,
}

impl State {
    /// Nothing is applied from now on.
    pub(in crate::proto) fn freeze(&mut self) {
        let (from, held) = (self.log.end(), self.applied.clone());
        let new = || Frozen { from, held, senders: VecDeque::new(), bytes: 0, full: false };
        self.frozen.get_or_insert_with(new);
    }

    /// Ends that, if everything is applied. Returns whether it is.
    pub(in crate::proto) fn thaw(&mut self) -> bool {
        self.frozen.take_if(|frozen| frozen.senders.is_empty());
        self.frozen.is_none()
    }

    /// Keeps an update that is neither applied nor held, at the end of the log. Returns whether there
    /// was room for it: if not, it is as if it had never come.
    pub(in crate::proto) fn hold(&mut self, update: Update<'_>, from: PeerId, config: &Config) -> bool {
        let Some(frozen) = &mut self.frozen else { return false };
        frozen.full |= frozen.bytes.saturating_add(update.cost()) > config.held_bytes;
        if frozen.full {
            return false;
        }
        frozen.bytes += update.cost();
        frozen.senders.push_back(from);
        update.add_to(Arc::make_mut(&mut frozen.held));
        self.log.push(update);
        true
    }

    /// Stages the update that is to be applied next, if any is held.
    pub(in crate::proto) fn stage_held(&mut self, config: &Config) -> Option<Held> {
        let frozen = self.frozen.as_ref()?;
        let (from, (update, _)) = (*frozen.senders.front()?, self.log.get(frozen.from)?);
        let staged = self.doc.stage(update.bytes, &config.update_limits());
        staged.expect("what is held was decoded when it came");
        let (number, group, cost) = (update.number, update.group.cloned(), update.cost());
        Some(Held { number, group, from, cost })
    }

    /// Applies the update that was held for longest, which is staged.
    pub(in crate::proto) fn apply_held(&mut self, held: &Held) {
        self.doc.merge();
        let applied = Arc::make_mut(&mut self.applied);
        match &held.group {
            Some(numbers) => applied.union_with(numbers),
            None => applied.insert(held.number),
        };
        if let Some(frozen) = &mut self.frozen {
            frozen.from += 1;
            frozen.bytes -= held.cost;
            frozen.senders.pop_front();
        }
        self.grown();
    }

    /// Everything that this node has: what is applied, and what is held.
    pub(in crate::proto) fn held(&self) -> &Arc<CausalContext> {
        self.frozen.as_ref().map_or(&self.applied, |frozen| &frozen.held)
    }

    /// How many updates are held, and what they cost.
    pub(in crate::proto) fn waiting(&self) -> (usize, usize) {
        self.frozen.as_ref().map_or((0, 0), |frozen| (frozen.senders.len(), frozen.bytes))
    }

    pub(in crate::proto) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Whether more came than may be held.
    pub(in crate::proto) fn is_full(&self) -> bool {
        self.frozen.as_ref().is_some_and(|frozen| frozen.full)
    }

    /// Everything in the log before this is applied, and nothing from here on.
    pub(in crate::proto) fn applied_end(&self) -> Position {
        self.frozen.as_ref().map_or(self.log.end(), |frozen| frozen.from)
    }
}
