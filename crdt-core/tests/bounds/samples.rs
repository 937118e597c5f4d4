//! One entry of every type, and a visitor of them all.

use std::fmt::Debug;

use crdt_core::codec::Wire;
use crdt_core::{
    BoundedCounter, Crdt, Delta, Doc, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min,
    MvRegister, OrMap, OrSet, PnCounter, RankedRegister, Replica, ReplicaId, Resolve, ResolvedRegister,
    RwSet,
};

/// Something to ask of every type.
pub(crate) trait Visit {
    /// `one` has one entry, with the number 1.
    fn visit<T: Wire + Debug>(&mut self, name: &str, one: &Delta<T>);
}

/// The shortest siblings: none of them is looked at.
#[derive(Debug)]
pub(crate) struct Most;

impl Resolve<u8> for Most {
    fn resolve(siblings: &[&u8]) -> u8 {
        siblings.iter().copied().copied().max().unwrap_or_default()
    }
}

#[derive(Crdt, Debug)]
pub(crate) struct Shop {
    sold: PnCounter,
    carts: OrMap<String, OrSet<String>>,
    by_id: OrMap<u8, LwwMap<String, Vec<Vec<u8>>>>,
}

fn one<T: Crdt>(edit: impl FnOnce(T::Editor<'_>)) -> Delta<T> {
    Doc::<T>::default().update(&mut Replica::new(ReplicaId::from_u128(7)), edit)
}

fn text() -> String {
    "ab".to_owned()
}

/// Every public type, plain and nested.
pub(crate) fn each(visit: &mut impl Visit) {
    visit.visit::<GCounter>("GCounter", &one::<GCounter>(|e| e.add(300)));
    visit.visit::<PnCounter>("PnCounter", &one::<PnCounter>(|e| e.sub(300)));
    visit.visit::<BoundedCounter>("BoundedCounter", &one::<BoundedCounter>(|e| e.add(300)));
    visit.visit::<EwFlag>("EwFlag", &one::<EwFlag>(|e| e.enable()));
    visit.visit::<DwFlag>("DwFlag", &one::<DwFlag>(|e| e.enable()));
    visit.visit::<LwwRegister<String>>("LwwRegister", &one::<LwwRegister<String>>(|e| e.set(text())));
    visit.visit::<MvRegister<Vec<u16>>>("MvRegister", &one::<MvRegister<Vec<u16>>>(|e| e.set(vec![1, 300])));
    visit.visit::<RankedRegister<(u8, String)>>(
        "RankedRegister",
        &one::<RankedRegister<_>>(|e| e.set((1, text()))),
    );
    visit.visit::<ResolvedRegister<u8, Most>>(
        "ResolvedRegister",
        &one::<ResolvedRegister<_, Most>>(|e| e.set(7)),
    );
    visit.visit::<Max<u64>>("Max", &one::<Max<_>>(|e| _ = e.raise(70_000)));
    visit.visit::<Min<i64>>("Min", &one::<Min<_>>(|e| _ = e.lower(-70_000)));
    visit.visit::<OrSet<String>>("OrSet", &one::<OrSet<_>>(|e| e.insert(text())));
    visit.visit::<RwSet<u8>>("RwSet", &one::<RwSet<_>>(|e| e.insert(7)));
    visit.visit::<GSet<(u8, String)>>("GSet", &one::<GSet<_>>(|e| _ = e.insert((7, text()))));
    visit.visit::<LwwMap<String, f64>>("LwwMap", &one::<LwwMap<_, _>>(|e| e.insert(text(), 0.5)));
    visit.visit::<OrMap<u8, GCounter>>(
        "OrMap of GCounter",
        &one::<OrMap<_, GCounter>>(|e| e.entry(&7).add(1)),
    );
    visit.visit::<OrMap<u8, DwFlag>>("OrMap of DwFlag", &one::<OrMap<_, DwFlag>>(|e| e.entry(&7).enable()));
    let nested = one::<OrMap<String, OrMap<u8, MvRegister<String>>>>(|e| e.entry("ab").entry(&7).set(text()));
    visit.visit::<OrMap<String, OrMap<u8, MvRegister<String>>>>("OrMap of OrMap of MvRegister", &nested);
    let nested = one::<OrMap<String, OrSet<String>>>(|e| e.entry("ab").insert(text()));
    visit.visit::<OrMap<String, OrSet<String>>>("OrMap of OrSet", &nested);
    visit.visit::<Shop>("Shop", &one::<Shop>(|e| e.by_id.entry(&7).insert(text(), vec![vec![1], vec![]])));
    visit.visit::<OrMap<u8, Shop>>(
        "OrMap of Shop",
        &one::<OrMap<_, Shop>>(|e| e.entry(&7).carts.entry("ab").insert(text())),
    );
}
