//! The top-level modules are rows, and a row uses only rows above it.
//!
//! The order is what keeps the merge ignorant of the types: `doc` cannot name a counter, so no
//! counter can need a special case in it. A cycle begins with one convenient `use`; this test reads
//! the tokens of the sources and fails on it. Comments, docs and test code may point anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The rows, top first. A new module takes the highest row that lies below all it uses.
const ROWS: &[&str] = &[
    "few", "dot", "clock", "replica", "id", "view", "doc", "counter", "register", "flag", "map", "set",
    "plain", "shown", "codec", "laws",
];

#[test]
fn every_module_has_a_row() {
    for file in rust_files(&source_dir()) {
        let Some(module) = module_path(&file).into_iter().next() else { continue };
        assert!(row(&module).is_some(), "`{module}` has no row: give it one in {}", file!());
    }
}

#[test]
fn a_row_uses_only_rows_above_it() {
    let root = root_names(tokens_of(&source_dir().join("lib.rs")));
    let mut upward = Vec::new();
    for file in rust_files(&source_dir()) {
        let path = module_path(&file);
        let Some(own) = path.first().filter(|_| !is_test_code(&path)) else { continue };
        for name in names_below_root(tokens_of(&file), path.len()) {
            let target = root.get(&name).unwrap_or(&name);
            let known = row(target).is_some() || root.contains_key(&name);
            assert!(known, "{}: `crate::{name}` is neither a row nor a name of lib.rs", file.display());
            if row(target) > row(own) {
                upward.push(format!("{}: `{own}` uses `{target}` (as `{name}`)", file.display()));
            }
        }
    }
    assert!(upward.is_empty(), "a row uses a row below it:\n{}", upward.join("\n"));
}

#[test]
fn the_crate_root_is_only_a_door() {
    let items = ["fn", "struct", "enum", "union", "trait", "impl", "const", "static", "macro_rules"];
    for token in tokens_of(&source_dir().join("lib.rs")) {
        let item = items.iter().find(|item| token.to_string() == **item);
        assert_eq!(item, None, "lib.rs is for docs, lints and re-exports: move this to a module");
    }
}

#[test]
fn the_scan_sees_every_spelling_of_a_path_to_the_root() {
    let source = "
        //! [`set`](crate::set)
        use crate::{codec::Wire, map};
        use super::super::laws::check;
        use super::sibling;
        fn f(a: crate::doc::Doc) -> &str { g!(crate::view::At::new()); \"crate::flag\" }
        mod inner { use super::super::super::counter as c; use super::super::near; }
        pub(crate) struct Seen;
        #[cfg(test)] mod tests { use crate::register; }
    ";
    let source = source.parse().expect("the sample is lexically Rust");
    let seen: Vec<_> = names_below_root(source, 2).into_iter().collect();
    assert_eq!(seen, ["codec", "counter", "doc", "laws", "map", "view"]);
}

#[test]
fn a_name_of_the_root_stands_for_the_module_it_comes_from() {
    let lib = "mod set; pub use set::{OrSet, grow::GSet as Grow}; pub use derive::Set; pub use set::Set;";
    let names = root_names(lib.parse().expect("the sample is lexically Rust"));
    let pairs: Vec<_> = names.iter().map(|(name, from)| (name.as_str(), from.as_str())).collect();
    assert_eq!(pairs, [("Grow", "set"), ("OrSet", "set"), ("Set", "set")]);
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| *row == module)
}

fn source_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("the source directory can be listed") {
        let path = entry.expect("a directory entry can be read").path();
        if path.is_dir() {
            files.append(&mut rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// `src/clock/mod.rs` is `[clock]`, `src/clock/hlc.rs` is `[clock, hlc]`, `src/lib.rs` is `[]`.
fn module_path(file: &Path) -> Vec<String> {
    let below = file.strip_prefix(source_dir()).expect("a source lies in the source directory");
    let below = below.with_extension("");
    let parts = below.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

fn is_test_code(path: &[String]) -> bool {
    path.iter().skip(1).any(|part| part == "tests")
}

fn tokens_of(file: &Path) -> TokenStream {
    let text = std::fs::read_to_string(file).expect("a source can be read");
    text.parse().expect("a source that compiles is lexically Rust")
}

/// The names that follow `crate::`, or as many `super::` as lead from `depth` modules down to the root.
fn names_below_root(tokens: TokenStream, depth: usize) -> BTreeSet<String> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut names = BTreeSet::new();
    let mut at = 0;
    while at < tokens.len() {
        let (before, rest) = tokens.split_at(at);
        let (mut steps, below_root) = root_prefix(rest, depth);
        if is_test_attribute(rest) {
            steps = item_len(rest);
        } else if let Some(path) = below_root {
            names.extend(heads(path));
        } else if let TokenTree::Group(group) = &rest[0] {
            let inner = depth + usize::from(is_module_body(before, group));
            names.append(&mut names_below_root(group.stream(), inner));
        }
        at += steps;
    }
    names
}

/// How many tokens to step over, at least one, and what follows the prefix if it leads to the root.
fn root_prefix(tokens: &[TokenTree], depth: usize) -> (usize, Option<&[TokenTree]>) {
    if starts_with_segment(tokens, "crate") {
        return (3, Some(&tokens[3..]));
    }
    let mut supers = 0;
    while starts_with_segment(&tokens[3 * supers..], "super") {
        supers += 1;
    }
    let leads_to_root = supers > 0 && supers == depth;
    ((3 * supers).max(1), leads_to_root.then(|| &tokens[3 * supers..]))
}

/// Whether the tokens begin with `segment::`, which takes three of them.
fn starts_with_segment(tokens: &[TokenTree], segment: &str) -> bool {
    matches!(tokens, [TokenTree::Ident(word), TokenTree::Punct(one), TokenTree::Punct(two), ..]
        if word == segment && one.as_char() == ':' && two.as_char() == ':')
}

/// The first name of a path, or of every path in a group.
fn heads(path: &[TokenTree]) -> Vec<String> {
    match path.first() {
        Some(TokenTree::Group(group)) => paths_in(group).iter().flat_map(|path| heads(path)).collect(),
        Some(head) => vec![head.to_string()],
        None => Vec::new(),
    }
}

/// The names that a `use` path ends in.
fn leaves(path: &[TokenTree]) -> Vec<String> {
    match path.last() {
        Some(TokenTree::Group(group)) => paths_in(group).iter().flat_map(|path| leaves(path)).collect(),
        Some(leaf) => vec![leaf.to_string()],
        None => Vec::new(),
    }
}

fn paths_in(group: &Group) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<_> = group.stream().into_iter().collect();
    tokens.split(|token| is_punct(token, ',')).map(<[_]>::to_vec).collect()
}

fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

fn is_module_body(before: &[TokenTree], group: &Group) -> bool {
    let named = matches!(before, [.., TokenTree::Ident(keyword), TokenTree::Ident(_)] if keyword == "mod");
    named && group.delimiter() == Delimiter::Brace
}

fn is_test_attribute(tokens: &[TokenTree]) -> bool {
    let [hash, TokenTree::Group(attribute), ..] = tokens else { return false };
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    is_punct(hash, '#') && (text == "cfg(test)" || text.starts_with("cfg(all(test,"))
}

/// The length of the item here: up to its semicolon or its body.
fn item_len(tokens: &[TokenTree]) -> usize {
    let ends = |token: &TokenTree| {
        is_punct(token, ';')
            || matches!(token, TokenTree::Group(body) if body.delimiter() == Delimiter::Brace)
    };
    tokens.iter().position(ends).map_or(tokens.len(), |end| end + 1)
}

/// For every name that the crate root re-exports, the module or crate that it comes from.
fn root_names(lib: TokenStream) -> BTreeMap<String, String> {
    let tokens: Vec<_> = lib.into_iter().collect();
    let mut names = BTreeMap::new();
    for statement in tokens.split(|token| is_punct(token, ';')) {
        let is_use = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "use");
        let Some(start) = statement.iter().position(is_use) else { continue };
        let path = &statement[start + 1..];
        let Some(from) = path.first().map(ToString::to_string) else { continue };
        for name in leaves(path) {
            // A derive macro may share the name of its trait: a module that uses the name means the trait.
            if row(&from).is_some() || !names.contains_key(&name) {
                names.insert(name, from.clone());
            }
        }
    }
    names
}
