//! Flags, registers, ends and the sets beside the OR-set.

use crdt_core::{
    DwFlag, EwFlag, GSet, Max, Min, MvRegister, RankedRegister, Resolve, ResolvedRegister, RwSet,
};

use super::{Key, Sample, Shape};

impl Shape for EwFlag {
    fn reading(&self) -> String {
        assert_ne!(self.is_enabled(), self.is_empty());
        self.is_enabled().to_string()
    }

    fn scribble(editor: &Self::Editor<'_>, _salt: u8) {
        editor.enable();
    }

    fn shows(_before: Option<&Self>, after: &Self, _salt: u8) -> bool {
        after.is_enabled()
    }
}

impl Shape for DwFlag {
    fn reading(&self) -> String {
        assert_ne!(self.is_enabled(), self.is_empty());
        self.is_enabled().to_string()
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        if bool::sample(salt) { editor.enable() } else { editor.disable() }
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.is_enabled() == bool::sample(salt)
    }
}

impl<V: Sample> Shape for MvRegister<V> {
    fn reading(&self) -> String {
        assert_eq!(self.siblings().len() == 0, self.is_empty());
        format!("{:?}", self.siblings().collect::<Vec<_>>())
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.set(V::sample(salt));
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.get() == Some(&V::sample(salt)) && after.siblings().len() == 1
    }
}

impl Shape for RankedRegister<(u8, bool)> {
    fn reading(&self) -> String {
        assert_eq!(self.get(), self.siblings().next());
        assert!(self.siblings().is_sorted_by(|a, b| a.0 >= b.0), "the higher rank comes first");
        format!("{:?} at {:?}", self.siblings().collect::<Vec<_>>(), self.stamp())
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.set((u8::sample(salt), bool::sample(salt)));
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.get() == Some(&(u8::sample(salt), bool::sample(salt))) && after.siblings().len() == 1
    }
}

/// A resolver for which order and number count.
#[derive(Clone, Copy, Debug)]
pub struct Mixed;

impl Resolve<u8> for Mixed {
    fn resolve(siblings: &[&u8]) -> u8 {
        siblings.iter().fold(7, |mixed: u8, sibling| mixed.wrapping_mul(31).wrapping_add(**sibling))
    }
}

impl Shape for ResolvedRegister<u8, Mixed> {
    fn reading(&self) -> String {
        assert_eq!(self.get().is_none(), self.is_empty());
        format!("{:?} of {:?}", self.get(), self.siblings().collect::<Vec<_>>())
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.set(u8::sample(salt));
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.get().as_deref() == Some(&u8::sample(salt))
    }
}

impl Shape for Max<u8> {
    fn reading(&self) -> String {
        assert_eq!(self.get().is_none(), self.is_empty());
        format!("{:?}", self.get())
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.raise(u8::sample(salt));
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.get() >= Some(&u8::sample(salt))
    }
}

impl Shape for Min<u8> {
    fn reading(&self) -> String {
        assert_eq!(self.get().is_none(), self.is_empty());
        format!("{:?}", self.get())
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.lower(u8::sample(salt));
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.get().is_some_and(|least| *least <= u8::sample(salt))
    }
}

/// Both sets read and write alike.
macro_rules! set {
    ($set:ident) => {
        impl<K: Key> Shape for $set<K> {
            fn reading(&self) -> String {
                let sorted = self.sorted();
                assert!(sorted.is_sorted_by(|a, b| a < b), "an element twice in {sorted:?}");
                assert_eq!((sorted.len(), sorted.is_empty()), (self.len(), self.is_empty()));
                assert!(sorted.iter().all(|element| self.contains(*element)));
                format!("{sorted:?}")
            }

            fn scribble(editor: &Self::Editor<'_>, salt: u8) {
                editor.insert(K::sample(salt));
            }

            fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
                after.contains(&K::sample(salt))
            }
        }
    };
}

set!(GSet);
set!(RwSet);
