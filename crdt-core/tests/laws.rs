//! The laws of every type, one test each.

mod subjects;

use crdt_core::crdt_laws;
use crdt_core::{GCounter, LwwMap, LwwRegister, OrMap, OrSet, PnCounter};
use subjects::Profile;

crdt_laws! {
    g_counter: GCounter,
    pn_counter: PnCounter,
    lww_register: LwwRegister<u8>,
    or_set: OrSet<u8>,
    lww_map: LwwMap<u8, u8>,
    or_map_of_sets: OrMap<u8, OrSet<u8>>,
    or_map_of_counters: OrMap<u8, PnCounter>,
    or_map_of_registers: OrMap<u8, LwwRegister<u8>>,
    or_map_of_lww_maps: OrMap<u8, LwwMap<u8, u8>>,
    or_map_of_maps: OrMap<bool, OrMap<bool, GCounter>>,
    derived: Profile,
    or_map_of_derived: OrMap<u8, Profile>,
}
