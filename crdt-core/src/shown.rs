//! What editors show when they are printed: what they read, with the changes so far.

use core::fmt::{self, Debug};
use core::hash::Hash;

use crate::counter::{BoundedCounterEditor, GCounterEditor, PnCounterEditor};
use crate::flag::{DwFlagEditor, EwFlagEditor};
use crate::map::{LwwMapEditor, OrMapEditor};
use crate::register::{
    LwwRegisterEditor, MaxEditor, MinEditor, MvRegisterEditor, Ranked, RankedRegisterEditor,
    ResolvedRegisterEditor,
};
use crate::set::{GSetEditor, OrSetEditor, RwSetEditor};
use crate::view::Crdt;

/// Prints an editor as its name around what it reads.
macro_rules! shown {
    ($([$($params:tt)*] $editor:ty, $name:literal: |$seen:ident| $reading:expr;)+) => {$(
        impl<$($params)*> Debug for $editor {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $seen = self;
                f.debug_tuple($name).field(&$reading).finish()
            }
        }
    )+};
}

shown! {
    [] GCounterEditor<'_>, "GCounterEditor": |sum| sum.value();
    [] PnCounterEditor<'_>, "PnCounterEditor": |sum| sum.value();
    [] EwFlagEditor<'_>, "EwFlagEditor": |flag| flag.is_enabled();
    [] DwFlagEditor<'_>, "DwFlagEditor": |flag| flag.is_enabled();
    [V: Debug + Clone] LwwRegisterEditor<'_, V>, "LwwRegisterEditor": |register| register.get();
    [V: Debug + Clone + Ranked] RankedRegisterEditor<'_, V>, "RankedRegisterEditor": |register| register.get();
    [V: Debug + Clone] MvRegisterEditor<'_, V>, "MvRegisterEditor": |register| register.to_vec();
    [V: Debug + Clone] ResolvedRegisterEditor<'_, V>, "ResolvedRegisterEditor": |register| register.to_vec();
    [V: Debug + Clone + Ord] MaxEditor<'_, V>, "MaxEditor": |most| most.get();
    [V: Debug + Clone + Ord] MinEditor<'_, V>, "MinEditor": |least| least.get();
    [K: Debug + Clone + Hash + Eq] OrSetEditor<'_, K>, "OrSetEditor": |set| set.to_vec();
    [K: Debug + Clone + Hash + Eq] GSetEditor<'_, K>, "GSetEditor": |set| set.to_vec();
    [K: Debug + Clone + Hash + Eq + 'static] RwSetEditor<'_, K>, "RwSetEditor": |set| set.to_vec();
}

impl Debug for BoundedCounterEditor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("BoundedCounterEditor");
        out.field("value", &self.value()).field("rights", &self.rights()).finish()
    }
}

impl<K: Debug + Clone + Hash + Eq, V: Debug + Clone> Debug for LwwMapEditor<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys();
        f.debug_map().entries(keys.iter().filter_map(|key| Some((key, self.get(key)?)))).finish()
    }
}

impl<'a, K: Debug + Clone + Hash + Eq, V: Crdt> Debug for OrMapEditor<'a, K, V>
where
    V::Editor<'a>: Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys();
        f.debug_map().entries(keys.iter().map(|key| (key, self.entry(key)))).finish()
    }
}
