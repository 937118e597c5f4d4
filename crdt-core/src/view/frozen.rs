//! A map that only grows and gives out references that last.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::cell::{Cell, OnceCell};
use core::fmt;
use core::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

/// An insert-only map behind a shared reference: what it gives out stays where it is.
///
/// Scratches of nested values live in one, so that two editors of one map can be alive at once.
pub struct Frozen<K, V> {
    /// The first key: inline, as its value is, since most edits write under one key.
    key: OnceCell<K>,
    value: V,
    others: OnceCell<Box<Trie<K, V>>>,
}

/// A trie over the bits of a keyed hash: a look-up costs about half the logarithm of the size.
struct Trie<K, V> {
    hasher: RandomState,
    root: OnceCell<Box<Node<K, V>>>,
    len: Cell<usize>,
}

struct Node<K, V> {
    key: K,
    value: V,
    /// How many came before it: hashes decide where it lies, and must not decide what an edit does.
    number: usize,
    children: [OnceCell<Box<Self>>; 4],
}

impl<K, V: Default> Default for Frozen<K, V> {
    fn default() -> Self {
        Self { key: OnceCell::new(), value: V::default(), others: OnceCell::new() }
    }
}

impl<K: Hash + Eq, V: Default> Frozen<K, V> {
    /// The value of `key`, if there is one.
    #[must_use]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if self.key.get()?.borrow() == key {
            return Some(&self.value);
        }
        self.others.get()?.cell(key).get().map(|node| &node.value)
    }

    /// The value of `key`, made if there is none.
    pub fn get_or_default<Q>(&self, key: &Q) -> &V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        match self.key.get() {
            Some(first) if first.borrow() == key => return &self.value,
            Some(_) => {}
            None => {
                // It has just been seen that there is none.
                _ = self.key.set(key.to_owned());
                return &self.value;
            }
        }
        let others = self.others.get_or_init(Box::default);
        let new = || Box::new(Node::new(key.to_owned(), others.len.replace(others.len.get() + 1)));
        &others.cell(key).get_or_init(new).value
    }
}

impl<K: Hash + Eq, V> Trie<K, V> {
    /// The cell where the node of `key` is or belongs.
    fn cell<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> &OnceCell<Box<Node<K, V>>>
    where
        K: Borrow<Q>,
    {
        let mut hash = self.hasher.hash_one(key);
        let mut cell = &self.root;
        while let Some(node) = cell.get()
            && node.key.borrow() != key
        {
            cell = &node.children[(hash & 3) as usize];
            hash = hash.rotate_right(2);
        }
        cell
    }
}

impl<K, V> Trie<K, V> {
    fn drain(self, mut each: impl FnMut(K, &mut V)) {
        let mut open: Vec<_> = self.root.into_inner().into_iter().collect();
        while let Some(node) = open.pop() {
            let Node { key, mut value, children, .. } = *node;
            each(key, &mut value);
            open.extend(children.into_iter().filter_map(OnceCell::into_inner));
        }
    }
}

impl<K, V> Default for Trie<K, V> {
    fn default() -> Self {
        Self { hasher: RandomState::default(), root: OnceCell::new(), len: Cell::new(0) }
    }
}

impl<K, V: Default> Node<K, V> {
    fn new(key: K, number: usize) -> Self {
        Self { key, value: V::default(), number, children: [const { OnceCell::new() }; 4] }
    }
}

impl<K, V> Frozen<K, V> {
    /// Calls `each` for every key and value, in the order in which they came.
    pub fn for_each<'a>(&'a self, mut each: impl FnMut(&'a K, &'a V)) {
        if let Some(key) = self.key.get() {
            each(key, &self.value);
        }
        let mut nodes: Vec<_> = self.others.get().and_then(|others| others.root.get()).into_iter().collect();
        let mut open = 0;
        while let Some(node) = nodes.get(open) {
            nodes.extend(node.children.iter().filter_map(OnceCell::get));
            open += 1;
        }
        nodes.sort_unstable_by_key(|node| node.number);
        nodes.into_iter().for_each(|node| each(&node.key, &node.value));
    }

    /// Calls `each` with every key and its value, in no particular order. The map is of no use afterwards.
    pub fn drain(&mut self, mut each: impl FnMut(K, &mut V)) {
        if let Some(key) = self.key.take() {
            each(key, &mut self.value);
        }
        if let Some(others) = self.others.take() {
            others.drain(each);
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Frozen<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_map();
        self.for_each(|key, value| _ = out.entry(key, value));
        out.finish()
    }
}
