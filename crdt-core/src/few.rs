//! Lists that mostly hold one item.

use alloc::vec::{self, Vec};
use core::fmt;
use core::hash::{Hash, Hasher};
use core::mem;
use core::ops::{Deref, DerefMut};

/// So many items of one place are looked through sooner than one of them is looked up. Where there can be
/// more, each is to cost a logarithm of them: a counter has one for each start of each replica that counted,
/// and bytes from anywhere put any number anywhere.
pub(crate) const MANY: usize = 32;

/// What is more than one item is to hold so many before it grows.
const ROOM: usize = 4;

/// A list whose only item lies inline: a delta of one entry, a context of one replica and a scratch
/// of one element allocate nothing.
#[derive(Clone)]
pub(crate) enum Few<T> {
    /// No item, or one.
    One(Option<T>),
    /// Any number of items.
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// An empty list that is to hold so many items.
    #[cfg(feature = "codec")]
    pub(crate) fn with_capacity(items: usize) -> Self {
        if items < 2 { Self::default() } else { Self::Many(Vec::with_capacity(items)) }
    }

    /// Adds an item behind the last one.
    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        self.push_with(|| item);
    }

    /// The same for an item that is made where it will lie.
    ///
    /// An item that is made elsewhere and moved is read as soon as it is written, in other pieces than it was
    /// written in: for that a processor waits until the writes have reached its cache.
    #[inline]
    pub(crate) fn push_with(&mut self, make: impl FnOnce() -> T) {
        match self {
            Self::One(one) if one.is_none() => *one = Some(make()),
            _ => self.many().push(make()),
        }
    }

    /// Calls `each` with every item and keeps none.
    #[inline]
    pub(crate) fn drain(&mut self, each: impl FnMut(T)) {
        match self {
            Self::One(one) => one.take().into_iter().for_each(each),
            Self::Many(items) => items.drain(..).for_each(each),
        }
    }

    /// Adds an item before the one at `at`, or behind the last one.
    pub(crate) fn insert(&mut self, at: usize, item: T) {
        if at == self.len() { self.push(item) } else { self.many().insert(at, item) }
    }

    /// Takes out the item at `at`, which is there. A list of which much is gone gives back its room.
    pub(crate) fn remove(&mut self, at: usize) -> T {
        let items = match self {
            Self::One(one) => return one.take().expect("an item that is taken out is there"),
            Self::Many(items) => items,
        };
        let item = items.remove(at);
        if items.len() <= 1 {
            *self = Self::One(items.pop());
        } else if items.len() < items.capacity() / 4 {
            items.shrink_to(items.len() * 2);
        }
        item
    }

    /// How many bytes of memory it has on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Many(items) => items.capacity() * size_of::<T>(),
        }
    }

    /// The items as a list of the usual kind.
    pub(crate) fn into_vec(mut self) -> Vec<T> {
        mem::take(self.many())
    }

    /// The list in the form that holds any number.
    fn many(&mut self) -> &mut Vec<T> {
        if let Self::One(one) = self {
            let mut items = Vec::new();
            if let Some(item) = one.take() {
                items = Vec::with_capacity(ROOM);
                items.push(item);
            }
            *self = Self::Many(items);
        }
        match self {
            Self::Many(items) => items,
            Self::One(_) => unreachable!("the list has just been given this form"),
        }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(one) => one.as_slice(),
            Self::Many(items) => items,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => one.as_mut_slice(),
            Self::Many(items) => items,
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(items: Vec<T>) -> Self {
        Self::Many(items)
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::default();
        list.extend(items);
        list
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        match self {
            Self::One(one) => IntoIter::One(one),
            Self::Many(items) => IntoIter::Many(items.into_iter()),
        }
    }
}

/// The items of a [`Few`], one by one.
pub(crate) enum IntoIter<T> {
    One(Option<T>),
    Many(vec::IntoIter<T>),
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::One(one) => one.take(),
            Self::Many(items) => items.next(),
        }
    }
}

/// Lists are equal when their items are, in whatever form they lie.
impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T: Hash> Hash for Few<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn a_list_reads_like_its_items_in_either_form() {
        let mut few = Few::default();
        let mut items = Vec::new();
        for (at, item) in [(0, 5), (0, 4), (2, 6), (1, 9)] {
            assert_eq!(few.is_empty(), items.is_empty());
            few.insert(at, item);
            items.insert(at, item);
            assert_eq!(*few, *items);
            assert_eq!(few, Few::from(items.clone()));
            assert_eq!(few.clone().into_iter().collect::<Vec<_>>(), items);
            assert_eq!(few.clone().into_vec(), items);
        }
    }

    #[test]
    fn items_go_from_either_form_and_their_room_with_them() {
        let mut few: Few<usize> = (0..1_000).collect();
        let mut items: Vec<usize> = (0..1_000).collect();
        for at in (1..1_000).map(|left| (left * 7) % (1_001 - left)) {
            assert_eq!(few.remove(at), items.remove(at));
            assert_eq!(*few, *items);
            assert!(matches!(&few, Few::Many(room) if room.capacity() / 4 <= room.len()) || few.len() == 1);
        }
        assert!(matches!(few, Few::One(Some(_))));
        assert_eq!(few.remove(0), items[0]);
        assert!(few.is_empty());
    }

    #[test]
    fn one_item_lies_inline_and_two_do_not() {
        let one: Few<u8> = [1].into_iter().collect();
        assert!(matches!(one, Few::One(Some(1))));
        let two: Few<u8> = [1, 2].into_iter().collect();
        assert!(matches!(two, Few::Many(items) if items == [1, 2]));
    }
}
