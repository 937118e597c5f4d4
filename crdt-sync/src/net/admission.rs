//! Who may begin a handshake.
//!
//! A handshake costs signatures, so there are bounds: for each address, and for all. An address that
//! nobody has proved to be his own counts only up to half of a bound; beyond that, senders are asked
//! to prove it (a *retry*, one round trip and no cryptography). So whoever forges addresses cannot
//! keep out those who have them.
//!
//! A bound on how many there are is none on how many there are in a second. So a handshake that failed
//! keeps its place for a while, and an address that has such places, and no others left, gets no answer:
//! who is refused at once can come back at once, and who hears nothing waits.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Handshakes under way from all addresses together.
const ALL: usize = 256;

/// For how long a handshake that failed keeps its place.
pub(super) const COOLING: Duration = Duration::from_secs(1);

/// Counts the handshakes under way.
pub(super) struct Admission {
    per_address: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: BTreeMap<IpAddr, Taken>,
}

/// The places that an address takes.
#[derive(Clone, Copy, Default)]
struct Taken {
    all: usize,
    /// Of these, how many are only kept.
    failed: usize,
}

/// What becomes of somebody who knocks.
pub(super) enum Answer {
    /// The handshake begins.
    Shake(Shaking),
    /// He is to prove his address first.
    Validate,
    /// There are too many already.
    Refuse,
    /// There are too many already, and some came to nothing.
    Ignore,
}

/// A handshake under way, until this is dropped.
pub(super) struct Shaking {
    address: IpAddr,
    failed: bool,
    counts: Arc<Mutex<Counts>>,
}

impl Admission {
    /// At most so many handshakes at the same time from one address.
    pub(super) fn new(per_address: usize) -> Self {
        Self { per_address, counts: Arc::default() }
    }

    /// Decides, and counts the handshake if it may begin.
    pub(super) fn ask(&self, address: IpAddr, validated: bool) -> Answer {
        let address = network(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, here) = (counts.all, counts.by_address.get(&address).copied().unwrap_or_default());
        if here.all >= self.per_address && here.failed > 0 {
            return Answer::Ignore;
        }
        if !validated && (2 * all >= ALL || 2 * here.all >= self.per_address.max(2)) {
            return Answer::Validate;
        }
        if all >= ALL || here.all >= self.per_address {
            return Answer::Refuse;
        }
        counts.all += 1;
        counts.by_address.entry(address).or_default().all += 1;
        Answer::Shake(Shaking { address, failed: false, counts: self.counts.clone() })
    }
}

impl Shaking {
    /// It came to nothing. Its place is to be kept for [`COOLING`].
    pub(super) fn fail(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = counts.by_address.get_mut(&self.address)
            && !self.failed
        {
            taken.failed += 1;
            self.failed = true;
        }
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(taken) = counts.by_address.get_mut(&self.address) {
            taken.all -= 1;
            taken.failed -= usize::from(self.failed);
            if taken.all == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// Whom an address belongs to: with IPv6, a network of 64 bits is the least that one is given.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shake(admission: &Admission, address: &str, validated: bool) -> Option<Shaking> {
        match admission.ask(address.parse().unwrap(), validated) {
            Answer::Shake(shaking) => Some(shaking),
            Answer::Validate | Answer::Refuse | Answer::Ignore => None,
        }
    }

    #[test]
    fn forged_addresses_do_not_keep_out_who_has_them() {
        let admission = Admission::new(4);
        let forged: Vec<_> = (0..9).filter_map(|_| shake(&admission, "10.0.0.1", false)).collect();
        assert_eq!(forged.len(), 2);
        assert!(matches!(admission.ask("10.0.0.1".parse().unwrap(), false), Answer::Validate));
        let proved: Vec<_> = (0..9).filter_map(|_| shake(&admission, "10.0.0.1", true)).collect();
        assert_eq!(proved.len(), 2);
        assert!(matches!(admission.ask("10.0.0.1".parse().unwrap(), true), Answer::Refuse));
        assert!(shake(&admission, "10.0.0.2", false).is_some(), "others are not affected");
    }

    #[test]
    fn who_failed_at_all_places_hears_nothing_until_one_is_free() {
        let admission = Admission::new(2);
        let ask = |address: &str| admission.ask(address.parse().unwrap(), true);
        let mut one = shake(&admission, "10.0.0.1", true).unwrap();
        let two = shake(&admission, "10.0.0.1", true).unwrap();
        assert!(matches!(ask("10.0.0.1"), Answer::Refuse), "both are under way");
        one.fail();
        one.fail();
        assert!(matches!(ask("10.0.0.1"), Answer::Ignore));
        assert!(matches!(ask("10.0.0.2"), Answer::Shake(_)), "others are not affected");
        drop(two);
        let three = shake(&admission, "10.0.0.1", true).expect("a place is free");
        drop(one);
        let _four = shake(&admission, "10.0.0.1", true).expect("and another");
        assert!(matches!(ask("10.0.0.1"), Answer::Refuse), "what failed is over");
        drop(three);
    }

    #[test]
    fn all_addresses_together_have_a_bound() {
        let admission = Admission::new(4);
        let ask =
            |n: usize, validated| shake(&admission, &format!("10.0.{}.{}", n / 256, n % 256), validated);
        let unproved: Vec<_> = (0..1_000).filter_map(|n| ask(n, false)).collect();
        assert_eq!(unproved.len(), ALL / 2);
        let proved: Vec<_> = (1_000..2_000).filter_map(|n| ask(n, true)).collect();
        assert_eq!(proved.len(), ALL / 2);
        drop((unproved, proved));
        assert!(ask(0, false).is_some(), "handshakes that are over do not count");
        assert!(admission.counts.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let admission = Admission::new(2);
        let _one = shake(&admission, "2001:db8::1", true).unwrap();
        let _two = shake(&admission, "2001:db8::2", true).unwrap();
        assert!(shake(&admission, "2001:db8::3", true).is_none());
        assert!(shake(&admission, "2001:db8:0:1::3", true).is_some());
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
