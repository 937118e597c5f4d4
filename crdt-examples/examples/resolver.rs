//! Why a resolver of two versions makes replicas swap for ever, and why the same rule as a function
//! of siblings cannot.
//!
//! A rule that one often meets: "of two concurrent versions take the one that a user edited; where
//! that does not decide, take the other one". It is written as `resolve(local, remote)`, and each side
//! calls it with its own version first.
//!
//! `cargo run -p crdt-examples --example resolver`

use crdt_core::{Doc, Replica, Resolve, ResolvedRegister};
use serde::{Deserialize, Serialize};

/// A version of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Version {
    text: String,
    by_user: bool,
}

fn by_user(text: &str) -> Version {
    Version { text: text.to_owned(), by_user: true }
}

/// The rule, as it is often written.
fn resolve_pair(local: &Version, remote: &Version) -> Version {
    let keep = if local.by_user && !remote.by_user { local } else { remote };
    keep.clone()
}

/// The same rule, as a function of all versions of which none has seen another.
struct UserEdited;

impl Resolve<Version> for UserEdited {
    fn resolve(siblings: &[&Version]) -> Version {
        // The order is the same on every replica, so that "the last one" is the same version too.
        let decided = siblings.iter().rfind(|version| version.by_user).or(siblings.last());
        decided.map(|version| (*version).clone()).expect("a resolver gets two or more")
    }
}

/// Exchanges versions some times, all at once, and counts how often both sides then agree.
fn pairwise(rounds: usize) -> usize {
    let (mut tokyo, mut london) = (by_user("from Tokyo"), by_user("from London"));
    let mut agreed = 0;
    for _ in 0..rounds {
        (tokyo, london) = (resolve_pair(&tokyo, &london), resolve_pair(&london, &tokyo));
        agreed += usize::from(tokyo == london);
    }
    agreed
}

fn as_siblings() -> [Doc<ResolvedRegister<Version, UserEdited>>; 2] {
    let (mut tokyo, mut london) = (Replica::random(), Replica::random());
    let mut in_tokyo = Doc::<ResolvedRegister<Version, UserEdited>>::default();
    let mut in_london = in_tokyo.clone();
    let ours = in_tokyo.update(&mut tokyo, |title| title.set(by_user("from Tokyo")));
    let theirs = in_london.update(&mut london, |title| title.set(by_user("from London")));
    in_tokyo.merge(theirs);
    in_london.merge(ours);
    [in_tokyo, in_london]
}

fn main() {
    let agreed = pairwise(1_000);
    assert_eq!(agreed, 0, "each exchange swaps the two versions");
    println!("resolve(local, remote):  {agreed} of 1000 exchanges left both sides with the same text");

    let [in_tokyo, in_london] = as_siblings();
    assert_eq!(in_tokyo.get(), in_london.get());
    assert_eq!(in_tokyo.siblings().len(), 2);
    println!(
        "resolve(siblings):       both show {:?}, and both still hold",
        in_tokyo.get().map(|v| v.into_owned().text)
    );
    in_tokyo.siblings().for_each(|version| println!("                         {:?}", version.text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_over_pairs_never_agrees() {
        assert_eq!(pairwise(1_000), 0);
    }

    #[test]
    fn the_rule_over_siblings_agrees_and_keeps_both() {
        let [in_tokyo, in_london] = as_siblings();
        assert_eq!(in_tokyo.get(), in_london.get());
        assert_eq!((in_tokyo.siblings().len(), in_london.siblings().len()), (2, 2));
    }
}
