//! Bytes of structs, of maps in them, and of a type that is written by hand around others.

use std::fmt::Debug;

use crdt_core::clock::Stamp;
use crdt_core::codec::{DecodeError, EncodeError, Limits, Reader, Wire, Writer};
use crdt_core::view::{At, LocalDot, Look, Tx};
use crdt_core::{Crdt, Delta, Doc, LwwRegister, OrMap, OrSet, Replica, ReplicaId};

/// The value of another type, with a field and a byte behind each entry.
#[derive(Default, Debug)]
struct Sealed<V>(V);

impl<V: Crdt> Crdt for Sealed<V> {
    type Entry = V::Entry;
    type Slot = V::Slot;
    type Scratch = V::Scratch;
    type Editor<'a> = V::Editor<'a>;

    fn take_in(&mut self, at: &mut At<'_>, dot: LocalDot, entry: V::Entry) -> V::Slot {
        self.0.take_in(at, dot, entry)
    }

    fn take_out(&mut self, at: &mut At<'_>, dot: LocalDot, slot: V::Slot) {
        self.0.take_out(at, dot, slot);
    }

    fn entry_at(&self, at: Look<'_>, dot: LocalDot, slot: V::Slot) -> V::Entry {
        self.0.entry_at(at, dot, slot)
    }

    fn siblings(&self, dot: LocalDot, slot: V::Slot, each: &mut dyn FnMut(LocalDot)) {
        self.0.siblings(dot, slot, each);
    }

    fn is_bottom(&self) -> bool {
        self.0.is_bottom()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn stamp(entry: &V::Entry) -> Option<Stamp> {
        V::stamp(entry)
    }

    fn edit<'a>(base: Option<&'a Self>, scratch: &'a V::Scratch, tx: &'a Tx<'a>) -> V::Editor<'a> {
        V::edit(base.map(|base| &base.0), scratch, tx)
    }

    fn reads_empty(editor: &V::Editor<'_>) -> bool {
        V::reads_empty(editor)
    }

    fn drain(scratch: &mut V::Scratch, out: impl FnMut(u64, V::Entry)) {
        V::drain(scratch, out);
    }
}

impl<V: Wire> Wire for Sealed<V> {
    fn encode_entry(entry: &V::Entry, out: &mut Writer) -> Result<(), EncodeError> {
        V::encode_entry(entry, out)?;
        out.field(300, |out| out.value("sealed"))?;
        out.raw(&[0xee]);
        Ok(())
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<V::Entry, DecodeError> {
        let entry = V::decode_entry(input)?;
        let (tag, mut seal) = input.field()?;
        assert_eq!((tag, seal.value::<String>()?), (300, "sealed".to_owned()));
        assert_eq!(input.raw(1)?, [0xee]);
        Ok(entry)
    }
}

#[derive(Crdt, Debug)]
struct Item {
    title: LwwRegister<String>,
    tags: OrSet<u8>,
}

#[derive(Crdt, Debug)]
struct Store {
    by_name: OrMap<String, Sealed<Item>>,
    first: Sealed<OrMap<String, Item>>,
}

fn comes_back<T: Wire + Debug>(edit: impl Fn(T::Editor<'_>, u8)) {
    let (mut me, mut doc) = (Replica::new(ReplicaId::from_u128(1)), Doc::<T>::default());
    for number in 1..=3 {
        let _ = doc.update(&mut me, |editor| edit(editor, number));
    }
    let delta = doc.to_delta();
    for bytes in [delta.encode(), delta.encode_compact(), doc.encode(), doc.encode_compact()] {
        let bytes = bytes.expect("strings and numbers have bytes");
        let limits = Limits::default();
        let whole = Doc::<T>::decode(&bytes, &limits);
        let parts = Delta::decode(&bytes, &limits).map(Doc::from);
        for back in [whole, parts] {
            assert_eq!(back.as_ref(), Ok(&doc), "version {}", bytes[0]);
            assert_eq!(back.map(|back| back.to_delta().encode()), Ok(delta.encode()));
        }
    }
}

fn write(item: &ItemEditor<'_>, number: u8) {
    item.title.set(format!("title {number}"));
    item.tags.insert(number);
}

#[test]
fn what_stands_behind_the_entry_of_a_struct_is_read_in_every_version() {
    comes_back::<Sealed<Item>>(|item, number| write(&item, number));
    comes_back::<OrMap<String, Sealed<Item>>>(|items, number| write(&items.entry("a"), number));
    comes_back::<Sealed<OrMap<String, Item>>>(|items, number| write(&items.entry("a"), number));
    comes_back::<Store>(|store, number| {
        write(&store.by_name.entry("a"), number);
        write(&store.first.entry("a"), number);
    });
}

/// Two maps with the same keys, and a struct with a map in a struct.
#[derive(Crdt, Debug)]
struct Depot {
    shelves: OrMap<String, OrSet<u8>>,
    orders: OrMap<String, OrSet<u8>>,
    inner: Inner,
}

#[derive(Crdt, Debug)]
struct Inner {
    orders: OrMap<String, OrSet<u8>>,
}

/// What a build from before orders has.
#[derive(Crdt, Debug)]
struct OldDepot {
    shelves: OrMap<String, OrSet<u8>>,
}

#[test]
fn maps_of_several_fields_are_written_key_by_key_and_read_by_builds_that_know_fewer() {
    let (mut me, mut other) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
    let mut new = Doc::<Depot>::default();
    for element in 1..=3 {
        let _ = new.update(&mut me, |depot| {
            for map in [&depot.shelves, &depot.orders, &depot.inner.orders] {
                map.entry("a").insert(element);
                map.entry("b").insert(element + 10);
            }
        });
    }
    let bytes = new.encode().unwrap();
    assert_eq!(bytes[0], 3);
    let back = Doc::<Depot>::decode(&bytes, &Limits::default()).unwrap();
    assert_eq!((format!("{back:?}"), back.encode().unwrap()), (format!("{new:?}"), bytes.clone()));

    let mut old = Doc::<OldDepot>::decode(&bytes, &Limits::default()).unwrap();
    assert_eq!(old.fingerprint(), new.fingerprint());
    assert_eq!(old.shelves.get("a").unwrap().sorted(), [&1, &2, &3]);
    let removal = old.update(&mut other, |depot| depot.shelves.remove("a"));
    new.merge(Delta::decode(&removal.encode().unwrap(), &Limits::default()).unwrap());
    // What it does not know it writes dot by dot, for who knows it to read.
    let relayed = Doc::<Depot>::decode(&old.encode().unwrap(), &Limits::default()).unwrap();
    assert_eq!(relayed, new);
    for map in [&relayed.orders, &relayed.inner.orders] {
        assert_eq!(map.get("a").unwrap().sorted(), [&1, &2, &3]);
        assert_eq!(map.get("b").unwrap().sorted(), [&11, &12, &13]);
    }
    assert_eq!(relayed.encode().unwrap(), new.encode().unwrap());
}
