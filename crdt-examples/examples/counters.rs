//! Votes counted in three regions: increments add up, whatever is lost, repeated or reordered.
//!
//! `cargo run -p crdt-examples --example counters`

use crdt_core::{Delta, Doc, OrMap, PnCounter, Replica};

type Votes = OrMap<String, PnCounter>;

/// A region: its votes, and its right to write.
struct Region {
    me: Replica,
    votes: Doc<Votes>,
}

impl Region {
    fn new() -> Self {
        Self { me: Replica::random(), votes: Doc::default() }
    }

    fn vote(&mut self, candidate: &str, votes: u64) -> Delta<Votes> {
        self.votes.update(&mut self.me, |all| all.entry(candidate).add(votes))
    }

    fn count(&self, candidate: &str) -> i128 {
        self.votes.get(candidate).map_or(0, PnCounter::value)
    }
}

fn main() {
    let (mut tokyo, mut london, mut sao_paulo) = (Region::new(), Region::new(), Region::new());

    // 10 and 5 at the same time are 15, where the last writer would have left 10 or 5.
    let ten = tokyo.vote("cats", 10);
    let five = london.vote("cats", 5);
    tokyo.votes.merge(five.clone());
    london.votes.merge(ten.clone());
    assert_eq!((tokyo.count("cats"), london.count("cats")), (15, 15));
    println!("10 and 5 at once:           {}", london.count("cats"));

    // Repeated, and in another order.
    for delta in [&five, &ten, &five] {
        sao_paulo.votes.merge(delta.clone());
    }
    assert_eq!(sao_paulo.count("cats"), 15);
    println!("in another order, doubled:  {}", sao_paulo.count("cats"));

    // Of ten deltas all but the last are lost. What is missing is asked for by digest.
    let deltas: Vec<_> = (0..10).map(|_| tokyo.vote("dogs", 1)).collect();
    london.votes.merge(deltas[9].clone());
    let rest = tokyo.votes.delta_since(&london.votes.digest());
    london.votes.merge(rest);
    assert_eq!(london.count("dogs"), 10);
    println!("nine of ten lost, asked:    {}", london.count("dogs"));

    // Taking a counter away takes what was seen of it. A concurrent vote stays, in full.
    let removal = london.votes.update(&mut london.me, |all| all.remove("cats"));
    let late = sao_paulo.vote("cats", 3);
    for region in [&mut tokyo, &mut london, &mut sao_paulo] {
        region.votes.merge(removal.clone());
        region.votes.merge(late.clone());
        assert_eq!(region.count("cats"), 3);
    }
    println!("15 removed, 3 meanwhile:    {}", tokyo.count("cats"));

    sao_paulo.votes.merge_from(&london.votes);
    assert_eq!(tokyo.votes.fingerprint(), london.votes.fingerprint());
    assert_eq!(tokyo.votes.fingerprint(), sao_paulo.votes.fingerprint());
}
