//! Real packets through a bad network.

use std::time::{Duration, Instant};

use crdt_sync::certs::Ca;
use crdt_sync::proto::Config;
use crdt_sync::{LinkState, Node};

use crate::proxy::{FAIR, Proxy, Weather};
use crate::support::{LIMIT, Set, add, eager, has, known, loopback, peers, start, start_mortal, until};

/// Two nodes; the second dials the first through a proxy.
async fn two_and_a_proxy(seed: u64) -> (Node<Set>, Node<Set>, Proxy) {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let proxy = Proxy::before(a.local_addr(), seed).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[proxy.address]).await;
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    (a, b, proxy)
}

fn made(node: &Node<Set>) -> u64 {
    node.status().unwrap().connections.made
}

fn shown(node: &Node<Set>) -> Vec<String> {
    node.read(|set| set.sorted().into_iter().cloned().collect()).unwrap()
}

/// Three packets of ten are lost, one comes twice and two come late; and then, for longer than a
/// connection lives, none comes at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_and_removal_gets_through_a_storm_and_an_outage() {
    let (a, b, proxy) = two_and_a_proxy(1).await;
    let storm = Weather { lost: 0.3, doubled: 0.1, late: 0.2, ..FAIR };
    proxy.weather(storm);
    let write = |range: std::ops::Range<u32>| {
        for n in range {
            add(&a, &format!("a {n:03}"));
            add(&b, &format!("b {n:03}"));
        }
    };
    for n in 0..50 {
        write(n..n + 1);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until("what was written in the storm", || shown(&a).len() == 100 && shown(&b).len() == 100).await;
    proxy.weather(Weather { cut_there: true, cut_back: true, ..FAIR });
    for n in 0..25 {
        a.update(|set| set.remove(&format!("b {n:03}"))).unwrap();
        b.update(|set| set.remove(&format!("a {n:03}"))).unwrap();
    }
    write(50..75);
    until("both notice", || peers(&a) == 0 && peers(&b) == 0).await;
    proxy.weather(storm);
    let expected: Vec<String> =
        ["a", "b"].iter().flat_map(|node| (25..75).map(move |n| format!("{node} {n:03}"))).collect();
    until("everything", || shown(&a) == expected && shown(&b) == expected).await;
    assert_eq!(a.fingerprint(), b.fingerprint());
}

/// A tunnel that swallows long packets and says nothing: from the beginning, and all at once when
/// they had passed before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_swallows_long_packets_slows_a_link_and_does_not_cut_it() {
    let narrow = Weather { longest: 1_250, ..FAIR };
    let long = |n: usize| format!("{n} {}", "x".repeat(20_000));
    for wide_at_first in [false, true] {
        let ca = Ca::generate("test").unwrap();
        let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
        let proxy = Proxy::before(a.local_addr(), 2).await;
        proxy.weather(if wide_at_first { FAIR } else { narrow });
        let b = start(ca.issue("b").unwrap(), loopback(), &[proxy.address]).await;
        until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
        let token = add(&a, &long(0));
        b.wait_for(&token, LIMIT).await.unwrap();
        if wide_at_first {
            until("long packets were tried, and used", || {
                add(&a, &long(1));
                proxy.longest_seen() > 1_400
            })
            .await;
            proxy.weather(narrow);
        }
        let (here, there) = (add(&a, &long(2)), add(&b, &long(3)));
        a.wait_for(&there, LIMIT).await.unwrap();
        b.wait_for(&here, LIMIT).await.unwrap();
        assert_eq!((made(&a), made(&b)), (1, 1), "wide at first: {wide_at_first}");
    }
}

/// The address of a peer changes under a connection, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_address_changes_keeps_its_connection_and_its_name() {
    let (a, b, proxy) = two_and_a_proxy(3).await;
    let mut address = known(&a, "b").unwrap().address;
    for n in 0..3 {
        proxy.rebind();
        let (here, there) = (add(&a, &format!("a {n}")), add(&b, &format!("b {n}")));
        a.wait_for(&there, LIMIT).await.unwrap();
        b.wait_for(&here, LIMIT).await.unwrap();
        let now = || Some(a.status().unwrap().links[0].address);
        until("it is elsewhere", || now() != address).await;
        address = now();
    }
    assert_eq!((made(&a), made(&b)), (1, 1), "on one connection");
    assert_eq!(known(&a, "b").unwrap().state, LinkState::Up);
}

/// First y turns up at the address of x, then x at that of y. Nobody else dials.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_have_swapped_their_addresses_are_both_found() {
    let ca = Ca::generate("test").unwrap();
    let x = start(ca.issue("x").unwrap(), loopback(), &[]).await;
    let y = start(ca.issue("y").unwrap(), loopback(), &[]).await;
    let (one, other) = (Proxy::before(x.local_addr(), 7).await, Proxy::before(y.local_addr(), 8).await);
    let mut net = eager();
    (net.idle_timeout, net.keep_alive) = (Duration::from_secs(1), Duration::from_millis(250));
    // So long is the dial that has lost its link later than the other one.
    (net.dial_backoff_min, net.dial_backoff_max) = (Duration::from_millis(500), Duration::from_millis(500));
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(net);
    let a = a.peers([one.address, other.address]).start().await.unwrap();
    until("both are linked", || peers(&a) == 2).await;
    one.lead_to(y.local_addr());
    until("x is lost, and y is met in its place", || {
        peers(&a) == 1 && a.status().unwrap().peers[0].name.as_deref() == Some("y")
    })
    .await;
    other.lead_to(x.local_addr());
    until("both are linked again", || peers(&a) == 2).await;
}

/// What is configured as another's address is for a while the node's own: hosts have swapped theirs, or
/// a name was looked up too early.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_led_back_to_the_node_itself_is_dialled_again() {
    let ca = Ca::generate("test").unwrap();
    let own = std::net::UdpSocket::bind(loopback()).unwrap().local_addr().unwrap();
    let proxy = Proxy::before(own, 6).await;
    let a = start(ca.issue("a").unwrap(), own, &[proxy.address]).await;
    until("it meets itself", || a.status().unwrap().peers[0].state == LinkState::Own).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[]).await;
    proxy.lead_to(b.local_addr());
    until("it meets another", || peers(&a) == 1 && peers(&b) == 1).await;
}

/// Packets of b to a are lost, those of a to b are not, and c hears both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_that_is_cut_in_one_direction_is_given_up_and_others_pass_everything_on() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let c = start(ca.issue("c").unwrap(), loopback(), &[a.local_addr()]).await;
    let proxy = Proxy::before(a.local_addr(), 4).await;
    let mut net = eager();
    (net.idle_timeout, net.handshake_timeout) = (Duration::from_secs(1), Duration::from_millis(500));
    let b = Node::<Set>::builder().listen(loopback()).identity(ca.issue("b").unwrap()).net(net);
    let b = b.peers([proxy.address, c.local_addr()]).start().await.unwrap();
    until("all are linked", || [&a, &b, &c].iter().all(|node| peers(node) == 2)).await;
    proxy.weather(Weather { cut_there: true, ..FAIR });
    let (here, there) = (add(&a, "from a"), add(&b, "from b"));
    b.wait_for(&here, LIMIT).await.unwrap();
    a.wait_for(&there, LIMIT).await.unwrap();
    until("both give it up", || peers(&a) == 1 && peers(&b) == 1).await;
    let before = [made(&a), made(&b)];
    assert_eq!((before, made(&c)), ([2, 2], 2));
    let tries = |node: &Node<Set>| node.status().unwrap().connections.dials_failed;
    let tried = tries(&b);
    until("b tries again", || tries(&b) > tried).await;
    assert_eq!([made(&a), made(&b)], before, "nobody takes it for a connection");
    assert_eq!(made(&c), 2, "nor is anything else disturbed");
    proxy.weather(FAIR);
    until("it is there again", || peers(&a) == 2 && peers(&b) == 2).await;
    assert!(has(&a, "from b") && has(&b, "from a"));
}

/// The threads of a node stand still for longer than its connections live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stood_still_goes_on_and_nobody_else_does_suffer() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let c = start(ca.issue("c").unwrap(), loopback(), &[a.local_addr()]).await;
    let mut net = eager();
    (net.idle_timeout, net.keep_alive) = (Duration::from_secs(1), Duration::from_millis(250));
    let (runtime, b) = start_mortal(ca.issue("b").unwrap(), a.local_addr(), net);
    until("all are linked", || peers(&a) == 2).await;
    let stalled = Instant::now();
    runtime.spawn(async { std::thread::sleep(Duration::from_millis(1_800)) });
    add(&b, "written while nothing moves");
    let (mut n, mut lost) = (0, false);
    while stalled.elapsed() < Duration::from_millis(1_700) {
        let token = add(&a, &format!("meanwhile {n}"));
        c.wait_for(&token, LIMIT).await.unwrap();
        lost |= peers(&a) == 1;
        n += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(lost, "a does not wait for it");
    until("it is back", || peers(&a) == 2 && has(&a, "written while nothing moves")).await;
    until("it has everything", || a.fingerprint() == b.fingerprint()).await;
    assert_eq!(made(&c), 1);
    runtime.shutdown_background();
}

/// A walk keeps a slow link busy for seconds. What the donor has to say meanwhile does not wait until
/// everything has passed that the transport would buffer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_do_not_wait_behind_a_walk_on_a_slow_link() {
    let ca = Ca::generate("test").unwrap();
    let mut config = Config::new("test");
    (config.max_update_bytes, config.log_bytes) = (64 << 10, 64 << 10);
    let node = |name| {
        let node = Node::<Set>::builder().listen(loopback()).identity(ca.issue(name).unwrap());
        node.net(eager()).config(config.clone())
    };
    let a = node("a").start().await.unwrap();
    for n in 0..400 {
        add(&a, &format!("{n} {}", "x".repeat(10_000)));
    }
    let proxy = Proxy::before(a.local_addr(), 5).await;
    proxy.weather(Weather { bytes_per_second: 1e6, ..FAIR });
    let b = node("b").peers([proxy.address]).start().await.unwrap();
    until("the walk is under way", || b.read(|set| set.len() > 20).unwrap()).await;
    let mut waited = Vec::new();
    for n in 0..5 {
        let (begun, token) = (Instant::now(), add(&b, &format!("from b {n}")));
        b.replicated(&token, 1, LIMIT).await.unwrap();
        waited.push(begun.elapsed());
    }
    assert!(b.status().unwrap().engine.receiving_walk.is_some(), "it went on all the time: {waited:?}");
    waited.sort();
    assert!(waited[2] < Duration::from_millis(500), "{waited:?}: a megabyte takes a second");
}
