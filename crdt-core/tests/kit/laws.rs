//! The laws of every type, one test each.

use crate::subjects::{Entangled, Profile};
use crdt_core::crdt_laws;
use crdt_core::{
    BoundedCounter, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister, OrMap, OrSet,
    PnCounter, RankedRegister, ResolvedRegister, RwSet,
};

crdt_laws! {
    g_counter: GCounter,
    pn_counter: PnCounter,
    lww_register: LwwRegister<u8>,
    mv_register: MvRegister<u8>,
    ranked_register: RankedRegister<(u8, bool)>,
    resolved_register: ResolvedRegister<u8, Entangled>,
    max: Max<u8>,
    min: Min<u8>,
    ew_flag: EwFlag,
    dw_flag: DwFlag,
    bounded_counter: BoundedCounter,
    g_set: GSet<u8>,
    rw_set: RwSet<u8>,
    or_set: OrSet<u8>,
    lww_map: LwwMap<u8, u8>,
    or_map_of_sets: OrMap<u8, OrSet<u8>>,
    or_map_of_counters: OrMap<u8, PnCounter>,
    or_map_of_flags: OrMap<u8, DwFlag>,
    or_map_of_registers: OrMap<u8, LwwRegister<u8>>,
    or_map_of_lww_maps: OrMap<u8, LwwMap<u8, u8>>,
    or_map_of_maps: OrMap<bool, OrMap<bool, GCounter>>,
    derived: Profile,
    or_map_of_derived: OrMap<u8, Profile>,
}
