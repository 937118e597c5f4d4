//! A member with a valid certificate that does not keep to the protocol.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crdt_sync::certs::Ca;
use crdt_sync::proto::{Config, FrameError, PeerError};
use crdt_sync::{Identity, LinkError, Node};
use quinn::{Connection, ConnectionError};

use crate::raw::{Member, Speech, endpoint, framed, length, roomy, showing};
use crate::support::{LIMIT, Set, add, eager, has, known, loopback, peers, refused, start, until};

async fn two_members() -> (Ca, Node<Set>, Node<Set>) {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    (ca, a, b)
}

/// The node closes the connection because of what the peer did.
async fn is_closed(member: &Member, what: &str) {
    is_refused(&member.connection, what).await;
}

async fn is_refused(connection: &Connection, what: &str) {
    let closed = tokio::time::timeout(LIMIT, connection.closed()).await.expect(what);
    let refused = |closed: &ConnectionError| matches!(closed, ConnectionError::ApplicationClosed(close) if close.error_code == 1u32.into());
    assert!(refused(&closed), "{what}: {closed}");
}

/// A member that said hello as it should, with a frame that brings the node an update.
async fn greeted(identity: &Identity, address: SocketAddr) -> (Member, Vec<u8>) {
    let mut member = Member::dial(identity, address).await;
    let (mut speech, hello) = Speech::begin();
    member.send(&framed(&hello)).await;
    let mut preface = [0];
    member.receive.read_exact(&mut preface).await.unwrap();
    assert_eq!(preface, [1], "the lower name keeps the connection");
    let hello = member.frame().await;
    let update = speech.update(&hello, "an update of some length");
    (member, update)
}

/// What such a member would send, without it.
async fn sound_update(identity: &Identity, a: &Node<Set>) -> Vec<u8> {
    let (member, update) = greeted(identity, a.local_addr()).await;
    until("it is known", || known(a, identity.name()).is_some()).await;
    drop(member);
    until("it is gone", || peers(a) == 1 && a.status().unwrap().links.len() == 1).await;
    update
}

/// Nothing came between the two that keep to the rules.
async fn are_unharmed(a: &Node<Set>, b: &Node<Set>) {
    let (here, there) = (add(a, "from a"), add(b, "from b"));
    a.wait_for(&there, LIMIT).await.unwrap();
    b.wait_for(&here, LIMIT).await.unwrap();
    assert_eq!((known(a, "b").unwrap().reconnects, known(b, "a").unwrap().reconnects), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_after_a_good_hello_closes_that_connection_alone_and_is_named() {
    let (ca, a, b) = two_members().await;
    let identity = ca.issue("mallory").unwrap();
    let update = sound_update(&identity, &a).await;
    let mut told = a.subscribe();
    let malformed = |error: &LinkError| matches!(error, LinkError::Protocol(PeerError::Malformed { .. }));
    let truncated = |error: &LinkError| {
        let reason = FrameError::Truncated;
        *error == LinkError::Protocol(PeerError::Malformed { reason })
    };
    let undecodable = |error: &LinkError| matches!(error, LinkError::Protocol(PeerError::Undecodable { .. }));
    let too_long =
        |error: &LinkError| *error == LinkError::FrameTooLong { len: 4_194_305, allowed: 4_194_304 };
    let second_hello =
        |error: &LinkError| *error == LinkError::Protocol(PeerError::Unexpected { frame: "hello" });
    // The update is the last of its frame; this one says how long it is, and more follows.
    let (head, entry) = update.split_at(18);
    assert_eq!(head[0], 0x8b, "an addition, the last, of a new id");
    let sound = [&[0x89], &head[1..], &length(entry.len()), entry].concat();
    type Expected<'a> = &'a dyn Fn(&LinkError) -> bool;
    let cases: [(&str, Vec<u8>, Expected<'_>); 7] = [
        ("one byte over the limit", length(4_194_305), &too_long),
        ("a frame that lacks its end", framed(&update[..update.len() - 1]), &undecodable),
        ("a frame that goes on behind its end", framed(&[&update[..], &[0]].concat()), &undecodable),
        ("a frame of its first byte alone", framed(&update[..1]), &truncated),
        ("an unknown kind", framed(&[1, 200]), &malformed),
        ("a second hello", framed(&Speech::begin().1), &second_hello),
        ("a sound update with half of one after it", framed(&[&sound[..], &[3]].concat()), &truncated),
    ];
    for (what, bytes, expected) in cases {
        let (mut mallory, _) = greeted(&identity, a.local_addr()).await;
        mallory.send(&bytes).await;
        is_closed(&mallory, what).await;
        let (name, _, error) = refused(&mut told).await;
        assert!(name == "mallory" && expected(&error), "{what}: {error:?}");
        assert_eq!(known(&a, "mallory").unwrap().last_error, Some(error), "{what}");
        assert_eq!(has(&a, "an update of some length"), what.starts_with("a sound update"), "{what}");
    }
    let (mallory, _) = greeted(&identity, a.local_addr()).await;
    until("noise in a datagram after the hello", || {
        let _ = mallory.connection.send_datagram(vec![0x5a; 33].into());
        mallory.connection.close_reason().is_some()
    })
    .await;
    is_closed(&mallory, "noise in a datagram after the hello").await;
    assert!(malformed(&refused(&mut told).await.2));
    are_unharmed(&a, &b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_closes_that_connection_or_makes_another_sound_update() {
    let (ca, a, b) = two_members().await;
    let identity = ca.issue("mallory").unwrap();
    let update = sound_update(&identity, &a).await;
    let mut told = a.subscribe();
    let (mut flipped, mut refusals) = (0, 0);
    // Every bit of the first bytes, of which one says what the frame is, and a sample of the others.
    for bit in (0..32).chain((32..update.len() * 8).step_by(13)) {
        let (mut mallory, mut frame) = greeted(&identity, a.local_addr()).await;
        frame[bit / 8] ^= 1 << (bit % 8);
        mallory.send(&framed(&frame)).await;
        // Whatever the node thinks of the frame, this ends the connection.
        let _ = mallory.send.write_all(&[0xff; 4]).await;
        is_closed(&mallory, "a flipped bit").await;
        match refused(&mut told).await.2 {
            LinkError::Protocol(_) => refusals += 1,
            LinkError::FrameTooLong { .. } => {}
            other => panic!("bit {bit}: {other:?}"),
        }
        flipped += 1;
    }
    // One bit of the first byte makes the name of its origin a short one, which leads nowhere.
    assert!(refusals >= 7, "of {flipped} flipped bits {refusals} were noticed: the first ones always are");
    are_unharmed(&a, &b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_frames_close_that_connection_alone() {
    let (ca, a, b) = two_members().await;
    let mallory = ca.issue("mallory").unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("four gigabytes announced", vec![0xff; 4]),
        ("one byte over the limit", length(4_194_305)),
        ("a length that is longer than it has to be", vec![0x81, 0]),
        ("a length without end", vec![0x80; 5]),
        ("an empty frame", framed(&[])),
        ("another version", framed(&[9, 1, 2, 3])),
        ("noise", framed(&(0..200u8).map(|n| n.wrapping_mul(151)).collect::<Vec<_>>())),
        ("updates before hello", framed(&[&[0x83; 17][..], &[0]].concat())),
    ];
    for (what, bytes) in cases {
        let mut mallory = Member::dial(&mallory, a.local_addr()).await;
        mallory.send(&bytes).await;
        is_closed(&mallory, what).await;
    }
    let token = add(&b, "unharmed");
    a.wait_for(&token, LIMIT).await.unwrap();
    assert!(has(&a, "unharmed"));
    until("only b is left", || peers(&a) == 1).await;
    assert_eq!(a.status().unwrap().engine.counters.applied, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ends_in_the_middle_of_a_frame_is_refused() {
    let (ca, a, _b) = two_members().await;
    let mut told = a.subscribe();
    let mut mallory = Member::dial(&ca.issue("mallory").unwrap(), a.local_addr()).await;
    mallory.send(&framed(&[7; 100])[..50]).await;
    mallory.send.finish().unwrap();
    is_closed(&mallory, "half a frame").await;
    assert_eq!(refused(&mut told).await.2, LinkError::StreamEnded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_datagram_of_noise_before_hello_does_no_harm() {
    let (ca, a, b) = two_members().await;
    let taken = || a.status().unwrap().engine.counters.datagrams_in;
    let before = taken();
    let mallory = Member::dial(&ca.issue("mallory").unwrap(), a.local_addr()).await;
    // It may be lost, and b sends some of its own.
    until("the noise was taken", || {
        for len in [0usize, 1, 33, 900] {
            mallory.connection.send_datagram(vec![0xa5; len].into()).unwrap();
        }
        taken() >= before + 20
    })
    .await;
    let token = add(&b, "unharmed");
    a.wait_for(&token, LIMIT).await.unwrap();
    assert!(mallory.connection.close_reason().is_none(), "what overtakes the hello is nobody's fault");
}

/// Sound frames that bring nothing, as fast as the connection takes them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_slowed_down_and_then_out_for_a_while() {
    let ca = Ca::generate("test").unwrap();
    let (allowed, patience) = (1_000, Duration::from_millis(500));
    let mut config = Config::new("test");
    (config.max_chatter, config.chatter_patience) = (allowed, patience);
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(eager());
    let a = a.config(config).start().await.unwrap();
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;

    let (identity, mut told) = (ca.issue("mallory").unwrap(), a.subscribe());
    let (mut mallory, _) = greeted(&identity, a.local_addr()).await;
    let begun = Instant::now();
    let questions = framed(&[1, 4, 7]).repeat(10_000);
    let flood = async { while mallory.send.write_all(&questions).await.is_ok() {} };
    tokio::time::timeout(LIMIT, flood).await.expect("it is never closed");
    let taken = a.status().unwrap().engine.counters.chatter_in;
    let seconds = begun.elapsed().as_secs_f64();
    is_closed(&mallory, "a flood").await;
    assert_eq!(refused(&mut told).await.2, LinkError::Protocol(PeerError::Flood { allowed, patience }));
    let most = f64::from(allowed) * (seconds + 1.5);
    assert!((taken as f64) < most, "{taken} frames were taken in {seconds} s");

    let endpoint = endpoint(showing(&identity));
    let again = endpoint.connect(a.local_addr(), "node.crdt").unwrap().await.unwrap();
    let (mut send, _receive) = again.open_bi().await.unwrap();
    send.write_all(&[1; 17]).await.unwrap();
    is_refused(&again, "it comes back at once").await;
    assert_eq!(a.status().unwrap().connections.made, 2);
    are_unharmed(&a, &b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_reads_costs_a_window_and_not_a_queue() {
    let (ca, a, b) = two_members().await;
    let stalled = ca.issue("mallory").unwrap();
    let mut stalled = Member::dial(&stalled, a.local_addr()).await;
    // What another node would say, so that updates flow.
    stalled.send(&framed(&Speech::begin().1)).await;
    until("the stalled peer is greeted", || peers(&a) == 2).await;
    costs_a_window(&a, &b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_vanished_costs_a_window_however_much_it_offered_to_take() {
    let ca = Ca::generate("test").unwrap();
    let mut net = eager();
    net.idle_timeout = Duration::from_secs(60);
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(net);
    let a = a.start().await.unwrap();
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    // It dies with its runtime: nothing is acknowledged any more, and nobody says goodbye.
    let mortal = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (identity, address) = (ca.issue("mallory").unwrap(), a.local_addr());
    let vanished = mortal.spawn(async move {
        let mut vanished = Member::dial_from(roomy(showing(&identity)), address).await;
        vanished.send(&framed(&Speech::begin().1)).await;
        vanished
    });
    let _vanished = vanished.await.unwrap();
    until("both are greeted", || peers(&a) == 2).await;
    mortal.shutdown_background();
    costs_a_window(&a, &b).await;
}

/// What `b` needs does not pile up for a peer that is called `mallory`.
async fn costs_a_window(a: &Node<Set>, b: &Node<Set>) {
    let sent = || {
        let status = a.status().unwrap();
        let link = status.links.iter().find(|link| link.name == "mallory");
        link.map(|link| link.traffic).expect("it is linked as long as it answers on its connection")
    };
    let mut token = None;
    for n in 0..48 {
        token = Some(add(a, &format!("{n} {}", "x".repeat(200_000))));
    }
    b.wait_for(&token.unwrap(), LIMIT).await.unwrap();
    let frames = sent().frames_sent;
    // Window of the stream, of what is sent, and one batch: not the 9.6 MB that b has.
    assert!(frames * 200_000 < 5 << 20, "{frames} frames were worked out for a peer that reads nothing");
    assert!(sent().bytes_sent < 2 << 20);
    let status = a.status().unwrap();
    let waiting = status.links.iter().find(|link| link.name == "mallory").unwrap().waiting_bytes;
    assert!((1..=300_000).contains(&waiting), "{waiting} bytes: one frame, and the stream takes no more");
    assert_eq!(known(a, "mallory").unwrap().lag_updates, Some(48));
}
