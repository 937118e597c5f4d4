//! The protocol reaches for nothing by itself, and its modules are rows that use only rows above.
//!
//! A use of the clock, a socket or a thread in `proto` would make a run depend on more than its seed
//! and its inputs. A cycle of modules begins with one convenient `use`. Comments may say what they
//! like, and so may test modules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rows of `proto`, top first.
const ROWS: &[&str] = &[
    "id",
    "time",
    "token",
    "error",
    "rights",
    "document",
    "config",
    "meter",
    "wire",
    "vector",
    "log",
    "relay",
    "frame",
    "compaction",
    "event",
    "status",
    "holdings",
    "peer",
    "persist",
    "saving",
    "exchange",
    "receiver",
    "donation",
    "state",
    "machine",
    "engine",
];

/// What makes a run depend on the machine it runs on.
const OUTSIDE: &[&str] = &[
    "tokio",
    "quinn",
    "std::net",
    "std::thread",
    "std::fs",
    "std::env",
    "Instant",
    "SystemTime",
    "SystemClock",
    "thread_rng",
    "rand::rng()",
    "rand::random(",
    "OsRng",
    "SysRng",
    "HashMap",
    "HashSet",
    "RandomState",
    "println!",
];

fn source_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the source directory can be listed");
    let paths = entries.map(|entry| entry.expect("a directory entry can be read").path());
    let mut files: Vec<PathBuf> = paths
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    files
}

/// A source without comments and without the test module at its end.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("a source can be read");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// `src/proto/log.rs` is `[log]`, `src/proto/frame/hello.rs` is `[frame, hello]`.
fn module_path(file: &Path) -> Vec<String> {
    let proto = source_dir().join("proto");
    let below = file.strip_prefix(proto).expect("a source of proto").with_extension("");
    let parts = below.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// The sources of `proto` that are not tests and not its door.
fn modules() -> Vec<(Vec<String>, String)> {
    let files = rust_files(&source_dir().join("proto"));
    let modules = files.iter().map(|file| (module_path(file), code(file)));
    modules.filter(|(path, _)| !path.is_empty() && path.last().is_some_and(|name| name != "tests")).collect()
}

/// The names that follow `prefix`, or stand in the braces that follow it.
fn names_after<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> + 'a {
    code.match_indices(prefix).flat_map(move |(at, _)| {
        let rest = &code[at + prefix.len()..];
        let list = rest.strip_prefix('{').map(|list| list.split('}').next().unwrap_or_default());
        let paths = list.unwrap_or(rest).split(',').take(if list.is_some() { usize::MAX } else { 1 });
        paths.map(|path| {
            let path = path.trim_start();
            let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
            &path[..end]
        })
    })
}

/// The modules of `proto` that a source names.
fn used(path: &[String], code: &str) -> BTreeSet<String> {
    let own = if path.len() == 1 { "super::" } else { "super::super::" };
    let names = names_after(code, own).chain(names_after(code, "crate::proto::"));
    names.filter(|name| ROWS.contains(name)).map(str::to_owned).collect()
}

fn row(module: &str) -> usize {
    let row = ROWS.iter().position(|row| *row == module);
    row.unwrap_or_else(|| unreachable!("`{module}` has no row: give it one in {}", file!()))
}

#[test]
fn a_row_of_the_protocol_uses_only_rows_above_it() {
    for (path, code) in modules() {
        let own = row(&path[0]);
        for name in used(&path, &code) {
            assert!(row(&name) <= own, "`{}` uses `{name}`, a row below it", path.join("::"));
        }
    }
}

#[test]
fn the_protocol_reaches_for_nothing_by_itself() {
    for (path, code) in modules() {
        for outside in OUTSIDE {
            assert!(!code.contains(outside), "`{}` mentions `{outside}`", path.join("::"));
        }
        for upward in ["crate::net", "crate::sim", "crate::store"] {
            assert!(!code.contains(upward), "`{}` uses `{upward}`", path.join("::"));
        }
    }
}

#[test]
fn the_core_does_not_know_of_this_crate() {
    let core = source_dir().join("../../crdt-core/src");
    for file in rust_files(&core) {
        assert!(!code(&file).contains("crdt_sync"), "{} uses crdt_sync", file.display());
    }
}

#[test]
fn the_driver_and_the_simulator_do_not_know_of_each_other() {
    for (own, other) in [("net", "crate::sim"), ("sim", "crate::net")] {
        let dir = source_dir().join(own);
        for file in rust_files(&dir) {
            assert!(!code(&file).contains(other), "{} uses {other}", file.display());
        }
    }
}

#[test]
fn the_crate_root_is_only_a_door() {
    let code = code(&source_dir().join("lib.rs"));
    // The README is compiled as a doctest through an item that exists for nothing else.
    let code = code.split("#[cfg(doctest)]").next().unwrap_or_default();
    for item in ["fn ", "struct ", "enum ", "impl ", "trait ", "const ", "static "] {
        assert!(!code.contains(item), "lib.rs is for docs, lints and re-exports: move `{item}` away");
    }
}

#[test]
fn the_scan_sees_every_spelling() {
    let path = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    let flat = used(&path(&["log"]), "use super::engine::Engine; use crate::proto::{state, frame::Frame};");
    assert_eq!(flat, BTreeSet::from(["engine", "state", "frame"].map(str::to_owned)));
    let deep = used(&path(&["frame", "hello"]), "use super::log::X; use super::super::peer::Peer;");
    assert_eq!(deep, BTreeSet::from(["peer".to_owned()]), "`super` is `frame` there");
}

/// The ways to fail that `FAILURES.md` has to list.
fn failures() -> impl Iterator<Item = u32> {
    (1..=31).chain([33, 34])
}

#[test]
fn every_way_to_fail_names_tests_that_exist() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(here.join("tests/FAILURES.md")).expect("the table is there");
    for number in failures() {
        let row = table.lines().find(|line| line.starts_with(&format!("| {number} |")));
        let tests = row.expect("a row for each").split('`').filter_map(|words| words.split_once(".rs::"));
        let mut named = 0;
        for (file, test) in tests {
            let text = std::fs::read_to_string(here.join(format!("{file}.rs"))).unwrap_or_default();
            let (before, _) = text.split_once(&format!("fn {test}()")).unwrap_or_default();
            let mut above =
                before.trim_end().lines().rev().map(str::trim).take_while(|line| !line.is_empty());
            let is_test = above.any(|line| line.starts_with("#[") && line.contains("test"));
            assert!(is_test, "{number}: there is no test {file}.rs::{test}");
            named += 1;
        }
        assert!(named > 0, "{number} names no test");
    }
}
