//! The format to the byte, and what it refuses.

use proptest::prelude::*;

use super::{DecodeError, Limits, Reader, Writer};
use crate::{Delta, Digest, Doc, LwwMap, OrMap, OrSet, PnCounter, Replica, ReplicaId};

type Carts = OrMap<String, OrSet<String>>;

fn decode(bytes: &[u8]) -> Result<Delta<OrSet<String>>, DecodeError> {
    Delta::decode(bytes, &Limits::default())
}

fn one_add() -> Vec<u8> {
    let mut me = Replica::new(ReplicaId::from_u128(0x0102));
    let mut set = Doc::<OrSet<String>>::default();
    let _ = set.update(&mut me, |set| set.insert("gone".to_owned()));
    let delta = set.update(&mut me, |set| {
        set.remove("gone");
        set.insert("ab".to_owned());
    });
    delta.encode().unwrap()
}

#[test]
fn an_addition_and_a_removal_to_the_byte() {
    let mut expected = vec![1, 1];
    expected.extend(0x0102u128.to_be_bytes());
    expected.extend([1, 1, 0]); // one live run: one number before it, one number long
    expected.extend([1, 0, 0]); // one run that is gone: number 1
    expected.extend([0xa2, b'a', b'b']);
    assert_eq!(one_add(), expected);
}

#[test]
fn a_digest_to_the_byte() {
    let here: Doc<OrSet<String>> = decode(&one_add()).unwrap().into();
    let bytes = here.digest().encode();
    let dots = one_add().len() - 3;
    assert_eq!((bytes[0], &bytes[1..]), (0xd1, &one_add()[1..dots]), "a delta without its entry");
    for end in 0..bytes.len() {
        assert!(Digest::decode(&bytes[..end], &Limits::default()).is_err());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(Digest::decode(&longer, &Limits::default()).is_err());
    // Where nothing is live, one would pass for the other.
    let removed = Doc::<OrSet<String>>::default().digest().encode();
    assert_eq!(decode(&removed), Err(DecodeError::Version { found: 0xd1 }));
    assert_eq!(Digest::decode(&one_add(), &Limits::default()), Err(DecodeError::Version { found: 1 }));
}

/// Over several blocks of dots, of two replicas, with runs that begin and end at their edges.
#[test]
fn a_digest_comes_back_and_asks_for_what_is_missing() {
    let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
    let mut here = Doc::<OrSet<u64>>::default();
    let _ = here.update(&mut a, |set| set.extend(0..1_000));
    let lost = here.update(&mut b, |set| set.extend(1_000..1_700));
    let mut there = here.clone();
    let gone = |n: &u64| n % 7 == 3 || (254..258).contains(n) || (500..800).contains(n);
    let _ = here.update(&mut a, |set| set.retain(|n| !gone(n)));
    for doc in [&here, &there, &lost.into(), &Doc::default()] {
        assert_eq!(Digest::decode(&doc.digest().encode(), &Limits::default()), Ok(doc.digest()));
    }
    let question = Digest::decode(&there.digest().encode(), &Limits::default()).unwrap();
    there.merge(here.delta_since(&question));
    assert_eq!(there, here);
}

#[test]
fn a_digest_says_no_more_is_live_than_the_limits_allow() {
    let of = |live: u64| {
        let mut out = Writer::default();
        out.raw(&[0xd1, 1]);
        out.raw(&[7; 16]);
        [1u64, 0, live - 1, 0].into_iter().for_each(|number| out.number(number));
        Digest::decode(&out.into_bytes(), &Limits { max_entries: 1000, ..Limits::default() })
    };
    assert!(of(1000).is_ok());
    for live in [1001, 1 << 61] {
        assert_eq!(of(live), Err(DecodeError::TooLarge { limit: "max_entries" }));
    }
}

/// Version 2 of what one replica wrote, its live dots numbered from 1 on, with these bytes for entries.
fn compact(live: u8, entries: &[&[u8]]) -> Vec<u8> {
    [&[2, 1][..], &[7; 16], &[1, 0, live - 1, 0], &entries.concat()].concat()
}

#[test]
fn entries_that_begin_alike_to_the_byte() {
    let mut me = Replica::new(ReplicaId::from_u128(0x0707_0707_0707_0707_0707_0707_0707_0707));
    let elements = ["user:12", "user:13", "user:13", "user", "", "x"];
    let mut set = Doc::<OrSet<String>>::default();
    let delta = set.update(&mut me, |set| {
        elements.iter().take(2).for_each(|element| set.insert((*element).to_owned()));
    });
    let expected = compact(2, &[&[0, 8, 0xa7], b"user:12", &[7 * 2 + 1], b"3"]);
    assert_eq!(delta.encode_compact().unwrap(), expected);

    // Equal ones, one that begins differently since its length is another, an empty one.
    let alike: &[&[u8]] = &[&[8 * 2 + 1], &[0, 5, 0xa4], b"user", &[0, 1, 0xa0], &[0, 2, 0xa1], b"x"];
    let bytes = [&compact(6, &[&[0, 8, 0xa7], b"user:12", &[7 * 2 + 1], b"3"])[..], &alike.concat()].concat();
    let delta = decode(&bytes).unwrap();
    let back: Vec<&str> = delta.entries().iter().map(|(_, element)| element.as_str()).collect();
    assert_eq!(back, elements);
    assert_eq!(delta.encode_compact().unwrap(), bytes);
}

#[test]
fn what_an_entry_may_not_take_over_is_refused() {
    let refused = |second: &[u8]| decode(&compact(2, &[&[0, 3, 0xa2], b"ab", second]));
    let malformed = |rule| Err(DecodeError::Malformed { rule });
    let shares = malformed("an entry shares what the one before it has");
    assert_eq!(refused(&[4 * 2]), shares, "more than there is");
    assert_eq!(refused(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), shares);
    let most = malformed("an entry shares as much as it can");
    assert_eq!(refused(&[2 * 2 + 1, b'b']), most);
    assert_eq!(refused(&[1, 0xa2, b'x', b'y']), most);
    assert_eq!(refused(&[2 * 2, 1, b'x']), malformed("a length is said where it is another"));
    assert_eq!(refused(&[3 * 2 + 1, 0]), malformed("nothing follows the end"));
    assert_eq!(refused(&[0, 2, 0xa0, 0]), malformed("nothing follows the end"), "after an entry");
    assert_eq!(refused(&[0, 1, 0xa1]), Err(DecodeError::Truncated), "an entry does not go on in the next");
    assert!(refused(&[2 * 2 + 1, b'c']).is_ok());
}

#[test]
fn what_is_taken_over_is_bounded() {
    // A long entry, then a thousand that repeat it for a byte each: what they can repeat ends at 63.
    let long = [&[0, 102, 0xd9, 100][..], &[b'x'; 100]].concat();
    let bomb = [&compact(2, &[])[..20], &[0x86, 8, 0], &long, &[102 * 2 + 1; 1_000][..]].concat();
    assert!(matches!(decode(&bomb), Err(DecodeError::Malformed { .. })));
    let mut me = Replica::new(ReplicaId::from_u128(1));
    let mut set = Doc::<OrSet<String>>::default();
    let delta =
        set.update(&mut me, |set| (10..99).for_each(|n| set.insert(format!("{}{n}", "x".repeat(100)))));
    let (plain, compact) = (delta.encode().unwrap(), delta.encode_compact().unwrap());
    assert_eq!(plain.len() - compact.len(), 88 * 62 - 2, "all but the first save 63 bytes for one");
    assert_eq!(decode(&compact).unwrap(), delta);
}

#[test]
fn every_truncation_is_refused() {
    let two = compact(2, &[&[0, 3, 0xa2], b"ab", &[2 * 2 + 1, b'c']]);
    for bytes in [one_add(), two] {
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len]), Err(DecodeError::Truncated), "cut to {len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(decode(&longer), Err(DecodeError::Malformed { .. })));
    }
}

#[test]
fn another_version_is_refused_before_anything_is_read() {
    assert_eq!(decode(&[4]), Err(DecodeError::Version { found: 4 }));
    assert_eq!(decode(&[0]), Err(DecodeError::Version { found: 0 }));
    assert_eq!(decode(&[]), Err(DecodeError::Truncated));
}

#[test]
fn what_breaks_the_canonical_form_is_refused() {
    let id = |n: u128| n.to_be_bytes().to_vec();
    let envelope = |ids: &[u128], rest: &[u8]| {
        let ids: Vec<u8> = ids.iter().flat_map(|&n| id(n)).collect();
        let count = u8::try_from(ids.len() / 16).unwrap();
        decode(&[&[1, count][..], &ids, rest].concat())
    };
    let malformed = |rule| Err(DecodeError::Malformed { rule });
    assert_eq!(envelope(&[2, 1], &[0, 1, 0, 0, 0, 1, 0, 0]), malformed("ids ascend"));
    assert_eq!(envelope(&[1, 1], &[0, 1, 0, 0, 0, 1, 0, 0]), malformed("ids ascend"));
    assert_eq!(envelope(&[1], &[0, 0]), malformed("every id has a dot"));
    assert_eq!(envelope(&[1], &[1, 0, 0, 1, 0, 0, 0xa0]), malformed("a dot is live or gone"));
    assert_eq!(envelope(&[1], &[0, 1, 0x80, 0, 0]), malformed("a number is in its shortest form"));
    let huge = [0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(envelope(&[1], &huge), malformed("numbers of dots end at 2^62"));
}

#[test]
fn claims_of_size_allocate_nothing() {
    // A hundred million live dots in 30 bytes, and a string of four gigabytes.
    let claim = |rest: &[u8]| decode(&[&[1, 1][..], &[7; 16], rest].concat());
    assert_eq!(
        claim(&[1, 0, 0xff, 0xc1, 0xd7, 0x2f, 0, 0xa1]),
        Err(DecodeError::TooLarge { limit: "max_entries" })
    );
    assert_eq!(claim(&[1, 0, 0xff, 0x7f, 0, 0xa1]), Err(DecodeError::Truncated));
    assert_eq!(claim(&[1, 0, 0, 0, 0xdb, 0xff, 0xff, 0xff, 0xff]), Err(DecodeError::Truncated));
    assert_eq!(decode(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(DecodeError::Truncated));
}

#[test]
fn a_context_of_everything_costs_its_bytes() {
    let mut delta = vec![1, 1];
    delta.extend([9; 16]);
    delta.extend([0, 1, 0]);
    let mut length = Writer::default();
    length.number((1u64 << 62) - 1);
    delta.extend(length.into_bytes());
    let mut doc = Doc::<OrSet<String>>::default();
    doc.merge(decode(&delta).unwrap());
    assert_eq!(doc.context().len(), 1 << 62);
    assert_eq!(doc.encode().unwrap(), delta);
}

#[test]
fn nesting_is_bounded_before_it_is_followed() {
    let mut deep = vec![1, 1];
    deep.extend([7; 16]);
    deep.extend([1, 0, 0, 0]);
    deep.extend([0x91; 100_000]);
    let refused = Delta::<OrSet<Vec<u8>>>::decode(&deep, &Limits::default());
    assert_eq!(refused, Err(DecodeError::TooLarge { limit: "max_depth" }));
}

#[test]
fn a_value_of_another_type_is_refused() {
    let mut me = Replica::new(ReplicaId::from_u128(1));
    let delta = Doc::<OrSet<u32>>::default().update(&mut me, |set| set.insert(7));
    assert!(matches!(decode(&delta.encode().unwrap()), Err(DecodeError::Value { .. })));
}

#[test]
fn serde_goes_through_the_same_validator() {
    let mut me = Replica::new(ReplicaId::from_u128(1));
    let mut doc = Doc::<LwwMap<String, f64>>::default();
    let _ = doc.update(&mut me, |map| map.insert("pi".to_owned(), 3.25));
    let packed = rmp_serde::to_vec(&doc).unwrap();
    let back: Doc<LwwMap<String, f64>> = rmp_serde::from_slice(&packed).unwrap();
    assert_eq!(back.get("pi"), Some(&3.25));
    // Formats without bytes give a sequence of numbers.
    let whole = rmp_serde::to_vec(&doc.encode().unwrap()).unwrap();
    assert_eq!(rmp_serde::from_slice::<Doc<LwwMap<String, f64>>>(&whole).unwrap(), doc);
    let torn = rmp_serde::to_vec(&doc.encode().unwrap()[..9]).unwrap();
    assert!(rmp_serde::from_slice::<Doc<LwwMap<String, f64>>>(&torn).is_err());
}

#[test]
fn a_nested_document_comes_back() {
    let mut me = Replica::new(ReplicaId::from_u128(3));
    let mut doc = Doc::<Carts>::default();
    let _ = doc.update(&mut me, |carts| {
        carts.entry("alice").insert("apple".to_owned());
        carts.entry("bob").insert("pear".to_owned());
    });
    let _ = doc.update(&mut me, |carts| carts.remove("bob"));
    let back = Doc::<Carts>::decode(&doc.encode().unwrap(), &Limits::default()).unwrap();
    assert_eq!(back, doc);
    assert!(back.get("alice").is_some_and(|cart| cart.contains("apple")) && back.len() == 1);
    assert_eq!(back.fingerprint(), doc.fingerprint());
}

#[test]
fn a_counter_of_the_widest_amounts_comes_back() {
    let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
    let mut here = Doc::<PnCounter>::default();
    let mut there = Doc::<PnCounter>::default();
    let _ = here.update(&mut a, |counter| counter.add(u64::MAX));
    let _ = there.update(&mut b, |counter| counter.add(u64::MAX));
    here.merge(Delta::decode(&there.encode().unwrap(), &Limits::default()).unwrap());
    assert_eq!(here.value(), 2 * i128::from(u64::MAX));
}

proptest! {
    #[test]
    fn numbers_round_trip_in_their_shortest_form(number: u128, small: u64) {
        for number in [number, small.into(), u128::from(small) & 0xff] {
            let mut out = Writer::default();
            out.number(number);
            let bytes = out.into_bytes();
            prop_assert_eq!(bytes.len() as u32, (128 - number.leading_zeros()).div_ceil(7).max(1));
            let mut input = Reader::new(&bytes, &Limits::TRUSTED);
            prop_assert_eq!(input.wide(), Ok(number));
            prop_assert!(input.is_empty());
        }
    }

    /// The way that most numbers take is that of a wide one.
    #[test]
    fn a_number_reads_as_a_wide_one_does(
        more in prop::collection::vec(prop_oneof![Just(0x80), Just(0xff), 0x80u8..], 0..12),
        rest in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..3),
    ) {
        let bytes = [more, rest].concat();
        let [mut short, mut wide] = [(); 2].map(|()| Reader::new(&bytes, &Limits::TRUSTED));
        let expected = wide.wide();
        match expected.clone().map(u64::try_from) {
            Ok(Ok(number)) => {
                prop_assert_eq!(short.number(), Ok(number));
                prop_assert_eq!(short.rest(), wide.rest());
            }
            Ok(Err(_)) => prop_assert!(short.number().is_err()),
            Err(error) => prop_assert_eq!(short.number(), Err(error)),
        }
    }

    /// The way that short texts take reads what `rmp_serde` reads, and no more.
    #[test]
    fn a_text_reads_as_any_value_does(
        marker in prop_oneof![0x9eu8..0xc1, Just(0xd9)],
        rest in prop::collection::vec(prop_oneof![Just(b'a'), Just(0xc3), Just(0xa9), any::<u8>()], 0..34),
    ) {
        let bytes = [&[marker][..], &rest].concat();
        let mut input = Reader::new(&bytes, &Limits::TRUSTED);
        let read = input.value::<String>();
        let mut rest = &bytes[..];
        let expected = rmp_serde::from_read::<_, String>(&mut rest);
        prop_assert_eq!(read.as_ref().ok(), expected.as_ref().ok());
        if read.is_ok() {
            prop_assert_eq!(input.rest(), rest);
        }
    }

    #[test]
    fn any_bytes_decode_to_their_only_form_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(delta) = Delta::<OrSet<bool>>::decode(&bytes, &Limits::default()) {
            match bytes[0] {
                1 => prop_assert_eq!(delta.encode().unwrap(), bytes),
                2 => prop_assert_eq!(delta.encode_compact().unwrap(), bytes),
                _ => prop_assert_eq!(Doc::decode(&bytes, &Limits::default()), Ok(delta.into())),
            }
        }
    }

    #[test]
    fn entries_of_a_replica_have_one_compact_form(
        count in 1u8..5,
        entries in prop::collection::vec(prop_oneof![0u8..12, 0xa0u8..0xa4, Just(b'a')], 0..16),
    ) {
        let bytes = compact(count, &[&entries]);
        if let Ok(delta) = decode(&bytes) {
            prop_assert_eq!(delta.encode_compact().unwrap(), bytes);
        }
    }

    #[test]
    fn compact_bytes_say_what_plain_ones_say(elements in prop::collection::vec("[ab]{0,70}", 0..20)) {
        let mut me = Replica::new(ReplicaId::from_u128(1));
        let mut set = Doc::<OrSet<String>>::default();
        let delta = set.update(&mut me, |set| elements.iter().for_each(|element| set.insert(element.clone())));
        let back = decode(&delta.encode_compact().unwrap()).unwrap();
        prop_assert_eq!(back.entries(), delta.entries());
        prop_assert_eq!(back.dead(), delta.dead());
    }

    #[test]
    fn flipped_bytes_never_panic(at in 0usize..27, to: u8) {
        let mut bytes = one_add();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(delta) = decode(&bytes) {
            let mut doc = Doc::<OrSet<String>>::default();
            doc.merge(delta.clone());
            prop_assert_eq!(doc.live_len(), delta.entries().len());
        }
    }
}

#[test]
fn what_entries_share_counts_against_the_limit_as_if_each_were_in_full() {
    let (mut me, mut set) = (Replica::new(ReplicaId::from_u128(7)), Doc::<OrSet<String>>::default());
    let keys = (100..200).map(|n| format!("{}{n}", "a".repeat(57)));
    let delta = set.update(&mut me, |set| set.extend(keys));
    let bytes = delta.encode_compact().unwrap();
    let in_full = 100 * (2 + 60);
    assert!(bytes.len() < 1_000);

    let decode = |max_bytes| Delta::decode(&bytes, &Limits { max_bytes, ..Limits::default() });
    assert_eq!(decode(in_full), Ok(delta));
    let refused = DecodeError::TooLarge { limit: "max_bytes" };
    assert_eq!(decode(in_full - 1), Err(refused));
}
