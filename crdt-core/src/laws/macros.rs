//! The one line.

/// Makes a module of tests for each type: one test for every [`Law`](crate::laws::Law), and one that the
/// hard cases were reached.
///
/// ```
/// crdt_core::crdt_laws! {
///     set: crdt_core::OrSet<u8>,
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! crdt_laws {
    ($($name:ident: $subject:ty),+ $(,)?) => {$(
        mod $name {
            #[allow(unused_imports, reason = "a subject may be spelt with a full path")]
            use super::*;

            #[test]
            fn merge_is_commutative() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::Commutative).map(|_| ())
            }

            #[test]
            fn merge_is_associative() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::Associative).map(|_| ())
            }

            #[test]
            fn merge_is_idempotent() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::Idempotent).map(|_| ())
            }

            #[test]
            fn bottom_is_the_identity() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::Bottom).map(|_| ())
            }

            #[test]
            fn merge_is_inflationary() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::Inflationary).map(|_| ())
            }

            #[test]
            fn merge_is_set_algebra_on_dots() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::SetAlgebra).map(|_| ())
            }

            #[test]
            fn a_dead_dot_stays_dead() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::DeadStaysDead).map(|_| ())
            }

            #[test]
            fn an_edit_is_the_merge_of_its_delta() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::EditIsItsDelta).map(|_| ())
            }

            #[test]
            fn deltas_in_any_order_twice_and_grouped_are_the_full_state() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::AnyOrder).map(|_| ())
            }

            #[test]
            fn lost_deltas_are_repaired() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::LossIsRepaired).map(|_| ())
            }

            #[test]
            fn a_difference_is_complete_and_minimal() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::Difference).map(|_| ())
            }

            #[test]
            fn an_edit_travels_on_every_path() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::EveryPath).map(|_| ())
            }

            #[test]
            fn a_walk_never_hides_what_both_ends_show() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::Walk).map(|_| ())
            }

            #[test]
            fn bytes_round_trip() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::RoundTrip).map(|_| ())
            }

            #[test]
            fn a_view_is_a_function_of_its_entries() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::View).map(|_| ())
            }

            #[test]
            fn fingerprints_tell_states_apart() -> Result<(), $crate::laws::Broken> {
                $crate::laws::check::<$subject>($crate::laws::Law::Fingerprint).map(|_| ())
            }

            #[test]
            fn the_hard_cases_are_reached() -> Result<(), $crate::laws::Broken> {
                let coverage = $crate::laws::check_coverage::<$subject>()?;
                println!("{coverage}");
                Ok(())
            }
        }
    )+};
}

/// Makes a [`Subject`](crate::laws::Subject) of a struct that derives `Crdt`, from those of its fields.
///
/// First the name that it gets, then the struct, then each field and its subject: the field's type if
/// that is a type of this crate, and otherwise what was made for that. A field that is left out is not
/// edited. Values of your own have to be [`Sample`](crate::laws::Sample)s.
///
/// ```
/// use crdt_core::{Crdt, EwFlag, MvRegister, OrMap, OrSet};
///
/// #[derive(Crdt)]
/// struct Todo {
///     title: MvRegister<String>,
///     done: EwFlag,
///     tags: OrSet<String>,
/// }
///
/// crdt_core::crdt_subject! {
///     TodoLaws: Todo { title: MvRegister<String>, done: EwFlag, tags: OrSet<String> }
/// }
///
/// crdt_core::crdt_laws! {
///     todo: TodoLaws,
///     todos: OrMap<u8, TodoLaws>,
/// }
/// # fn main() -> Result<(), crdt_core::laws::Broken> {
/// #     crdt_core::laws::check::<TodoLaws>(crdt_core::laws::Law::Commutative).map(|_| ())
/// # }
/// ```
#[macro_export]
macro_rules! crdt_subject {
    ($vis:vis $name:ident: $crdt:ty { $($field:ident: $subject:ty),+ $(,)? }) => {
        #[doc = concat!("How the laws write and read a `", stringify!($crdt), "`.")]
        $vis struct $name;

        const _: () = {
            /// An edit of one field.
            #[allow(non_camel_case_types, reason = "variants are named after the fields")]
            #[derive(Clone, Debug)]
            pub enum Edit {
                $(#[doc = concat!("Of `", stringify!($field), "`.")]
                $field(<$subject as $crate::laws::Subject>::Edit),)+
            }

            impl $crate::laws::Subject for $name {
                type Crdt = $crdt;
                type Edit = Edit;
                type Shown = ($(<$subject as $crate::laws::Subject>::Shown,)+);

                fn edits() -> $crate::laws::proptest::strategy::BoxedStrategy<Edit> {
                    use $crate::laws::proptest::strategy::{Strategy as _, Union};
                    Union::new([$(<$subject as $crate::laws::Subject>::edits().prop_map(Edit::$field).boxed()),+]).boxed()
                }

                fn apply(editor: &<Self::Crdt as $crate::Crdt>::Editor<'_>, edit: &Edit) {
                    match edit {
                        $(Edit::$field(edit) => <$subject as $crate::laws::Subject>::apply(&editor.$field, edit),)+
                    }
                }

                fn show(value: &Self::Crdt) -> Self::Shown {
                    ($(<$subject as $crate::laws::Subject>::show(&value.$field),)+)
                }

                fn facts(value: &Self::Crdt) -> ::std::collections::BTreeSet<::std::string::String> {
                    let facts = [$((stringify!($field), <$subject as $crate::laws::Subject>::facts(&value.$field))),+].into_iter();
                    let of = |(field, facts): (_, ::std::collections::BTreeSet<_>)| {
                        facts.into_iter().map(move |fact: ::std::string::String| ::std::format!("{field}: {fact}"))
                    };
                    facts.flat_map(of).collect()
                }
            }
        };
    };
}
