//! The one line.

/// Makes a module of tests for each type: one test for every [`Law`], and one that the hard cases
/// were reached.
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

            $crate::crdt_laws! { @tests $subject,
                merge_is_commutative Commutative,
                merge_is_associative Associative,
                merge_is_idempotent Idempotent,
                bottom_is_the_identity Bottom,
                merge_is_inflationary Inflationary,
                merge_is_set_algebra_on_dots SetAlgebra,
                a_dead_dot_stays_dead DeadStaysDead,
                an_edit_is_the_merge_of_its_delta EditIsItsDelta,
                deltas_in_any_order_twice_and_grouped_are_the_full_state AnyOrder,
                lost_deltas_are_repaired LossIsRepaired,
                a_difference_is_complete_and_minimal Difference,
                an_edit_travels_on_every_path EveryPath,
                a_walk_never_hides_what_both_ends_show Walk,
                bytes_round_trip RoundTrip,
                a_view_is_a_function_of_its_entries View,
                fingerprints_tell_states_apart Fingerprint,
            }

            #[test]
            fn the_hard_cases_are_reached() -> Result<(), $crate::laws::Broken> {
                let coverage = $crate::laws::check_coverage::<$subject>()?;
                println!("{coverage}");
                Ok(())
            }
        }
    )+};
    (@tests $subject:ty, $($test:ident $law:ident,)+) => {$(
        #[test]
        fn $test() -> Result<(), $crate::laws::Broken> {
            $crate::laws::check::<$subject>($crate::laws::Law::$law).map(|_| ())
        }
    )+};
}
