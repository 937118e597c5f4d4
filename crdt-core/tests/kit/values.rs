//! Values against specifications that know neither dots nor deltas.

use crate::subjects::{Entangled, Profile};
use crdt_core::laws::{Broken, check_values};
use crdt_core::{
    BoundedCounter, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister, OrMap, OrSet,
    PnCounter, RankedRegister, ResolvedRegister, RwSet,
};

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
    a_multi_value_register_shows_the_writes_that_no_other_saw: MvRegister<u8>,
    a_ranked_register_shows_the_highest_of_the_writes_that_no_other_saw: RankedRegister<(u8, bool)>,
    a_resolved_register_shows_what_the_resolver_makes_of_the_writes_that_no_other_saw:
        ResolvedRegister<u8, Entangled>,
    a_maximum_is_the_largest_value_given: Max<u8>,
    a_minimum_is_the_smallest_value_given: Min<u8>,
    a_flag_is_enabled_if_some_enabling_was_seen_by_no_other_edit: EwFlag,
    a_flag_is_disabled_if_some_disabling_was_seen_by_no_other_edit: DwFlag,
    a_bounded_counter_is_the_sum_of_what_its_writers_held_rights_for: BoundedCounter,
    a_grow_only_set_has_whatever_was_inserted: GSet<u8>,
    a_remove_wins_set_has_what_no_unseen_removal_keeps_out: RwSet<u8>,
    a_removed_multi_value_register_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<u8, MvRegister<u8>>,
    a_removed_maximum_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<u8, Max<u8>>,
    a_removed_flag_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<u8, EwFlag>,
    a_removed_disable_wins_flag_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<u8, DwFlag>,
    a_removed_grow_only_set_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<bool, GSet<bool>>,
    a_removed_remove_wins_set_in_a_map_keeps_what_the_removal_had_not_seen: OrMap<bool, RwSet<bool>>,
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
