//! Runs the cases of `conformance/*.json`, whose format `conformance/README.md` specifies.

mod run;
mod settle;
mod subject;

use crdt_core::{
    BoundedCounter, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister, OrMap, OrSet,
    PnCounter, RankedRegister, ResolvedRegister, RwSet,
};

use subject::{Profile, Sum};

/// The number of cases stands here too, so that none vanishes unseen.
macro_rules! files {
    ($($name:ident$(($file:literal))?: $type:ty, $count:literal;)*) => {$(
        #[test]
        fn $name() {
            let text = include_str!(concat!("../../conformance/", files!(@file $name $($file)?), ".json"));
            assert_eq!(run::file::<$type>(text), $count);
        }
    )*};
    (@file $name:ident $file:literal) => { $file };
    (@file $name:ident) => { stringify!($name) };
}

type Keyed<T> = OrMap<String, T>;

files! {
    g_counter: GCounter, 8;
    pn_counter: PnCounter, 13;
    bounded_counter: BoundedCounter, 11;
    ew_flag: EwFlag, 9;
    dw_flag: DwFlag, 9;
    lww_register: LwwRegister<String>, 12;
    mv_register: MvRegister<String>, 11;
    ranked_register: RankedRegister<(u64, String)>, 7;
    resolved_register: ResolvedRegister<u64, Sum>, 6;
    max: Max<u64>, 6;
    min: Min<u64>, 5;
    or_set: OrSet<String>, 24;
    rw_set: RwSet<String>, 10;
    g_set: GSet<String>, 2;
    lww_map: LwwMap<String, String>, 18;
    structs("struct"): Profile, 2;
    or_map_g_counter: Keyed<GCounter>, 3;
    or_map_pn_counter: Keyed<PnCounter>, 11;
    or_map_ew_flag: Keyed<EwFlag>, 2;
    or_map_dw_flag: Keyed<DwFlag>, 2;
    or_map_lww_register: Keyed<LwwRegister<String>>, 5;
    or_map_mv_register: Keyed<MvRegister<String>>, 4;
    or_map_ranked_register: Keyed<RankedRegister<(u64, String)>>, 1;
    or_map_max: Keyed<Max<u64>>, 2;
    or_map_or_set: Keyed<OrSet<String>>, 14;
    or_map_rw_set: Keyed<RwSet<String>>, 3;
    or_map_g_set: Keyed<GSet<String>>, 2;
    or_map_lww_map: Keyed<LwwMap<String, String>>, 3;
    or_map_struct: Keyed<Profile>, 4;
    or_map_or_map_mv_register: Keyed<Keyed<MvRegister<String>>>, 5;
    or_map_or_map_or_set: Keyed<Keyed<OrSet<String>>>, 3;
}
