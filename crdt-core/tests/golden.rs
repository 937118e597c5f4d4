//! The bytes of every type, as they are for ever in versions 1 to 3 of the format.
//!
//! `golden.txt` has a line for each type, another under `-compact` for those with keys, and another under
//! `-grouped` for those with several entries to a key: the name, and the bytes of a small document that
//! two replicas have written, or of its delta where the document is grouped. What is there must be written
//! and read by every later build; a line changes only together with the version.

use std::fmt::Write;

use crdt_core::codec::{Limits, Wire};
use crdt_core::{
    BoundedCounter, Crdt, Doc, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister,
    OrMap, OrSet, PnCounter, RankedRegister, Replica, ReplicaId, RwSet,
};

const GOLDEN: &str = include_str!("golden.txt");

#[derive(Crdt)]
struct Shop {
    sold: PnCounter,
    #[crdt(tag = 9)]
    carts: OrMap<String, OrSet<u16>>,
}

/// Two replicas write at the same time, then each reads the other and writes again.
fn written<T: Crdt>(first: impl Fn(T::Editor<'_>, u8), second: impl Fn(T::Editor<'_>, u8)) -> Doc<T> {
    let mut a = Replica::new(ReplicaId::from_u128(0x0a));
    let mut b = Replica::new(ReplicaId::from_u128(0xb0 << 120));
    let (mut here, mut there) = (Doc::<T>::default(), Doc::<T>::default());
    let ours = here.update(&mut a, |editor| first(editor, 1));
    let theirs = there.update(&mut b, |editor| first(editor, 2));
    here.merge(theirs);
    there.merge(ours);
    let ours = here.update(&mut a, |editor| second(editor, 1));
    let theirs = there.update(&mut b, |editor| second(editor, 2));
    here.merge(theirs);
    there.merge(ours);
    assert!(here == there);
    here
}

fn check<T: Wire>(name: &str, doc: &Doc<T>) {
    check_bytes(name, doc, &doc.encode().expect("plain values have bytes"));
}

/// The same for a type whose entries begin alike: both versions.
fn check_both<T: Wire>(name: &str, doc: &Doc<T>) {
    check(name, doc);
    check_bytes(&format!("{name}-compact"), doc, &doc.encode_compact().expect("plain values have bytes"));
}

/// The same for a type with several entries to a key: all three.
fn check_all<T: Wire>(name: &str, doc: &Doc<T>) {
    let delta = doc.to_delta();
    check_bytes(name, doc, &delta.encode().expect("plain values have bytes"));
    check_bytes(&format!("{name}-compact"), doc, &delta.encode_compact().expect("plain values have bytes"));
    check(&format!("{name}-grouped"), doc);
}

fn check_bytes<T: Wire>(name: &str, doc: &Doc<T>, bytes: &[u8]) {
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all");
        hex
    });
    let golden = GOLDEN.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    assert_eq!(golden, Some(hex.as_str()), "{name}");
    let back = Doc::<T>::decode(bytes, &Limits::default()).expect("what was written is read");
    assert!(back == *doc, "{name}");
}

#[test]
fn counters() {
    check("GCounter", &written::<GCounter>(|c, n| c.add(n.into()), |c, _| c.add(300)));
    check("PnCounter", &written::<PnCounter>(|c, n| c.add(n.into()), |c, _| c.sub(u64::MAX)));
}

#[test]
fn bounded_counters() {
    let counter = written::<BoundedCounter>(
        |c, n| c.add(n.into()),
        |c, n| {
            c.sub(1).expect("each has added one or more");
            if n == 2 {
                c.transfer(ReplicaId::from_u128(0x0a), 1).expect("it has added two and used one");
            }
        },
    );
    check("BoundedCounter", &counter);
}

#[test]
fn flags() {
    let ew = written::<EwFlag>(|f, _| f.enable(), |f, n| if n == 1 { f.disable() } else { f.enable() });
    check("EwFlag", &ew);
    let dw = written::<DwFlag>(|f, _| f.enable(), |f, n| if n == 1 { f.disable() } else { f.enable() });
    check("DwFlag", &dw);
}

#[test]
fn registers() {
    let register = written::<LwwRegister<String>>(
        |r, n| r.set(format!("first {n}")),
        |r, n| {
            if n == 2 {
                r.set("second".to_owned());
            }
        },
    );
    check("LwwRegister", &register);
    check(
        "MvRegister",
        &written::<MvRegister<f64>>(
            |r, n| r.set(n.into()),
            |r, n| {
                if n == 1 {
                    r.set(1.5)
                }
            },
        ),
    );
    check("RankedRegister", &written::<RankedRegister<(u8, u8)>>(|r, n| r.set((n, 0)), |_, _| ()));
    check("Max", &written::<Max<u32>>(|m, n| _ = m.raise(n.into()), |m, n| _ = m.raise(u32::from(n) * 300)));
    check(
        "Min",
        &written::<Min<i8>>(|m, _| _ = m.lower(-1), |m, n| _ = m.lower(if n == 1 { -11 } else { -12 })),
    );
}

#[test]
fn sets() {
    let set = written::<OrSet<String>>(
        |s, n| {
            s.insert(format!("of {n}"));
            s.insert("both".to_owned());
        },
        |s, n| {
            s.remove("both");
            if n == 1 {
                s.insert("late".to_owned());
            }
        },
    );
    check_both("OrSet", &set);
    check("GSet", &written::<GSet<u8>>(|s, n| _ = s.insert(n), |s, _| _ = s.insert(9)));
    let set = written::<RwSet<u8>>(
        |s, n| {
            s.insert(n);
            s.insert(7);
        },
        |s, n| {
            if n == 1 {
                s.remove(&7);
            }
        },
    );
    check("RwSet", &set);
}

#[test]
fn maps() {
    let map = written::<LwwMap<u8, String>>(
        |m, n| {
            m.insert(n, "own".to_owned());
            m.insert(7, format!("shared {n}"));
        },
        |m, n| {
            m.remove(&n);
        },
    );
    check_both("LwwMap", &map);
    let map = written::<OrMap<String, PnCounter>>(
        |m, n| {
            m.entry("stock").add(n.into());
            m.entry("gone").add(1);
        },
        |m, n| {
            if n == 1 {
                m.remove("gone");
            } else {
                m.entry("gone").sub(5);
            }
        },
    );
    check_all("OrMap", &map);
}

#[test]
fn derived_structs() {
    let shop = written::<Shop>(
        |shop, n| {
            shop.sold.add(n.into());
            shop.carts.entry("alice").insert(n.into());
        },
        |shop, n| {
            if n == 1 {
                shop.carts.remove("alice");
            }
        },
    );
    check_both("Shop", &shop);
    let shops = written::<OrMap<String, Shop>>(
        |shops, n| {
            shops.entry("tokyo").carts.entry("alice").insert(n.into());
            shops.entry("oslo").sold.add(n.into());
        },
        |shops, n| shops.entry("tokyo").sold.add(n.into()),
    );
    check_all("Shops", &shops);
}

#[test]
fn every_line_is_checked() {
    let names: Vec<&str> = GOLDEN.lines().filter_map(|line| line.split(' ').next()).collect();
    let types = "GCounter PnCounter BoundedCounter EwFlag DwFlag LwwRegister MvRegister RankedRegister Max Min \
                 OrSet OrSet-compact GSet RwSet LwwMap LwwMap-compact OrMap OrMap-compact OrMap-grouped Shop \
                 Shop-compact Shops Shops-compact Shops-grouped";
    assert_eq!(names, types.split_whitespace().collect::<Vec<_>>());
}
