//! Derived structs as subjects of the kit, with a field of every kind.

use std::collections::BTreeSet;

use crdt_core::clock::Stamp;
use crdt_core::laws::{Act, Case, Past, Specified, Subject};
use crdt_core::{Crdt, GCounter, LwwMap, LwwRegister, OrMap, OrSet, PnCounter, Resolve};
use proptest::prelude::*;

#[derive(Crdt, Debug)]
pub(crate) struct Profile {
    likes: GCounter,
    #[crdt(tag = 300)]
    stock: PnCounter,
    name: LwwRegister<u8>,
    tags: OrSet<u8>,
    roles: LwwMap<u8, u8>,
    carts: OrMap<bool, PnCounter>,
    home: Address,
}

#[derive(Crdt, Debug)]
pub(crate) struct Address {
    lines: OrMap<bool, OrSet<bool>>,
    city: LwwRegister<bool>,
}

/// A struct is edited field by field, shows what its fields show, and is specified as they are.
macro_rules! derived {
    ($name:ident, $edit:ident: $($field:ident $variant:ident $ty:ty),+ $(,)?) => {
        #[derive(Clone, Debug)]
        pub(crate) enum $edit {
            $($variant(<$ty as Subject>::Edit),)+
        }

        impl Subject for $name {
            type Crdt = Self;
            type Edit = $edit;
            type Shown = ($(<$ty as Subject>::Shown,)+);

            fn edits() -> BoxedStrategy<Self::Edit> {
                prop_oneof![$(<$ty>::edits().prop_map($edit::$variant)),+].boxed()
            }

            fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &Self::Edit) {
                match edit {
                    $($edit::$variant(edit) => <$ty>::apply(&editor.$field, edit),)+
                }
            }

            fn show(value: &Self) -> Self::Shown {
                ($(<$ty>::show(&value.$field),)+)
            }

            fn facts(value: &Self) -> BTreeSet<String> {
                let facts = [$((stringify!($field), <$ty>::facts(&value.$field))),+].into_iter();
                facts.flat_map(|(field, facts)| facts.into_iter().map(move |fact| format!("{field}: {fact}"))).collect()
            }

            fn hard_cases() -> Vec<Case> {
                let mut cases = Vec::from(Case::COMMON);
                cases.extend([Case::Tie, Case::RemovalOnly, Case::ConcurrentRemovals]);
                cases
            }
        }

        impl Specified for $name {
            fn expected(past: &Past<Self::Edit>) -> Self::Shown {
                ($(<$ty>::expected(&derived!(@part past, $edit::$variant)),)+)
            }

            fn is_absent(past: &Past<Self::Edit>) -> bool {
                [$(<$ty>::is_absent(&derived!(@part past, $edit::$variant))),+].iter().all(|absent| *absent)
            }

            fn stamped_above(
                edit: &Self::Edit,
                now: &Past<Self::Edit>,
                base: &Past<Self::Edit>,
            ) -> Option<Option<Stamp>> {
                match edit {
                    $($edit::$variant(edit) => {
                        let (now, base) =
                            (derived!(@part now, $edit::$variant), derived!(@part base, $edit::$variant));
                        <$ty>::stamped_above(edit, &now, &base)
                    })+
                }
            }

            fn specified_edits() -> BoxedStrategy<Self::Edit> {
                prop_oneof![$(<$ty>::specified_edits().prop_map($edit::$variant)),+].boxed()
            }
        }
    };
    (@part $past:ident, $edit:ident::$variant:ident) => {
        $past.part(|_, act| match act {
            Act::Edit($edit::$variant(edit)) => Some(Act::Edit(edit.clone())),
            Act::Edit(_) => None,
            Act::Reset => Some(Act::Reset),
        })
    };
}

derived! {
    Profile, ProfileEdit:
    likes Likes GCounter,
    stock Stock PnCounter,
    name Name LwwRegister<u8>,
    tags Tags OrSet<u8>,
    roles Roles LwwMap<u8, u8>,
    carts Carts OrMap<bool, PnCounter>,
    home Home Address,
}

derived! {
    Address, AddressEdit:
    lines Lines OrMap<bool, OrSet<bool>>,
    city City LwwRegister<bool>,
}

/// A resolver with none of the properties that a merge needs: order counts, and so does grouping.
pub(crate) struct Entangled;

impl Resolve<u8> for Entangled {
    fn resolve(siblings: &[&u8]) -> u8 {
        siblings.iter().fold(7, |mixed: u8, sibling| mixed.wrapping_mul(31).wrapping_sub(**sibling))
    }
}
