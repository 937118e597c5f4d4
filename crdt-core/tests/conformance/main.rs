//! Runs the cases of `conformance/*.json`, whose format `conformance/README.md` specifies.

mod run;
mod subject;

use crdt_core::{
    BoundedCounter, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister, OrMap, OrSet,
    PnCounter, RankedRegister, RwSet,
};

/// The number of cases stands here too, so that none vanishes unseen.
macro_rules! files {
    ($($name:ident: $type:ty, $count:literal;)*) => {$(
        #[test]
        fn $name() {
            let text = include_str!(concat!("../../conformance/", stringify!($name), ".json"));
            assert_eq!(run::file::<$type>(text), $count);
        }
    )*};
}

files! {
    g_counter: GCounter, 2;
    pn_counter: PnCounter, 3;
    bounded_counter: BoundedCounter, 3;
    ew_flag: EwFlag, 3;
    dw_flag: DwFlag, 3;
    lww_register: LwwRegister<String>, 4;
    mv_register: MvRegister<String>, 3;
    ranked_register: RankedRegister<(u64, String)>, 3;
    max: Max<u64>, 3;
    min: Min<u64>, 2;
    or_set: OrSet<String>, 6;
    rw_set: RwSet<String>, 3;
    g_set: GSet<String>, 1;
    lww_map: LwwMap<String, String>, 3;
    or_map_or_set: OrMap<String, OrSet<String>>, 2;
    or_map_pn_counter: OrMap<String, PnCounter>, 2;
}
