//! A map that only grows and gives out references that last.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::cell::OnceCell;
use core::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

/// An insert-only map behind a shared reference: what it gives out stays where it is.
///
/// Scratches of nested values live in one, so that two editors of one map can be alive at once. It
/// is a trie over the bits of a keyed hash: a look-up costs about half the logarithm of the size.
pub struct Frozen<K, V> {
    hasher: RandomState,
    /// Inline, since most edits write under one key.
    root: OnceCell<Node<K, V>>,
}

struct Node<K, V> {
    key: K,
    value: V,
    children: [OnceCell<Box<Self>>; 4],
}

impl<K, V> Default for Frozen<K, V> {
    fn default() -> Self {
        Self { hasher: RandomState::default(), root: OnceCell::new() }
    }
}

impl<K: Hash + Eq, V: Default> Frozen<K, V> {
    /// The value of `key`, if there is one.
    #[must_use]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let root = self.root.get()?;
        if root.key.borrow() == key {
            return Some(&root.value);
        }
        self.find_below(root, key).get().map(|node| &node.value)
    }

    /// The value of `key`, made if there is none.
    pub fn get_or_default<Q>(&self, key: &Q) -> &V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let root = self.root.get_or_init(|| Node::new(key.to_owned()));
        if root.key.borrow() == key {
            return &root.value;
        }
        &self.find_below(root, key).get_or_init(|| Box::new(Node::new(key.to_owned()))).value
    }

    /// The cell below the root where the node of `key` is or belongs.
    fn find_below<'a, Q: Hash + Eq + ?Sized>(
        &self,
        root: &'a Node<K, V>,
        key: &Q,
    ) -> &'a OnceCell<Box<Node<K, V>>>
    where
        K: Borrow<Q>,
    {
        let mut hash = self.hasher.hash_one(key);
        let mut cell = &root.children[(hash & 3) as usize];
        while let Some(node) = cell.get()
            && node.key.borrow() != key
        {
            hash = hash.rotate_right(2);
            cell = &node.children[(hash & 3) as usize];
        }
        cell
    }
}

impl<K, V: Default> Node<K, V> {
    fn new(key: K) -> Self {
        Self { key, value: V::default(), children: [const { OnceCell::new() }; 4] }
    }
}

impl<K, V> Frozen<K, V> {
    /// Calls `each` for every key and value, in no particular order.
    pub fn for_each<'a>(&'a self, mut each: impl FnMut(&'a K, &'a V)) {
        let (mut next, mut open) = (self.root.get(), Vec::new());
        while let Some(node) = next {
            each(&node.key, &node.value);
            open.extend(node.children.iter().filter_map(OnceCell::get));
            next = open.pop().map(Box::as_ref);
        }
    }

    /// Calls `each` with every key and value, in no particular order.
    pub fn consume(self, mut each: impl FnMut(K, V)) {
        let (mut next, mut open) = (self.root.into_inner(), Vec::new());
        while let Some(Node { key, value, children }) = next {
            each(key, value);
            open.extend(children.into_iter().filter_map(OnceCell::into_inner));
            next = open.pop().map(|node| *node);
        }
    }
}
