//! A type that is written by hand around another one, and what its bytes ask of that.

use crdt_core::clock::Stamp;
use crdt_core::codec::{DecodeError, EncodeError, Limits, Reader, Wire, Writer};
use crdt_core::view::{At, LocalDot, Look, Tx};
use crdt_core::{Crdt, Delta, Doc, LwwRegister, OrMap, OrSet, Replica, ReplicaId};

/// The value of another type, with a field and a byte behind each entry.
#[derive(Default)]
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

#[derive(Crdt)]
struct Item {
    title: LwwRegister<String>,
    tags: OrSet<u8>,
}

#[derive(Crdt)]
struct Store {
    by_name: OrMap<String, Sealed<Item>>,
    first: Sealed<OrMap<String, Item>>,
}

fn comes_back<T: Wire>(edit: impl Fn(T::Editor<'_>, u8)) {
    let (mut me, mut doc) = (Replica::new(ReplicaId::from_u128(1)), Doc::<T>::default());
    for number in 1..=3 {
        let _ = doc.update(&mut me, |editor| edit(editor, number));
    }
    let delta = doc.to_delta();
    for bytes in [delta.encode(), delta.encode_compact(), doc.encode(), doc.encode_compact()] {
        let bytes = bytes.unwrap();
        for back in [
            Doc::<T>::decode(&bytes, &Limits::default()),
            Delta::decode(&bytes, &Limits::default()).map(Doc::from),
        ] {
            let back = back.unwrap_or_else(|error| panic!("version {}: {error}", bytes[0]));
            assert!(back == doc);
            assert_eq!(back.to_delta().encode().unwrap(), delta.encode().unwrap());
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
