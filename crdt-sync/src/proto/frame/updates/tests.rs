//! Golden bytes of updates, that any come back, and what is refused.

use std::time::Duration;

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::proto::frame::{Kind, is_told_by_short, open};

type Read = Vec<(Dot, Vec<u8>)>;

const ID_1: &str = "00000000000000000000000000000001";
const ID_2: &str = "00000000000000000000000000000002";

fn id(id: u128) -> ReplicaId {
    ReplicaId::from_u128(id)
}

fn ids(ids: &[u128]) -> CausalContext {
    ids.iter().map(|value| Dot::new(id(*value), 1)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of an update of these dots of its origin alone.
fn own(origin: u128, rest: &[u8]) -> Vec<u8> {
    [&[1, 1], &id(origin).as_bytes()[..], rest].concat()
}

fn update(id: u128, seq: u64, bytes: &[u8]) -> Update<'_> {
    Update {
        number: Dot::new(ReplicaId::from_u128(id), seq),
        group: None,
        bytes,
        at: Duration::ZERO,
        own: true,
    }
}

fn frame(batch: &[(Dot, Vec<u8>)], is_told: bool) -> Vec<u8> {
    let mut writer = UpdatesWriter::new();
    for (number, bytes) in batch {
        let update = Update { number: *number, group: None, bytes, at: Duration::ZERO, own: true };
        assert!(writer.push(&update, usize::MAX, |_| is_told));
    }
    writer.finish()
}

fn lone(id: u128, seq: u64, bytes: &[u8]) -> Vec<u8> {
    frame(&[(Dot::new(ReplicaId::from_u128(id), seq), bytes.to_vec())], false)
}

/// What comes of a frame where these ids are known, and whether a name could not be resolved.
fn read_among(ids: &CausalContext, bytes: &[u8], config: &Config) -> Result<(Read, bool), PeerError> {
    let (kind, from) = open(bytes, config)?;
    assert_eq!(kind, Kind::Updates);
    let (mut updates, mut read) = (Updates::new(from, config), Read::new());
    while let Some(update) = updates.next(ids) {
        let (number, packed) = update?;
        let mut bytes = b"anything".to_vec();
        packed.unpack(&mut bytes);
        read.push((number, bytes));
    }
    Ok((read, updates.is_unresolved()))
}

fn read(bytes: &[u8]) -> Result<Read, PeerError> {
    let (read, unresolved) = read_among(&CausalContext::default(), bytes, &Config::new("c"))?;
    assert!(!unresolved);
    Ok(read)
}

#[test]
fn the_bytes_of_updates_stay_as_they_are() {
    let (removal, ninth) = (own(2, b"d"), own(2, &[1, 8, 0, 0, b'e']));
    let (tenth, third) = (own(2, &[1, 9, 0, 0, b'f', b'f']), own(1, &[1, 2, 0, 0, b'g']));
    let batch = [
        (update(1, 1, b"a"), format!("81{ID_1}000161")),
        (update(2, 200, b"bc"), format!("01{ID_2}8e03026263")),
        (update(1, 2, b""), "310000".into()),
        (update(2, 199, &removal), "45030164".into()),
        (update(2, 200, &ninth), "2d00fd020165".into()),
        (update(2, 201, &tenth), "046666".into()),
        (update(1, 3, &third), "3b0067".into()),
    ];
    let mut writer = UpdatesWriter::new();
    assert!(batch.iter().all(|(update, _)| writer.push(update, usize::MAX, |_| false)));
    assert_eq!(writer.count(), 7);
    let bytes = writer.finish();
    assert_eq!(hex(&bytes), batch.each_ref().map(|(_, hex)| &hex[..]).concat());
    let sent = batch.map(|(update, _)| (update.number, update.bytes.to_vec()));
    assert_eq!(read(&bytes), Ok(sent.into()));
}

#[test]
fn an_update_alone_says_no_length_and_an_id_that_is_known_two_bytes() {
    const WRITER: u128 = 0xabcd << 112 | 5;
    let entry = b"\xabuser:000123";
    let bytes = own(WRITER, &[&[1, 0xa0, 0x8d, 0x06, 0, 0], &entry[..]].concat());
    let update = [(Dot::new(id(WRITER), 100_001), bytes)];
    let (cold, warm) = (frame(&update, false), frame(&update, true));
    assert_eq!(hex(&warm), format!("9babcdc09a0c{}", hex(entry)));
    assert_eq!((warm.len(), cold.len()), (18, 32));
    assert_eq!(read(&cold), Ok(update.to_vec()));
    let known = read_among(&ids(&[WRITER, 7]), &warm, &Config::new("c"));
    assert_eq!(known, Ok((update.to_vec(), false)));
}

#[test]
fn a_short_name_of_no_id_or_of_several_ends_a_frame() {
    const LEAST: u128 = 0xabcd << 112;
    const ONE: u128 = LEAST | 5;
    const LIKE: u128 = LEAST | u128::MAX >> 16;
    const MOST: u128 = 0xabce << 112;
    let before = (Dot::new(id(3), 1), b"before".to_vec());
    let mut writer = UpdatesWriter::new();
    writer.push(&update(3, 1, b"before"), usize::MAX, |_| false);
    writer.push(&update(ONE, 9, b"meant"), usize::MAX, |_| true);
    writer.push(&update(3, 2, b"after"), usize::MAX, |_| false);
    let frame = writer.finish();
    let read = |known: &[u128]| read_among(&ids(known), &frame, &Config::new("c"));
    for unsure in [&[][..], &[3, MOST], &[LIKE, ONE], &[ONE, LEAST]] {
        assert_eq!(read(unsure), Ok((vec![before.clone()], true)), "{unsure:x?}");
    }
    let (all, unresolved) = read(&[3, MOST, ONE]).expect("a frame of ours");
    assert_eq!((all.len(), unresolved), (3, false));
    assert_eq!(all[1], (Dot::new(id(ONE), 9), b"meant".to_vec()));
    // Only what was said to be there is named so, and only while nothing else known is like it.
    let told = |theirs: &[u128], ours: &[u128]| is_told_by_short(id(ONE), &ids(theirs), &ids(ours));
    assert!(told(&[3, ONE, MOST], &[ONE, 4]));
    assert!(!told(&[3], &[ONE]) && !told(&[ONE, LIKE], &[ONE]) && !told(&[ONE], &[LEAST, ONE]));
}

/// Bytes of all kinds, many of them almost those of an addition.
fn some_bytes(origin: u128, next: u64, rng: &mut ChaCha12Rng) -> Vec<u8> {
    let before = [next, next, next, 0, 1, 127, 128, 1 << 62, u64::MAX][rng.random_range(0..9)];
    let mut number = Writer::default();
    number.number(before);
    let mut bytes = own(origin, &[&[1], &number.finish()[..], &[0, 0], b"entry"].concat());
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..8) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << rng.random_range(0..8),
        2 => bytes.insert(at, 0),
        3 => bytes = (0..rng.random_range(0..40)).map(|_| rng.random_range(0..3)).collect(),
        _ => bytes.resize(rng.random_range(20..300), 7),
    }
    bytes
}

#[test]
fn whatever_is_sent_comes_back_and_has_no_second_form() {
    const ORIGINS: [u128; 12] = [
        3 << 112,
        1,
        1 << 112,
        2 << 112,
        2,
        4 << 112,
        5 << 112,
        6 << 112,
        7 << 112,
        8 << 112,
        9 << 112,
        u128::MAX,
    ];
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let (config, mut resolved, mut other_forms) = (Config::new("c"), 0, 0);
    for _ in 0..2_000 {
        let known = rng.random_range(1..=ORIGINS.len());
        let mut seqs = [0; ORIGINS.len()];
        let mut at = 0;
        let batch: Read = (0..rng.random_range(1..30))
            .map(|_| {
                at = if rng.random_bool(0.6) { at } else { rng.random_range(0..known) };
                let jump = [1, 1, 1, 1, 2, 1 << 40][rng.random_range(0..6)];
                seqs[at] = (seqs[at] + jump) % (Dot::MAX_SEQ + 1);
                let seq: u64 = seqs[at].max(1);
                (Dot::new(id(ORIGINS[at]), seq), some_bytes(ORIGINS[at], seq - 1, &mut rng))
            })
            .collect();
        let cold = frame(&batch, false);
        assert_eq!(read(&cold), Ok(batch.clone()));
        let warm = frame(&batch, true);
        let (came, unresolved) = read_among(&ids(&ORIGINS), &warm, &config).expect("a frame of ours");
        assert_eq!(came, batch[..came.len()], "what is resolved is what was meant");
        let alike = batch.iter().position(|(number, _)| number.replica.as_u128() < 1 << 112);
        assert_eq!((came.len(), unresolved), (alike.unwrap_or(batch.len()), alike.is_some()));
        resolved += came.len();
        let mut changed = cold;
        let byte = rng.random_range(0..changed.len());
        changed[byte] ^= 1 << rng.random_range(0..8);
        if changed[0] & UPDATES != 0
            && let Ok((other, false)) = read_among(&CausalContext::default(), &changed, &config)
        {
            other_forms += 1;
            assert_eq!(frame(&other, false), changed, "one meaning, one form");
        }
    }
    assert!(resolved > 5_000 && other_forms > 500, "{resolved} {other_forms}");
}

#[test]
fn what_most_updates_begin_with_is_left_out_and_comes_back() {
    let begun = |ids: u8, of: u128| [&[1, ids], &id(of).as_bytes()[..], b"rest"].concat();
    let cases = [
        (begun(1, 1), 4, "its own id"),
        (begun(1, 2), 22, "the id of another"),
        (begun(2, 1), 22, "two ids"),
        (begun(1, 1)[..17].to_vec(), 17, "no whole id"),
        (own(1, &[1, 0, 0, 0]), 0, "an addition, of nothing"),
        (own(1, &[1, 0, 0, 0, 9]), 1, "an addition"),
        (own(1, &[1, 0x80, 1, 0, 0, 9]), 3, "an addition with another dot than expected"),
        (own(1, &[1, 0x80, 0, 0, 0, 9]), 6, "a number that is longer than it has to be"),
        (own(1, &[1, 0, 1, 0, 9]), 5, "two dots"),
        (own(1, &[1, 0, 0, 1, 9]), 5, "a dot that is gone"),
        (own(1, &[2, 0, 0, 0, 9]), 5, "two runs"),
        (own(1, &[1, 0, 0]), 3, "no whole addition"),
    ];
    for (bytes, len, what) in cases {
        let frame = lone(1, 1, &bytes);
        assert_eq!(frame.len(), 1 + 16 + 1 + len, "{what}");
        assert_eq!(read(&frame), Ok(vec![(Dot::new(id(1), 1), bytes)]), "{what}");
    }
}

#[test]
fn an_addition_that_follows_takes_one_byte() {
    let addition = |dot: u8| own(1, &[1, dot - 1, 0, 0, b'e']);
    let removal = own(1, b"r");
    let lens = |batch: &[(u64, &[u8])]| {
        let batch: Read = batch.iter().map(|(seq, bytes)| (Dot::new(id(1), *seq), bytes.to_vec())).collect();
        assert_eq!(read(&frame(&batch, false)), Ok(batch.clone()));
        // A last one that is the same everywhere.
        let len =
            |count: usize| frame(&[&batch[..count], &[(Dot::new(id(9), 1), vec![])]].concat(), false).len();
        (1..=batch.len()).map(|count| len(count) - len(count - 1)).collect::<Vec<_>>()
    };
    let (first, second, third) = (addition(7), addition(8), addition(9));
    let expected = lens(&[(3, &first), (4, &second), (5, &removal), (6, &third)]);
    assert_eq!(expected[1..], [2, 4, 2]);
    let gap = lens(&[(3, &first), (5, &second), (6, &addition(20))]);
    assert_eq!(gap[1..], [4, 5], "another number or dot than the next is said");
}

#[test]
fn a_batch_keeps_to_its_budget_but_for_its_first_update() {
    let told = |_| false;
    let mut writer = UpdatesWriter::new();
    assert!(writer.push(&update(1, 1, &[0; 100]), 10, told));
    assert!(!writer.push(&update(1, 2, b""), 10, told));
    assert_eq!(writer.count(), 1);
    let taken = writer.finish();
    assert_eq!(read(&taken).map(|read| read.len()), Ok(1), "what was too much left no trace");
    for budget in 24..200 {
        let mut writer = UpdatesWriter::new();
        let mut seq = 0..;
        while seq.next().is_some_and(|seq| writer.push(&update(1, seq + 1, b"xyz"), budget, told)) {}
        let len = writer.finish().len();
        assert!(len <= budget && len + 7 > budget, "{len} of {budget}");
    }
}

#[test]
fn one_frame_holds_a_limited_number_of_updates_and_origins() {
    let mut writer = UpdatesWriter::new();
    let mut push = |id, seq| writer.push(&update(id, seq, b""), usize::MAX, |_| false);
    assert_eq!((0u128..).take_while(|id| push(*id, 1)).count(), 256);
    assert!(!push(1, 2));
    let bytes = writer.finish();
    assert_eq!(read(&bytes).map(|updates| updates.len()), Ok(256));
    // The last one gets a length, of nothing.
    let mut longer = bytes;
    let last = longer.len() - 18;
    longer[last] &= !LAST;
    longer.push(0);
    assert_eq!(read(&[&longer[..], &[0x33, 0]].concat()).map(|updates| updates.len()), Ok(257));
    let one_more = [&longer[..], &[3], &[0xff; 16], &[0]].concat();
    assert_eq!(read(&one_more), Err(FrameError::Order.into()));
}

#[test]
fn malformed_updates_are_refused() {
    let id: &[u8] = &[1; 16];
    let begun: &[&[u8]] = &[&[0x81], id, &[0, 1, b'a']];
    let adding: &[&[u8]] = &[&[0x89], id, &[0, 1, b'a']];
    let frame = |parts: &[&[&[u8]]]| parts.concat().concat();
    let cases: [(&str, Vec<u8>, FrameError); 17] = [
        ("an even head, and nothing before it", vec![0x80], FrameError::Number),
        ("the same as nothing", vec![0xa3, 0], FrameError::Number),
        ("the first of none", vec![0xb3, 0], FrameError::Number),
        ("number zero", frame(&[&[&[0x83], id, &[1]]]), FrameError::Number),
        ("no such place", frame(&[begun, &[&[0x43, 0]]]), FrameError::Number),
        ("an id twice", frame(&[begun, &[&[3], id, &[2]]]), FrameError::Order),
        ("half an id", frame(&[&[&[0x83], &id[1..]]]), FrameError::Truncated),
        ("no bytes", frame(&[&[&[0x81], id, &[0, 5]]]), FrameError::Truncated),
        ("no bytes behind an even head", frame(&[adding, &[&[4, b'b']]]), FrameError::Truncated),
        ("the last one, and not said to be", frame(&[begun]), FrameError::Value),
        ("the place of the one before", frame(&[begun, &[&[0x33, 0]]]), FrameError::Value),
        ("as expected, and said", frame(&[adding, &[&[0x2b, 0, b'b']]]), FrameError::Value),
        ("the dot expected, and said", frame(&[&[&[0x8f], id, &[0, 0]]]), FrameError::Value),
        ("a short form said in full", frame(&[&[&[0x83], id, &[0, 1, 1], id]]), FrameError::Value),
        ("an addition said in full", frame(&[&[&[0x87], id, &[0, 1, 0, 0, 0]]]), FrameError::Value),
        ("a number that is too long", frame(&[begun, &[&[0xa3, 0x80, 0]]]), FrameError::Number),
        ("a name that is no place", frame(&[begun, &[&[0xb1; 9], &[1]]]), FrameError::Number),
    ];
    for (what, bytes, reason) in cases {
        assert_eq!(read(&bytes), Err(reason.into()), "{what}: {bytes:x?}");
    }
    // What these are refused for is all that is wrong with them.
    assert!(read(&frame(&[begun, &[&[0x23, 0]]])).is_ok());
    assert!(read(&frame(&[adding, &[&[2, b'b']]])).is_ok());
    assert!(read(&frame(&[adding, &[&[0x2b, 2, b'b']]])).is_ok());
}

#[test]
fn no_number_is_beyond_the_last() {
    let number = |seq| (Dot::new(id(1), seq), own(1, &[1, 5, 0, 0, b'e']));
    let last = frame(&[number(Dot::MAX_SEQ)], false);
    assert!(read(&last).is_ok());
    let (beyond, next) = (frame(&[number(Dot::MAX_SEQ + 1)], false), number(Dot::MAX_SEQ + 1));
    assert_eq!(read(&beyond), Err(FrameError::Number.into()));
    let next = frame(&[number(Dot::MAX_SEQ), (next.0, own(1, &[1, 6, 0, 0, b'e']))], false);
    assert_eq!(read(&next), Err(FrameError::Number.into()), "by an even head");
}

#[test]
fn an_update_over_the_agreed_size_is_refused() {
    let mut config = Config::new("c");
    let addition = own(1, &[1, 0xac, 2, 0, 0, b'e']);
    for bytes in [b"12345".to_vec(), own(1, b"rest"), addition] {
        let (frame, found) = (lone(1, 1, &bytes), bytes.len() as u64);
        config.max_update_bytes = bytes.len();
        assert!(read_among(&ids(&[]), &frame, &config).is_ok());
        config.max_update_bytes -= 1;
        let (limit, allowed) = ("max_update_bytes", found - 1);
        let refused = read_among(&ids(&[]), &frame, &config);
        assert_eq!(refused, Err(PeerError::LimitExceeded { limit, found, allowed }));
    }
}
