//! The past of every replica, from the updates alone.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::Specified;
use super::past::{Act, Event, Past};
use crate::clock::Stamp;
use crate::dot::ReplicaId;
use crate::laws::history::Setting;
use crate::laws::world::{Known, Update};

/// All edits so far, with stamps that are worked out again here.
pub(super) struct Replay<S: Specified> {
    events: Vec<Event>,
    acts: Vec<S::Edit>,
    /// The edits of each update, as bits.
    updates: Vec<u64>,
    clocks: Vec<Clock>,
}

/// A hybrid logical clock, as the documentation describes it.
struct Clock {
    id: ReplicaId,
    last: u64,
    now: u64,
}

impl Clock {
    /// The next stamp; `above` is exceeded without moving the clock.
    fn stamp(&mut self, above: Option<Stamp>) -> Stamp {
        self.last = (self.last + 1).max(self.now << 16);
        let above = above.map_or(0, |above| above.to_bits() + 1);
        Stamp::from_bits(self.last.max(above))
    }
}

impl<S: Specified> Replay<S> {
    pub(super) fn new(setting: &Setting) -> Self {
        let clocks = setting.ids.iter().zip(&setting.clocks).map(|(id, now)| Clock {
            id: ReplicaId::from_u128(u128::from(*id)),
            last: 0,
            now: now.unwrap_or(0),
        });
        Self { events: Vec::new(), acts: Vec::new(), updates: Vec::new(), clocks: clocks.collect() }
    }

    /// Takes in the updates that are new.
    pub(super) fn catch_up(&mut self, updates: &[Update<S>]) {
        for update in &updates[self.updates.len()..] {
            let base = self.edits_of(update.causes);
            let mut now = base;
            for edit in &update.edits {
                let above = S::stamped_above(edit, &self.past_of(now), &self.past_of(base));
                let clock = &mut self.clocks[update.by];
                let stamp = above.map(|above| clock.stamp(above));
                self.events.push(Event { by: clock.id, stamp, saw: now });
                self.acts.push(edit.clone());
                now |= 1 << (self.events.len() - 1);
            }
            self.updates.push(now & !base);
        }
    }

    /// The edits of these updates.
    pub(super) fn past(&self, known: Known) -> Past<S::Edit> {
        self.past_of(self.edits_of(known))
    }

    fn edits_of(&self, known: Known) -> u64 {
        known.iter().fold(0, |edits, update| edits | self.updates[update])
    }

    fn past_of(&self, edits: u64) -> Past<S::Edit> {
        let numbered = (0usize..).zip(&self.acts).filter(|(number, _)| edits >> number & 1 == 1);
        let acts = numbered.map(|(number, edit)| (number, Act::Edit(edit.clone()))).collect();
        Past::new(Rc::from(self.events.as_slice()), acts)
    }
}
