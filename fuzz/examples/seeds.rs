//! Writes the seeds of the fuzz targets: `cargo run --example seeds`, in `fuzz/`.
//!
//! They are honest inputs, so that a short run begins where only a long one would get.

use std::fs;
use std::io::Result;
use std::path::Path;

use crdt_core::{BoundedCounter, Delta, Doc, OrSet, Replica, ReplicaId};
use crdt_fuzz::bytes::random;
use crdt_fuzz::decode::{self, Form, Visit};
use crdt_fuzz::history;
use crdt_fuzz::shapes::Shape;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    write(&root.join("decode"), decode_seeds())?;
    write(&root.join("operations"), programs(12, 240))?;
    write(&root.join("schedules"), programs(24, 200))
}

fn write(folder: &Path, seeds: Vec<(String, Vec<u8>)>) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, bytes) in seeds {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

/// Deltas of every type, two knobs ahead of each.
fn decode_seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for kind in 0..decode::KINDS {
        for (what, bytes) in decode::with_type(kind, Honest).into_iter().flatten() {
            seeds.push((format!("{kind:02}-{what}"), [&[kind, 0x50], &bytes[..]].concat()));
        }
    }
    seeds.push(("26-rights".into(), [&[decode::BOUNDED, 0], &rights()[..]].concat()));
    let contexts = history::doc::<OrSet<u8>>().context();
    let two = rmp_serde::to_vec(&(&contexts, &contexts)).expect("a set has bytes");
    seeds.push(("14-contexts".into(), [&[decode::CONTEXTS, 0], &two[..]].concat()));
    let one = rmp_serde::to_vec(&contexts).expect("a set has bytes");
    seeds.push(("15-walk".into(), [&[decode::WALK, 1], &one[..]].concat()));
    let digest = history::doc::<OrSet<u8>>().digest().encode();
    seeds.push(("27-digest".into(), [&[decode::DIGEST, 0], &digest[..]].concat()));
    seeds
}

/// What a writer makes of a counter, and gives away.
fn rights() -> Vec<u8> {
    let mut me = Replica::new(ReplicaId::from_u128(3));
    let mut doc = Doc::<BoundedCounter>::default();
    let made = doc.try_update(&mut me, |stock| {
        stock.add(10);
        stock.transfer(ReplicaId::from_u128(0x0eed), 3)?;
        stock.sub(2)
    });
    made.expect("there are rights").1.encode().expect("it has bytes")
}

/// Bytes in which every step and every edit occurs. Any bytes are a program.
fn programs(count: u64, len: usize) -> Vec<(String, Vec<u8>)> {
    (1..=count).map(|seed| (format!("{seed:02}"), random(seed, len))).collect()
}

struct Honest;

impl Visit for Honest {
    type Output = Vec<(&'static str, Vec<u8>)>;

    fn visit<T: Shape>(self, _form: Form) -> Self::Output {
        let mut me = Replica::new(ReplicaId::from_u128(3));
        let mut doc = Doc::<T>::default();
        let write = doc.update(&mut me, |editor| T::scribble(&editor, 3));
        let mut group = doc.update(&mut me, |editor| T::reset(&editor));
        group.merge(doc.update(&mut me, |editor| T::scribble(&editor, 6)));
        let known = history::doc::<T>();
        doc.merge_from(&known);
        let removal = doc.update(&mut me, |editor| T::reset(&editor));
        let bytes = |delta: Delta<T>| delta.encode().expect("it has bytes");
        let state = known.to_delta();
        let mut seeds = vec![
            ("write", bytes(write)),
            ("group", bytes(group)),
            ("compact", state.encode_compact().expect("it has bytes")),
            ("state", bytes(state)),
            ("removal", bytes(removal)),
        ];
        let document = known.encode().expect("it has bytes");
        // Version 3, which only documents have, and only where several entries have the same key.
        seeds.extend((document[0] == 3).then_some(("document", document)));
        seeds
    }
}
