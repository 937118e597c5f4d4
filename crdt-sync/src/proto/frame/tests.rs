//! Golden bytes of every frame, and what is refused.

use crdt_core::ReplicaId;

use super::*;

fn config() -> Config {
    let mut config = Config::new("shop");
    config.name = "tokyo".into();
    config
}

fn vector(runs: &[(u128, u64, u64)]) -> CausalContext {
    let mut vector = CausalContext::default();
    for &(id, first, last) in runs {
        vector.insert_range(ReplicaId::from_u128(id), first, last);
    }
    vector
}

fn span(first: u64, blocks: u64, hash: u64) -> Span {
    Span { first, blocks, hash }
}

fn levels(needed: u64, wished: u64) -> Levels {
    Levels { needed, wished }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const ID_1: &str = "00000000000000000000000000000001";
const ID_2: &str = "00000000000000000000000000000002";

/// Every frame but hello and updates, with its bytes.
fn golden() -> Vec<(Frame<'static>, String)> {
    let some = || vector(&[(1, 1, 300), (2, 1, 1), (2, 4, 5)]);
    let some_hex = format!("02{ID_1}0100ab02{ID_2}0200000101");
    vec![
        (Frame::Applied(vector(&[(2, 4, 4)])), format!("010301{ID_2}010300")),
        (Frame::Durable(vector(&[(2, 4, 4)])), format!("010c01{ID_2}010300")),
        (
            Frame::Spare(vector(&[(1, 1, 1), (2, 1, 1)]).iter().map(|(id, _)| id).collect()),
            format!("010d02{ID_1}{ID_2}"),
        ),
        (Frame::Ask { id: 300 }, "0104ac02".into()),
        (Frame::Vector { id: 7, updates: vector(&[]) }, "01050700".into()),
        (Frame::Vector { id: 7, updates: some() }, format!("010507{some_hex}")),
        (Frame::Offer(vector(&[(1, 1, 1)])), format!("010601{ID_1}010000")),
        (Frame::Request { id: 1, context: vector(&[(1, 1, 2)]) }, format!("01070101{ID_1}010001")),
        (
            Frame::Begin {
                id: 1,
                updates: vector(&[(1, 1, 1)]),
                parts: vector(&[]),
                unseen: vector(&[(2, 3, 3)]),
            },
            format!("01080101{ID_1}0100000001{ID_2}010200"),
        ),
        (
            Frame::Compare { id: 1, index: 2, spans: vec![span(0, 1, 5), span(300, 2, 6)] },
            "010e0102020000050000000000 0000ab02010600000000000000".replace(' ', ""),
        ),
        (Frame::Compared { id: 1, index: 2, spans: vec![] }, "010f010200".into()),
        (Frame::Chunk { id: 1, index: 2, last: true, bytes: b"abc" }, "0109010201616263".into()),
        (Frame::End { id: 1, chunks: 3 }, "010a0103".into()),
        (Frame::Abort { id: 1, reason: AbortReason::Busy }, "010b0101".into()),
        (Frame::Abort { id: 1, reason: AbortReason::Overflow }, "010b0102".into()),
        (Frame::Abort { id: 1, reason: AbortReason::Standstill }, "010b0103".into()),
        (Frame::Writer { id: ReplicaId::from_u128(2), leaving: false }, format!("0111{ID_2}00")),
        (Frame::Want(vec![(levels(1, 300), b"ab"), (levels(0, 9), b"")]), "01120201ac02026162000900".into()),
    ]
}

fn decode(bytes: &[u8]) -> Result<Frame<'_>, PeerError> {
    let config = config();
    let (kind, from) = open(bytes, &config)?;
    Frame::decode(kind, from, &config)
}

fn hello() -> Hello {
    let (nonce, fingerprint, updates) = ([9; 16], 5, vector(&[(1, 1, 2)]));
    Hello { features: 0, nonce, volatile: true, partial: false, fingerprint, updates }
}

#[test]
fn the_bytes_of_frames_stay_as_they_are() {
    for (frame, bytes) in golden() {
        assert_eq!(hex(&frame.encode()), bytes, "{frame:?}");
        assert_eq!(decode(&frame.encode()), Ok(frame));
    }
}

#[test]
fn the_bytes_of_a_hello_stay_as_they_are() {
    let limits = "808040" // 1 MiB
        .to_owned()
        + "80808008" // 16 MiB
        + "808001" // 16,384
        + "808002"; // 32,768
    let nonce = "09".repeat(16);
    let fingerprint = "05000000000000000000000000000000";
    let expected =
        format!("01010100{}{nonce}{}{limits}01{fingerprint}01{ID_1}010001", "0473686f70", "05746f6b796f");
    assert_eq!(hex(&hello().encode(&config())), expected);
    assert_eq!(Hello::decode(&hello().encode(&config()), "tokyo", &config()), Ok(hello()));
}

/// A node of tomorrow can do more, and both can still talk.
#[test]
fn features_that_are_not_known_here_are_no_obstacle() {
    let mut bytes = hello().encode(&config());
    assert_eq!(bytes[3], 0, "the features");
    bytes[3] = 0x54;
    assert_eq!(Hello::decode(&bytes, "tokyo", &config()), Ok(hello()));
    bytes.splice(3..4, [0xff; 9].into_iter().chain([0x01]));
    let both = Hello { features: MOVES_RIGHTS | TAKES_GROUPS, ..hello() };
    assert_eq!(Hello::decode(&bytes, "tokyo", &config()), Ok(both.clone()), "all bits at once");
    assert_eq!(both.encode(&config())[3], 3);
}

#[test]
fn the_bytes_of_a_digest_stay_as_they_are() {
    let digest = Digest { answer: true, partial: false, durable: false, vector: 0x0102, fingerprint: 0x0304 };
    let expected = "011001".to_owned() + "0201000000000000" + "04030000000000000000000000000000";
    assert_eq!(hex(&digest.encode()), expected);
    assert_eq!(Digest::decode(&digest.encode(), &config()), Ok(digest));
    let flags = Digest { partial: true, durable: true, ..digest };
    assert_eq!(Digest::decode(&flags.encode(), &config()), Ok(flags));
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    let frames = golden().into_iter().filter(|(frame, _)| !matches!(frame, Frame::Chunk { .. }));
    for (frame, _) in frames {
        let bytes = frame.encode();
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{frame:?} cut to {cut}");
        }
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), Err(FrameError::Trailing.into()), "{frame:?}");
    }
    let (bytes, config) = (hello().encode(&config()), config());
    for cut in 0..bytes.len() {
        assert!(Hello::decode(&bytes[..cut], "tokyo", &config).is_err());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Hello::decode(&longer, "tokyo", &config), Err(FrameError::Trailing.into()));
}

#[test]
fn no_single_changed_byte_makes_a_reader_panic_or_gives_a_second_form() {
    let frames = golden().into_iter().map(|(frame, _)| frame.encode());
    for bytes in frames {
        for at in 0..bytes.len() {
            for flip in 1..=255u8 {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                if let Ok(frame) = decode(&changed) {
                    assert_eq!(frame.encode(), changed, "one meaning, one form");
                }
            }
        }
    }
}

#[test]
fn a_request_for_rights_names_some_places_and_not_too_many() {
    assert_eq!(decode(&[1, 18, 0]), Err(FrameError::Value.into()));
    let wants = |count| Frame::Want(vec![(levels(1, 1), &b""[..]); count]).encode();
    assert!(decode(&wants(MAX_WANTS)).is_ok());
    let (found, allowed) = (MAX_WANTS as u64 + 1, MAX_WANTS as u64);
    let refused = PeerError::LimitExceeded { limit: "wants", found, allowed };
    assert_eq!(decode(&wants(MAX_WANTS + 1)), Err(refused));
}

#[test]
fn strange_versions_and_kinds_are_named() {
    let version = |byte| decode(&[byte, 4, 0]).expect_err("no such version");
    assert_eq!(version(0), FrameError::Version(0).into());
    assert_eq!(version(2), FrameError::Version(2).into());
    assert_eq!(decode(&[1, 99, 0]), Err(FrameError::Kind(99).into()));
    assert_eq!(decode(&[1]), Err(FrameError::Truncated.into()));
}

#[test]
fn a_frame_over_the_limit_is_refused_unread() {
    let mut config = config();
    config.max_frame = 10;
    let refused = open(&[1; 11], &config).err();
    assert_eq!(refused, Some(PeerError::LimitExceeded { limit: "max_frame", found: 11, allowed: 10 }));
}

/// Reads our hello with what `change` makes of the reader's configuration.
fn greeted(change: impl FnOnce(&mut Config)) -> Result<Hello, PeerError> {
    let mut theirs = config();
    change(&mut theirs);
    Hello::decode(&hello().encode(&config()), "tokyo", &theirs)
}

#[test]
fn a_hello_of_another_cluster_or_with_other_limits_is_refused() {
    assert_eq!(greeted(|c| c.cluster = "bank".into()), Err(PeerError::Cluster { theirs: "shop".into() }));
    let refused = |change: fn(&mut Config)| match greeted(change) {
        Err(PeerError::LimitMismatch { limit, .. }) => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(|c| c.max_update_bytes += 1), "max_update_bytes");
    assert_eq!(refused(|c| c.max_chunk_bytes += 1), "max_chunk_bytes");
    assert_eq!(refused(|c| c.max_replicas += 1), "max_replicas");
    assert_eq!(refused(|c| c.max_runs += 1), "max_runs");
    assert!(greeted(|c| c.log_bytes += 1).is_ok(), "not a limit to agree on");
}

#[test]
fn a_hello_under_another_name_than_the_link_authenticated_is_refused() {
    let (authenticated, announced) = ("london".to_owned(), "tokyo".to_owned());
    let refused = Hello::decode(&hello().encode(&config()), "london", &config());
    assert_eq!(refused, Err(PeerError::Name { authenticated, announced }));
    let unnamed = hello().encode(&Config::new("shop"));
    assert!(Hello::decode(&unnamed, "london", &config()).is_ok());
}

#[test]
fn a_hello_of_another_version_is_refused_before_the_rest_is_read() {
    let refused = |bytes: &[u8]| Hello::decode(bytes, "tokyo", &config());
    assert_eq!(refused(&[2, 1, 3]), Err(PeerError::Version { ours: (1, 1), theirs: (2, 3) }));
    assert_eq!(refused(&[0, 1, 0]), Err(PeerError::Version { ours: (1, 1), theirs: (0, 0) }));
    assert_eq!(refused(&[3, 1, 2]), Err(FrameError::Value.into()));
    let newer = { [&[1, 1, 9][..], &hello().encode(&config())[3..]].concat() };
    assert_eq!(refused(&newer), Ok(hello()), "a newer peer that still speaks our version");
}
