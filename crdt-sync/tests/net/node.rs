//! What a node does for its user.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use crdt_core::{BoundedCounter, Doc, InsufficientRights, OrSetEditor};
use crdt_sync::certs::Ca;
use crdt_sync::proto::{Config, Event, PeerState, UpdateError};
use crdt_sync::{NetConfig, Node, NodeError, Notice, StartError, TryError, WaitError};
use tokio::time::timeout;

use crate::support::{LIMIT, Set, add, cluster, has, loopback, peers, start, until};

const MULTI: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_show_every_write_and_every_removal() {
    let nodes = cluster(&["a", "b", "c"]).await;
    for (at, node) in nodes.iter().enumerate() {
        add(node, &format!("from {at}"));
        add(node, &format!("gone {at}"));
    }
    for node in &nodes {
        until("all six", || node.read(|set| set.len()) == Ok(6)).await;
    }
    for (at, node) in nodes.iter().enumerate() {
        let other = format!("gone {}", (at + 1) % 3);
        assert!(node.update(|set| set.remove(&other)).expect("a small update").value);
    }
    for node in &nodes {
        until("three are left", || node.read(|set| set.len()) == Ok(3)).await;
        assert!((0..3).all(|at| has(node, &format!("from {at}"))));
    }
    let prints: Vec<_> = nodes.iter().map(|node| node.fingerprint().unwrap()).collect();
    assert!(prints.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_waits_here_and_counts_there() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let token = add(&nodes[0], "x");
    nodes[1].wait_for(&token, LIMIT).await.unwrap();
    assert!(has(&nodes[1], "x"));
    nodes[0].replicated(&token, 2, LIMIT).await.unwrap();
    let refused = nodes[0].replicated(&token, 3, MULTI).await;
    assert_eq!(refused, Err(WaitError::NotReplicated { waited: MULTI, wanted: 3, replicas: 2, linked: 2 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_across_a_cut_ends_with_what_is_missing() {
    let nodes = cluster(&["a", "b"]).await;
    nodes[0].cut(None);
    until("the link is gone", || nodes[1].status().unwrap().links.is_empty()).await;
    let token = add(&nodes[0], "x");
    let waited = nodes[1].wait_for(&token, MULTI).await;
    assert_eq!(waited, Err(WaitError::Timeout { waited: MULTI, missing: 1 }));
    nodes[0].heal();
    nodes[1].wait_for(&token, LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_node_keeps_what_it_does_not_show_until_it_thaws() {
    let nodes = cluster(&["a", "b"]).await;
    nodes[1].freeze().unwrap();
    let token = add(&nodes[0], "x");
    nodes[0].replicated(&token, 1, LIMIT).await.unwrap();
    assert!(!has(&nodes[1], "x"));
    assert_eq!(nodes[1].status().unwrap().engine.held, 1);
    let refused = nodes[1].update(|set| set.insert("y".to_owned()));
    assert_eq!(refused.unwrap_err(), NodeError::Update(UpdateError::Frozen));
    let waits = {
        let (node, token) = (nodes[1].clone(), token.clone());
        tokio::spawn(async move { node.wait_for(&token, LIMIT).await })
    };
    nodes[1].thaw().await.unwrap();
    waits.await.unwrap().unwrap();
    assert!(has(&nodes[1], "x"));
    let token = add(&nodes[1], "y");
    nodes[0].wait_for(&token, LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_can_be_frozen_from_the_start() {
    let ca = Ca::generate("test").unwrap();
    let tokyo = start(ca.issue("tokyo").unwrap(), loopback(), &[]).await;
    let token = add(&tokyo, "x");
    let paris = Node::<Set>::builder().listen(loopback()).identity(ca.issue("paris").unwrap());
    let paris = paris.peers([tokyo.local_addr()]).frozen().start().await.unwrap();
    until("it is held", || paris.status().unwrap().engine.held == 1).await;
    assert!(!has(&paris, "x"));
    paris.thaw().await.unwrap();
    paris.wait_for(&token, LIMIT).await.unwrap();
}

#[tokio::test]
async fn calling_a_node_from_within_itself_is_an_error() {
    let node = &cluster(&["a"]).await[0];
    let inner = node.update(|_| node.update(|set| set.insert("x".to_owned())).unwrap_err()).unwrap();
    assert_eq!(inner.value, NodeError::Reentrant);
    let inner = node.read(|_| node.read(|set| set.len()));
    assert_eq!(inner, Ok(Err(NodeError::Reentrant)));
    assert_eq!(node.read(|_| node.status().map(|_| ())), Ok(Err(NodeError::Reentrant)));
    add(node, "after");
    assert!(has(node, "after") && !has(node, "x"));
}

#[tokio::test]
async fn a_panic_or_an_error_in_a_closure_leaves_the_node_whole() {
    let node = cluster(&["a"]).await.remove(0);
    let panicking = node.clone();
    let panicked = tokio::task::spawn_blocking(move || {
        panicking.update(|set| {
            set.insert("half".to_owned());
            panic!("on purpose");
        })
    });
    assert!(panicked.await.is_err());
    let failed = node.try_update(|set| {
        set.insert("half".to_owned());
        Err::<(), _>("no")
    });
    assert_eq!(failed.unwrap_err(), TryError::Closure("no"));
    let screen = node.read(Doc::observe).unwrap();
    add(&node, "whole");
    let take = |set: OrSetEditor<'_, String>| if set.remove("whole") { Ok(()) } else { Err("not shown") };
    assert_eq!(node.try_update_observed(&screen, take).unwrap_err(), TryError::Closure("not shown"));
    assert_eq!(node.read(|set| set.len()), Ok(1));
    let screen = node.read(Doc::observe).unwrap();
    assert!(node.try_update_observed(&screen, take).unwrap().update.is_some());
    assert_eq!(node.read(|set| set.len()), Ok(0));
}

#[tokio::test]
async fn an_update_that_is_too_large_is_refused_where_it_is_written() {
    let ca = Ca::generate("test").unwrap();
    let mut config = Config::new("test");
    config.max_update_bytes = 1024;
    let node = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).config(config);
    let node = node.start().await.unwrap();
    let refused = node.update(|set| set.insert("x".repeat(2_000)));
    assert!(matches!(refused, Err(NodeError::Update(UpdateError::TooLarge { allowed: 1024, .. }))));
    assert_eq!(node.read(|set| set.len()), Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_subscriber_is_told_and_can_resume() {
    let ca = Ca::generate("test").unwrap();
    let mut net = NetConfig::default();
    net.subscriber_events = 4;
    let node = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(net);
    let node = node.start().await.unwrap();
    let mut events = node.subscribe();
    for n in 0..10 {
        add(&node, &n.to_string());
    }
    let Some(Notice::Lagged { missed, resume }) = events.next().await else { panic!("not told") };
    assert_eq!((missed, resume.updates().len()), (6, 10));
    for _ in 0..4 {
        assert!(matches!(events.next().await, Some(Notice::Event(_))));
    }
    drop(node);
    assert!(events.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_right_before_shutdown_reaches_a_peer() {
    let nodes = cluster(&["a", "b"]).await;
    for n in 0..500 {
        add(&nodes[0], &n.to_string());
    }
    assert!(nodes[0].shutdown().await);
    assert_eq!(nodes[1].read(|set| set.len()), Ok(500));
    assert_eq!(nodes[0].update(|set| set.clear()).unwrap_err(), NodeError::Stopped);
    assert_eq!(nodes[0].read(|set| set.len()), Ok(500));
}

/// London has written nothing when Tokyo, which holds all rights, is shut down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_shut_down_leaves_its_rights_to_another() {
    let ca = Ca::generate("test").unwrap();
    let builder =
        |name: &str| Node::<BoundedCounter>::builder().listen(loopback()).identity(ca.issue(name).unwrap());
    let tokyo = builder("tokyo").start().await.unwrap();
    let london = builder("london").peers([tokyo.local_addr()]).start().await.unwrap();
    let up = |node: &Node<BoundedCounter>| {
        node.status().unwrap().engine.peers.iter().any(|peer| peer.state == PeerState::Live)
    };
    until("linked", || up(&tokyo) && up(&london)).await;
    let stocked = tokyo.update(|stock| stock.add(100)).unwrap();
    london.wait_for(&stocked.token, LIMIT).await.unwrap();
    until("sold", || london.try_update(|stock| stock.sub(1)).is_ok()).await;
    assert!(tokyo.shutdown().await);
    london.try_update(|stock| stock.sub(99)).unwrap();
    assert_eq!(london.read(|stock| (stock.value(), stock.holders())), Ok((0, vec![])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_wait_can_be_called_from_any_thread() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    let (node, renewed) = (a.clone(), ca.issue("a").unwrap());
    let elsewhere = std::thread::spawn(move || {
        let token = add(&node, "x");
        assert!(has(&node, "x") && node.status().is_ok() && node.token() == Ok(token));
        node.cut(None);
        node.heal();
        assert!(node.revoke("c") && node.reinstate("c"));
        node.reload(renewed).unwrap();
    });
    assert!(elsewhere.join().is_ok(), "it needs the runtime");
    until("linked again", || has(&b, "x") && peers(&a) == 1).await;
}

#[test]
fn an_error_that_holds_another_gives_it_as_its_source() {
    let refused = InsufficientRights { asked: 6, held: 5 };
    let error = TryError::Closure(refused);
    assert_eq!(error.source().and_then(|source| source.downcast_ref()), Some(&refused));
    let frozen = NodeError::Update(UpdateError::Frozen);
    assert_eq!(frozen.source().and_then(|source| source.downcast_ref()), Some(&UpdateError::Frozen));
    let waited = WaitError::Node(frozen.clone());
    assert_eq!(waited.source().and_then(|source| source.downcast_ref()), Some(&frozen));
}

/// They are kept in structs that derive `Debug` and are held by several threads.
#[tokio::test]
async fn handles_are_shown_and_shared() {
    fn shown(handle: &(impl Send + Debug)) -> String {
        format!("{handle:?}")
    }
    fn is_shared(_: &(impl Sync + Clone)) {}

    let ca = Ca::generate("test").unwrap();
    let builder = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap());
    assert!(shown(&builder).contains("crdt://test/a"));
    let node = builder.start().await.unwrap();
    is_shared(&node);
    let within = node.update(|_| shown(&node)).unwrap().value;
    assert!(within.contains(r#"name: "a""#), "{within}");
    assert!(shown(&node.subscribe()).contains(r#""a""#));
}

#[tokio::test]
async fn what_cannot_work_does_not_start() {
    let ca = Ca::generate("test").unwrap();
    let builder = || Node::<Set>::builder();
    let missing = builder().identity(ca.issue("a").unwrap()).start().await.err();
    assert!(matches!(missing, Some(StartError::Missing { .. })));
    let missing = builder().listen(loopback()).start().await.err();
    assert!(matches!(missing, Some(StartError::Missing { .. })));
    let mut net = NetConfig::default();
    net.keep_alive = Duration::ZERO;
    let bad = builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(net).start().await.err();
    assert!(matches!(bad, Some(StartError::Config(error)) if error.field == "keep_alive"));
    let nobody = builder().listen(loopback()).identity(ca.issue("a").unwrap()).peer("x:1", "two words");
    assert!(
        matches!(nobody.start().await.err(), Some(StartError::Identity { reason }) if reason.contains("two words"))
    );
    let nowhere = builder().listen(loopback()).identity(ca.issue("a").unwrap()).peers(["b:1", "10.0.0.2"]);
    let Some(error @ StartError::PeerAddress { .. }) = nowhere.start().await.err() else { panic!("no port") };
    assert!(error.to_string().contains("\"10.0.0.2\""), "{error}");
    let first = builder().listen(loopback()).identity(ca.issue("a").unwrap()).start().await.unwrap();
    let taken = builder().listen(first.local_addr()).identity(ca.issue("b").unwrap()).start().await.err();
    let Some(error @ StartError::Listen { .. }) = taken else { panic!("it is taken") };
    assert!(error.to_string().contains(&first.local_addr().to_string()), "{error}");
}

#[tokio::test]
async fn a_configuration_that_contradicts_the_certificate_does_not_start() {
    let ca = Ca::generate("test").unwrap();
    let start = async |cluster: &str, name: &str| {
        let mut config = Config::new(cluster);
        config.name = name.to_owned();
        let node = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap());
        node.config(config).start().await.err()
    };
    let Some(StartError::NotCertified { field, configured, certified }) = start("prod", "a").await else {
        panic!("it started in a cluster that does not know it");
    };
    assert_eq!((field, configured.as_str(), certified.as_str()), ("cluster", "prod", "test"));
    let Some(error @ StartError::NotCertified { field: "name", .. }) = start("test", "b").await else {
        panic!("it started under a name that no peer believes");
    };
    assert!(error.to_string().contains(r#""b""#) && error.to_string().contains(r#""a""#), "{error}");
    assert!(start("test", "").await.is_none() && start("test", "a").await.is_none());
}

#[tokio::test]
async fn many_changes_are_one_for_who_shows_the_document_anew() {
    let node = cluster(&["a"]).await.remove(0);
    let mut changes = node.subscribe();
    (0..5).for_each(|n| drop(add(&node, &n.to_string())));
    assert!(changes.changed().await);
    assert!(timeout(MULTI, changes.changed()).await.is_err(), "all five were told");
    add(&node, "one more");
    assert!(changes.changed().await);
}

#[tokio::test]
async fn a_subscription_ends_with_the_shutdown_though_its_reader_holds_the_node() {
    let node = cluster(&["a"]).await.remove(0);
    let mut told = node.subscribe();
    add(&node, "x");
    node.shutdown().await;
    assert!(matches!(told.next().await, Some(Notice::Event(Event::Applied { .. }))), "it came before");
    let end = async { while told.next().await.is_some() {} };
    assert!(timeout(LIMIT, end).await.is_ok(), "it waits for ever");
    assert!(!told.changed().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subscriber_sees_updates_in_the_order_of_their_numbers() {
    let node = cluster(&["a"]).await.remove(0);
    let mut events = node.subscribe();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let node = node.clone();
            tokio::task::spawn_blocking(move || {
                (0..200).for_each(|n| drop(add(&node, &format!("{writer} {n}"))))
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    for seq in 1..=800 {
        let Some(Notice::Event(Event::Applied { update, .. })) = events.next().await else { panic!("{seq}") };
        assert_eq!(update.seq, seq);
    }
}
