//! Values against specifications that know neither dots nor deltas.

mod subjects;

use crdt_core::laws::{Broken, check_values};
use crdt_core::{GCounter, LwwMap, LwwRegister, OrMap, OrSet, PnCounter};
use subjects::Profile;

macro_rules! values {
    ($($name:ident: $subject:ty),+ $(,)?) => {$(
        #[test]
        fn $name() -> Result<(), Broken> {
            println!("{}", check_values::<$subject>()?);
            Ok(())
        }
    )+};
}

values! {
    a_grow_only_counter_is_the_sum_of_what_no_reset_saw: GCounter,
    a_counter_is_the_sum_of_what_no_reset_saw: PnCounter,
    a_register_shows_the_latest_of_the_writes_that_no_other_saw: LwwRegister<u8>,
    a_set_has_what_some_insertion_put_in_that_no_removal_saw: OrSet<u8>,
    a_map_shows_of_each_key_the_latest_of_the_writes_that_no_other_saw: LwwMap<u8, u8>,
    a_removed_set_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<u8, OrSet<u8>>,
    a_removed_counter_in_a_map_keeps_exactly_what_the_removal_had_not_seen: OrMap<u8, PnCounter>,
    a_removed_register_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<u8, LwwRegister<u8>>,
    a_removed_map_of_registers_keeps_what_the_removal_had_not_seen: OrMap<u8, LwwMap<u8, u8>>,
    maps_nest: OrMap<bool, OrMap<bool, PnCounter>>,
    a_struct_shows_what_its_fields_show: Profile,
    a_removed_struct_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<u8, Profile>,
    maps_of_maps_of_sets_nest: OrMap<bool, OrMap<bool, OrSet<u8>>>,
}
