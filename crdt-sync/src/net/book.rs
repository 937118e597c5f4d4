//! What is known of each peer, linked or not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::fault::LinkError;
use super::link::Link;
use super::world;
use crate::proto::PeerError;

/// Peers that are remembered though they are neither configured nor linked. The longest silent is
/// forgotten for a new one.
const REMEMBERED: usize = 1024;

/// How long a peer that flooded this node is not linked again.
const BANISHED: Duration = Duration::from_secs(10);

/// One line for each peer.
#[derive(Default)]
pub(super) struct Book {
    /// Where peers are to be found, by numbers that are not used again.
    seeds: BTreeMap<u64, Seed>,
    next_seed: u64,
    /// Who was met, by the name in the certificate.
    met: BTreeMap<String, Met>,
}

/// A place that this node dials.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    /// `host:port`.
    pub(super) host: String,
    /// Who must answer there, if that was configured.
    pub(super) expected: Option<String>,
    /// Who is there, as far as is known.
    pub(super) name: Option<String>,
    /// Since it was found there, it turned up at another place: addresses have changed hands.
    pub(super) doubtful: bool,
    pub(super) phase: Phase,
    pub(super) failure: Option<Failure>,
}

/// What dialling does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: there is a link, or there must be none.
    #[default]
    Idle,
    Dialling,
    /// It waits before the next attempt.
    Pausing,
    /// The address is this node's own.
    Own,
}

/// A peer that showed its certificate.
#[derive(Clone, Debug)]
pub(super) struct Met {
    /// Where it was last.
    pub(super) address: SocketAddr,
    /// How often a connection to it was kept.
    pub(super) made: u64,
    /// When something came from it on a connection that is gone.
    pub(super) heard: Option<Instant>,
    pub(super) failure: Option<Failure>,
    /// When this line was last changed.
    touched: Instant,
}

/// What went wrong last.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: LinkError,
    pub(super) at: Instant,
}

impl Failure {
    fn new(error: LinkError) -> Self {
        Self { error, at: world::instant() }
    }
}

impl Seed {
    pub(super) fn new(host: String, expected: Option<String>) -> Self {
        Self { host, name: expected.clone(), expected, doubtful: false, phase: Phase::Idle, failure: None }
    }

    /// Whether it could lead anywhere: an address with a port, or a name with one.
    pub(super) fn is_address(&self) -> bool {
        let is_name = |(host, port): (&str, &str)| {
            !host.is_empty()
                && !host.contains([':', '[', ']'])
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        };
        let address = self.host.parse::<SocketAddr>();
        address.map_or_else(|_| self.host.rsplit_once(':').is_some_and(is_name), |at| at.port() > 0)
    }
}

impl Book {
    /// A place to dial from now on, and its number; nothing if it is dialled already.
    pub(super) fn add(&mut self, new: Seed) -> Option<u64> {
        if self.seeds().any(|seed| (&seed.host, &seed.expected) == (&new.host, &new.expected)) {
            return None;
        }
        let number = self.next_seed;
        self.next_seed += 1;
        self.seeds.insert(number, new);
        Some(number)
    }

    /// Nothing is to be dialled there any more; returns whether it was.
    pub(super) fn remove(&mut self, host: &str) -> bool {
        let before = self.seeds.len();
        self.seeds.retain(|_, seed| seed.host != host);
        self.seeds.len() < before
    }

    pub(super) fn seeds(&self) -> impl Iterator<Item = &Seed> {
        self.seeds.values()
    }

    pub(super) fn seed(&self, seed: u64) -> Option<&Seed> {
        self.seeds.get(&seed)
    }

    pub(super) fn seed_mut(&mut self, seed: u64) -> Option<&mut Seed> {
        self.seeds.get_mut(&seed)
    }

    /// Somebody answered. Where it was found before, somebody else may be by now.
    pub(super) fn found(&mut self, seed: u64, name: &str) {
        let is_new = self.seeds.get(&seed).is_some_and(|seed| seed.name.as_deref() != Some(name));
        for (at, other) in &mut self.seeds {
            if *at == seed {
                (other.name, other.doubtful) = (Some(name.to_owned()), false);
            } else if other.name.as_deref() == Some(name) {
                other.doubtful |= is_new && other.expected.is_none();
            }
        }
    }

    /// An attempt to dial came to nothing. Returns where, if it is not why the one before did.
    pub(super) fn dial_failed(&mut self, seed: u64, error: LinkError) -> Option<&str> {
        let seed = self.seeds.get_mut(&seed)?;
        let is_news = seed.failure.as_ref().is_none_or(|before| before.error != error);
        seed.failure = Some(Failure::new(error));
        is_news.then_some(seed.host.as_str())
    }

    pub(super) fn met(&self) -> &BTreeMap<String, Met> {
        &self.met
    }

    /// Whether the peer flooded this node a moment ago.
    pub(super) fn is_banished(&self, name: &str) -> bool {
        let failure = self.met.get(name).and_then(|met| met.failure.as_ref());
        failure.is_some_and(|Failure { error, at }| {
            matches!(error, LinkError::Protocol(PeerError::Flood { .. })) && at.elapsed() < BANISHED
        })
    }

    /// The line of a peer, begun if there is none; `is_linked` tells whose line must stay.
    fn meet(&mut self, name: &str, address: SocketAddr, is_linked: impl Fn(&str) -> bool) -> &mut Met {
        if !self.met.contains_key(name) && self.met.len() >= REMEMBERED {
            let others = self.met.iter().filter(|(name, _)| !is_linked(name));
            let oldest = others.min_by_key(|(_, met)| met.touched).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.met.remove(&name));
        }
        let touched = world::instant();
        let new = Met { address, made: 0, heard: None, failure: None, touched };
        let met = self.met.entry(name.to_owned()).or_insert(new);
        met.touched = touched;
        met
    }

    /// A connection to the peer is kept.
    pub(super) fn linked(&mut self, name: &str, address: SocketAddr, is_linked: impl Fn(&str) -> bool) {
        let met = self.meet(name, address, is_linked);
        met.address = address;
        met.made += 1;
    }

    /// A connection to the peer is gone.
    pub(super) fn unlinked(&mut self, link: &Link) {
        if let Some(met) = self.met.get_mut(&link.name) {
            met.heard = Some(link.heard());
            met.touched = world::instant();
        }
    }

    /// A connection to the peer was lost or refused.
    pub(super) fn failed(
        &mut self,
        name: &str,
        address: SocketAddr,
        error: LinkError,
        is_linked: impl Fn(&str) -> bool,
    ) {
        self.meet(name, address, is_linked).failure = Some(Failure::new(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_dialled_has_a_host_and_a_port() {
        let is_address = |host: &str| Seed::new(host.to_owned(), None).is_address();
        for host in ["london.example:4433", "localhost:1", "10.0.0.1:65535", "[::1]:4433", "[fe80::1%2]:4433"]
        {
            assert!(is_address(host), "{host}");
        }
        for host in ["", ":4433", "london", "london:", "london:0", "london:65536", "10.0.0.1", "10.0.0.1:0"] {
            assert!(!is_address(host), "{host}");
        }
        for host in ["::1", "::1:4433", "[::1]", "[::1]:0", "[london]:1", "quic://london:4433"] {
            assert!(!is_address(host), "{host}");
        }
    }

    #[test]
    fn a_failure_is_news_until_it_is_known_and_again_when_it_is_another() {
        let mut book = Book::default();
        let seed = book.add(Seed::new("london:4433".to_owned(), None)).unwrap();
        let failed = |book: &mut Book, error| book.dial_failed(seed, error).map(str::to_owned);
        assert_eq!(failed(&mut book, LinkError::Timeout).as_deref(), Some("london:4433"));
        assert_eq!(failed(&mut book, LinkError::Timeout), None);
        assert!(failed(&mut book, LinkError::Unresolved).is_some());
        assert!(book.remove("london:4433"));
        assert_eq!(failed(&mut book, LinkError::Timeout), None, "nobody asks for it any more");
    }

    #[test]
    fn who_turns_up_elsewhere_leaves_a_doubt_and_who_has_two_addresses_does_not_for_long() {
        let mut book = Book::default();
        let mut add = |host: &str, expected: Option<&str>| {
            book.add(Seed::new(host.to_owned(), expected.map(str::to_owned))).unwrap()
        };
        let (one, other, _) = (add("one:1", None), add("other:1", None), add("third:1", Some("b")));
        let doubts = |book: &Book| book.seeds.values().map(|seed| seed.doubtful).collect::<Vec<_>>();
        book.found(one, "a");
        book.found(other, "b");
        assert_eq!(doubts(&book), [false; 3]);
        book.found(one, "b");
        assert_eq!(doubts(&book), [false, true, false], "who is expected stays so");
        book.found(other, "b");
        book.found(one, "b");
        assert_eq!(doubts(&book), [false; 3], "b is at both");
    }

    #[test]
    fn the_longest_silent_stranger_is_forgotten_for_a_new_one() {
        let (mut book, address) = (Book::default(), SocketAddr::from(([10, 0, 0, 1], 1)));
        let is_linked = |name: &str| name == "n0";
        for n in 0..REMEMBERED + 2 {
            book.failed(&format!("n{n}"), address, LinkError::Cut, is_linked);
        }
        assert_eq!(book.met().len(), REMEMBERED);
        assert!(book.met().contains_key("n0"), "it is linked");
        assert!(!book.met().contains_key("n1") && !book.met().contains_key("n2"));
        assert!(book.met().contains_key(&format!("n{}", REMEMBERED + 1)));
    }
}
