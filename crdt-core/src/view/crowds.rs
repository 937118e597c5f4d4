//! The order within keys that have many payloads.

use core::hash::BuildHasher;
use core::iter::successors;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::slab::NONE;

/// The child of a node with what comes before it in the chain, and the child with what comes behind it.
const BEFORE: usize = 0;
const BEHIND: usize = 1;

/// The slots of long chains, those of each as a search tree: a place among them, and the slot before
/// another, are found in a logarithm of steps.
///
/// A chain is in with all of its slots or with none. Its tree is balanced in whatever order they come and
/// go: each slot has a rank, which nobody can foresee, and lies below those of higher rank (a treap;
/// Seidel, Aragon 1996). All trees are in one map, so that a slot leads to its own.
#[derive(Clone, Default)]
pub(super) struct Crowds {
    nodes: HashMap<u32, Node, RandomState>,
}

/// The slots next to one in its tree, or `NONE`.
#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    children: [u32; 2],
}

impl Crowds {
    /// Whether there is no chain.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether the chain of a slot is in.
    pub(super) fn holds(&self, slot: u32) -> bool {
        self.nodes.contains_key(&slot)
    }

    /// How many bytes of memory they have on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.nodes.allocation_size()
    }

    /// The slot before one, if that is not the first of its chain.
    pub(super) fn previous(&self, slot: u32) -> Option<u32> {
        let Some(below) = self.child(slot, BEFORE) else {
            let mut path = self.path(slot);
            return path.find_map(|at| self.parent(at).filter(|&parent| self.side(parent, at) == BEHIND));
        };
        successors(Some(below), |&at| self.child(at, BEHIND)).last()
    }

    /// The last slot of a chain for which `is_before` holds. It does for the first one, and for none behind
    /// one for which it does not.
    pub(super) fn last_before(&self, first: u32, is_before: impl Fn(u32) -> bool) -> u32 {
        let (mut last, mut next) = (first, self.path(first).last());
        while let Some(at) = next {
            let is_before = is_before(at);
            last = if is_before { at } else { last };
            next = self.child(at, if is_before { BEHIND } else { BEFORE });
        }
        last
    }

    /// Adds a chain, given in its order.
    pub(super) fn add_chain(&mut self, chain: impl Iterator<Item = u32>) {
        chain.fold(NONE, |last, slot| {
            self.hang(last, BEHIND, slot);
            slot
        });
    }

    /// Adds a slot before the first of its chain.
    pub(super) fn add_before(&mut self, first: u32, slot: u32) {
        self.hang(first, BEFORE, slot);
    }

    /// Adds a slot behind another of its chain, and before the next of that.
    pub(super) fn add_behind(&mut self, before: u32, slot: u32, next: u32) {
        // Of two neighbours one is below the other, and has nothing on the side of that.
        match self.child(before, BEHIND) {
            None => self.hang(before, BEHIND, slot),
            Some(_) => self.hang(next, BEFORE, slot),
        }
    }

    /// Takes a slot out. A chain of one is none: the last slot goes together with the last but one.
    pub(super) fn remove(&mut self, slot: u32) {
        while let Some(child) = self.higher_child(slot) {
            self.lift(child);
        }
        if let Some(parent) = self.parent(slot) {
            self.replace_child(parent, slot, NONE);
            if self.is_alone(parent) {
                self.nodes.remove(&parent);
            }
        }
        self.nodes.remove(&slot);
        if self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to_fit();
        }
    }

    /// Adds a slot as a child that its parent lacks, or as a root, and lifts it above those of lower rank.
    fn hang(&mut self, parent: u32, side: usize, slot: u32) {
        self.nodes.insert(slot, Node { parent: NONE, children: [NONE; 2] });
        if parent != NONE {
            self.set_child(parent, side, slot);
        }
        let rank = self.rank(slot);
        while let Some(parent) = self.parent(slot)
            && self.rank(parent) < rank
        {
            self.lift(slot);
        }
    }

    /// Puts a child where its parent is, and the parent below it. The order stays.
    fn lift(&mut self, child: u32) {
        let Node { parent, children } = *self.node(child);
        let side = self.side(parent, child);
        let above = self.node(parent).parent;
        self.set_child(parent, side, children[1 - side]);
        self.set_child(child, 1 - side, parent);
        self.node_mut(child).parent = above;
        if above != NONE {
            self.replace_child(above, parent, child);
        }
    }

    fn set_child(&mut self, parent: u32, side: usize, child: u32) {
        self.node_mut(parent).children[side] = child;
        if child != NONE {
            self.node_mut(child).parent = parent;
        }
    }

    fn replace_child(&mut self, parent: u32, old: u32, new: u32) {
        self.set_child(parent, self.side(parent, old), new);
    }

    /// From a slot up to the root of its tree.
    fn path(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        successors(Some(slot), |&at| self.parent(at))
    }

    fn parent(&self, slot: u32) -> Option<u32> {
        Some(self.node(slot).parent).filter(|&parent| parent != NONE)
    }

    fn child(&self, slot: u32, side: usize) -> Option<u32> {
        Some(self.node(slot).children[side]).filter(|&child| child != NONE)
    }

    /// On which side of its parent a child is.
    fn side(&self, parent: u32, child: u32) -> usize {
        if self.node(parent).children[BEHIND] == child { BEHIND } else { BEFORE }
    }

    /// The child that belongs above the other.
    fn higher_child(&self, slot: u32) -> Option<u32> {
        let children = self.node(slot).children.into_iter().filter(|&child| child != NONE);
        children.max_by_key(|&child| self.rank(child))
    }

    fn is_alone(&self, slot: u32) -> bool {
        let Node { parent, children } = *self.node(slot);
        parent == NONE && children == [NONE; 2]
    }

    /// The hash of a hash: one of numbers that follow each other shows that they do.
    fn rank(&self, slot: u32) -> u64 {
        let hasher = self.nodes.hasher();
        hasher.hash_one(hasher.hash_one(slot))
    }

    fn node(&self, slot: u32) -> &Node {
        self.nodes.get(&slot).expect("a chain is in with all of its slots")
    }

    fn node_mut(&mut self, slot: u32) -> &mut Node {
        self.nodes.get_mut(&slot).expect("a chain is in with all of its slots")
    }

    /// How far below the root of its tree a slot is.
    #[cfg(test)]
    pub(super) fn depth(&self, slot: u32) -> usize {
        self.path(slot).count() - 1
    }
}
