//! Version 3 to the byte, what it refuses, and that order says nothing.

use proptest::prelude::*;

use crate::codec::{DecodeError, Group, Limits, Writer};
use crate::{Delta, Doc, OrMap, OrSet, Replica, ReplicaId};

type Carts = OrMap<String, OrSet<u8>>;

const ID: ReplicaId = ReplicaId::from_u128(0x0707_0707_0707_0707_0707_0707_0707_0707);

/// What one replica wrote under these keys, an element under each dot from 1 on.
fn carts(writes: &[(&str, u8)]) -> Doc<Carts> {
    let (mut me, mut doc) = (Replica::new(ID), Doc::<Carts>::default());
    for (key, element) in writes {
        let _ = doc.update(&mut me, |carts| carts.entry(*key).insert(*element));
    }
    doc
}

/// Version 3 of as many dots, from 1 on, with these bytes for entries.
fn grouped(live: u8, entries: &[&[u8]]) -> Vec<u8> {
    [&[3, 1][..], &[7; 16], &[1, 0, live - 1, 0], &entries.concat()].concat()
}

fn decode(bytes: &[u8]) -> Result<Doc<Carts>, DecodeError> {
    let doc = Doc::<Carts>::decode(bytes, &Limits::default());
    let delta = Delta::<Carts>::decode(bytes, &Limits::default());
    assert_eq!(delta.map(Doc::from), doc, "a delta and a document are read alike");
    doc
}

fn shown(doc: &Doc<Carts>) -> Vec<(String, Vec<u8>)> {
    let carts = doc.sorted().into_iter();
    carts.map(|(key, cart)| (key.clone(), cart.sorted().into_iter().copied().collect())).collect()
}

#[test]
fn what_is_under_a_key_is_written_together_to_the_byte() {
    let doc = carts(&[("a", 1), ("b", 2), ("a", 3)]);
    // Step, shared bytes twice and whether the lengths are one, the length unless they are, the rest.
    let expected = grouped(3, &[&[0, 0, 3, 0xa1, b'a', 1], &[2, 2 * 2 + 1, 3], &[0, 2 + 1, b'b', 2]]);
    assert_eq!(doc.encode().unwrap(), expected);
    assert_eq!(doc.encode_compact().unwrap(), expected);
    let back = decode(&expected).unwrap();
    assert_eq!(back, doc);
    assert_eq!(shown(&back), [("a".to_owned(), vec![1, 3]), ("b".to_owned(), vec![2])]);
    // Without two entries of a key it is as ever.
    assert_eq!(carts(&[("a", 1), ("b", 2)]).encode().unwrap()[0], 1);
    assert_eq!(carts(&[("a", 1), ("b", 2)]).encode_compact().unwrap()[0], 2);
}

#[test]
fn what_is_decoded_goes_on_as_it_would_have() {
    let doc = carts(&[("a", 1), ("b", 2), ("a", 3), ("b", 4), ("c", 5)]);
    let mut back = decode(&doc.encode().unwrap()).unwrap();
    assert_eq!((back.len(), back.live_len()), (3, 5));
    let _ = back.update(&mut Replica::new(ReplicaId::from_u128(8)), |carts| {
        carts.remove("b");
        carts.entry("a").remove(&1);
        carts.entry("c").insert(6);
    });
    assert_eq!(shown(&back), [("a".to_owned(), vec![3]), ("c".to_owned(), vec![5, 6])]);
}

#[test]
fn each_dot_has_one_entry() {
    const FIRST: &[u8] = &[0, 0, 3, 0xa1, b'a', 1];
    let again = |step: &[u8]| decode(&grouped(3, &[FIRST, step, &[5, 2], &[0, 5, 3]]));
    let refused = Err(DecodeError::Malformed { rule: "every dot has one entry" });
    assert!(again(&[0]).is_ok() && again(&[1]).is_ok() && again(&[2]).is_ok());
    assert_eq!(again(&[3]), refused, "beyond the last");
    assert_eq!(again(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), refused);
    let twice = grouped(3, &[&[2], &FIRST[1..], &[0, 5, 2], &[2, 5, 3]]);
    assert_eq!(decode(&twice), refused);
    let late = grouped(3, &[&[2], &FIRST[1..], &[0, 5, 2], &[0, 5, 3]]);
    assert_eq!(shown(&decode(&late).unwrap()), [("a".to_owned(), vec![1, 2, 3])]);
}

#[test]
fn what_ends_early_or_late_is_refused() {
    let bytes = carts(&[("a", 1), ("b", 2), ("a", 3)]).encode().unwrap();
    for len in 0..bytes.len() {
        assert_eq!(decode(&bytes[..len]), Err(DecodeError::Truncated), "cut to {len}");
    }
    let rule = "nothing follows the end";
    assert_eq!(decode(&[&bytes[..], &[0]].concat()), Err(DecodeError::Malformed { rule }));
    let longer = grouped(2, &[&[0, 0, 4, 0xa1, b'a', 1, 1], &[0, 9]]);
    assert_eq!(decode(&longer), Err(DecodeError::Malformed { rule }), "after an entry");
    // As many dots as there are bytes, and no room for more.
    let claim = [&[3, 1][..], &[7; 16], &[1, 0, 0x7f, 0]].concat();
    assert_eq!(decode(&claim), Err(DecodeError::Truncated));
    // An entry takes two bytes, so what claims more is refused before it is looked at, and room is made.
    assert_eq!(decode(&grouped(4, &[&[9; 7]])), Err(DecodeError::Truncated));
    let rule = "every dot has one entry";
    assert_eq!(decode(&grouped(4, &[&[9; 8]])), Err(DecodeError::Malformed { rule }));
}

#[test]
fn keys_in_full_count_against_the_limit() {
    let key = "k".repeat(50);
    let writes: Vec<_> = (0..100).map(|element| (key.as_str(), element)).collect();
    let bytes = carts(&writes).encode().unwrap();
    assert!(bytes.len() < 500, "{}", bytes.len());
    let of = |max_bytes| Doc::<Carts>::decode(&bytes, &Limits { max_bytes, ..Limits::default() });
    // A marker with a length, the key, the element.
    let in_full = 100 * (2 + 50 + 1);
    assert!(of(in_full).is_ok());
    assert_eq!(of(in_full - 1), Err(DecodeError::TooLarge { limit: "max_bytes" }));
}

/// A key of which only a part is shared is another key, also where it is longer than what can be shared.
#[test]
fn keys_that_begin_alike_stay_apart() {
    let long = |end: &str| format!("{}{end}", "x".repeat(70));
    let keys = [long("a"), long("b"), long("a"), "xx".to_owned(), "x".to_owned(), "xx".to_owned()];
    let writes: Vec<_> = keys.iter().map(String::as_str).zip(1..).collect();
    let back = decode(&carts(&writes).encode().unwrap()).unwrap();
    let expected = [("x", vec![5]), ("xx", vec![4, 6]), (&keys[0], vec![1, 3]), (&keys[1], vec![2])];
    assert_eq!(shown(&back), expected.map(|(key, cart)| (key.to_owned(), cart)));
}

#[test]
fn groups_of_different_fields_are_different() {
    let of =
        |slot, tags: &[u32]| tags.iter().try_fold(Group::of_key(slot), |group, tag| group.in_field(*tag));
    let ways: [&[u32]; 8] = [&[], &[1], &[2], &[1, 1], &[1, 2], &[2, 1], &[u32::MAX], &[u32::MAX, u32::MAX]];
    let groups: Vec<_> = ways.iter().flat_map(|tags| [of(1, tags), of(u32::MAX >> 1, tags)]).collect();
    assert!(groups.iter().all(Option::is_some));
    for (at, group) in groups.iter().enumerate() {
        assert!(!groups[..at].contains(group), "{group:?}");
    }
    assert_eq!(of(1, &[1, 1, 1]), None, "three structs deep they stay apart");
}

/// Writes entries in an order of theirs, by the specification and as simply as that goes.
fn by_hand(writes: &[(String, u8)], order: &[usize]) -> Vec<u8> {
    let (mut out, mut taken, mut before) = (Writer::default(), vec![], vec![]);
    for (place, &number) in order.iter().enumerate() {
        let least = (0..).find(|number| !taken.contains(number)).unwrap();
        let last = place.checked_sub(1).map(|place| order[place]);
        let same_key = |last: &usize| *last < number && writes[*last].0 == writes[number].0;
        let is_first = number == least && !last.as_ref().is_some_and(same_key);
        out.number(if is_first { 0 } else { (number - last.unwrap()) as u64 });
        taken.push(number);
        let (key, element) = &writes[number];
        let entry = [&[0xa0 + key.len() as u8], key.as_bytes(), &[*element]].concat();
        let shared = (0..=entry.len()).rfind(|&shared| before.starts_with(&entry[..shared])).unwrap();
        let is_as_long = entry.len() == before.len();
        out.number((shared * 2 + usize::from(is_as_long)) as u64);
        if !is_as_long {
            out.number((entry.len() - shared) as u64);
        }
        out.raw(&entry[shared..]);
        before = entry;
    }
    grouped(writes.len() as u8, &[&out.into_bytes()])
}

/// Orders that can be said: each is the least that is left, or behind the one before.
fn order(len: usize, choices: &[prop::sample::Index]) -> Vec<usize> {
    let mut order: Vec<usize> = vec![];
    for choice in choices.iter().take(len) {
        let left: Vec<usize> = (0..len).filter(|number| !order.contains(number)).collect();
        let last = order.last().copied();
        let can: Vec<usize> = left
            .iter()
            .copied()
            .filter(|number| *number == left[0] || last.is_some_and(|last| *number > last))
            .collect();
        order.push(*choice.get(&can));
    }
    order
}

proptest! {
    #[test]
    fn any_order_is_read_and_one_is_written(
        writes in prop::collection::vec(("[ab]{0,3}", 0u8..128), 1..20),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 20),
    ) {
        // An element that is added again takes the earlier dot out: each stands for itself here.
        let writes: Vec<_> = writes.into_iter().zip(0u8..).map(|((key, _), number)| (key, number)).collect();
        let by_dots: Vec<_> = writes.iter().map(|(key, element)| (key.as_str(), *element)).collect();
        let doc = carts(&by_dots);
        let back = decode(&by_hand(&writes, &order(writes.len(), &choices)))?;
        prop_assert_eq!(&back, &doc);
        prop_assert_eq!(shown(&back), shown(&doc));
        prop_assert_eq!(back.encode(), doc.encode(), "equal documents have equal bytes");
        // Keys by their first dots, and the dots of a key in their order.
        let first = |key: &str| writes.iter().position(|(other, _)| other == key);
        let mut own: Vec<usize> = (0..writes.len()).collect();
        own.sort_by_key(|&number| (first(&writes[number].0), number));
        let has_several = own.windows(2).any(|pair| writes[pair[0]].0 == writes[pair[1]].0);
        prop_assert_eq!(doc.encode()?[0], if has_several { 3 } else { 1 });
        if has_several {
            prop_assert_eq!(doc.encode()?, by_hand(&writes, &own));
        }
    }
}
