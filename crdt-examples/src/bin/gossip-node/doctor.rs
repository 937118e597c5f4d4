//! What the databases of two nodes disagree about.

use std::fmt::Write;
use std::path::Path;

use crdt_core::clock::CausalContext;
use crdt_core::{Dot, Holder};
use crdt_examples::shop::{Shop, place};
use crdt_sync::proto::{Config, Engine, Now};
use crdt_sync::store::{RedbStore, Store};

use crate::certificates::CLUSTER;

/// More than these are only counted.
const LISTED: usize = 100;

/// Compares two databases of nodes that do not run, and says in words what differs.
pub(crate) fn compare(one: &Path, other: &Path) -> Result<String, String> {
    let ((here, a), (there, b)) = (open(one)?, open(other)?);
    let mut said = String::new();
    for (engine, name) in [(&here, &a), (&there, &b)] {
        let (updates, entries) = (engine.vector().len(), engine.doc().live_len());
        line(
            &mut said,
            &format!("{name}: {updates} updates, {entries} entries, {:032x}", engine.fingerprint()),
        );
    }
    updates(&mut said, &here.vector().difference(there.vector()), &a);
    updates(&mut said, &there.vector().difference(here.vector()), &b);
    let found = here.doc().disagreements(there.doc());
    for it in found.iter().take(LISTED) {
        let (holder, other) = if it.holder == Holder::Here { (&a, &b) } else { (&b, &a) };
        let why = if it.seen_by_other { "has seen it replaced or removed" } else { "has not heard of it" };
        line(&mut said, &format!("{} ({}) is in {holder}; {other} {why}", place(&it.entry), name(it.dot)));
    }
    if found.len() > LISTED {
        line(&mut said, &format!("and {} more", found.len() - LISTED));
    }
    if found.is_empty() {
        line(&mut said, "Both show the same.");
    }
    Ok(said)
}

fn open(path: &Path) -> Result<(Engine<Shop>, String), String> {
    let wrong = |error: &dyn ToString| format!("{}: {}", path.display(), error.to_string());
    if !path.exists() {
        return Err(wrong(&"no such file"));
    }
    let mut store = RedbStore::open(path).map_err(|error| wrong(&error))?;
    let stored = store.load().map_err(|error| wrong(&error))?;
    // It only looks: nothing is written, and so no replica id is drawn.
    let engine = Engine::recover(Config::new(CLUSTER), [0; 32], Now::default(), &stored);
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok((engine.map_err(|error| wrong(&error))?, name))
}

/// The numbers of updates that one of them lacks.
fn updates(said: &mut String, updates: &CausalContext, holder: &str) {
    for (id, numbers) in updates.iter() {
        for (first, last) in numbers.iter() {
            let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
            line(
                said,
                &format!("update {}.{range} is in {holder} alone", short(&format!("{:032x}", id.as_u128()))),
            );
        }
    }
}

fn name(dot: Dot) -> String {
    format!("{}.{}", short(&format!("{:032x}", dot.replica.as_u128())), dot.seq)
}

/// Enough of an id to tell it from others.
fn short(id: &str) -> &str {
    &id[..8]
}

fn line(said: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(said, "{text}");
}
