//! What a node keeps over a restart, and what it does while its disk fails.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crdt_sync::certs::Ca;
use crdt_sync::store::{DiskFault, FaultyStore, MemoryStore, Store, StoreFault};
use crdt_sync::{Health, Identity, Node, Notice, StartError, Subscription, WaitError};

use crate::support::{LIMIT, Set, add, eager, has, loopback, peers, until};

const SOON: Duration = Duration::from_millis(300);

async fn try_start(
    identity: Identity,
    store: impl Store + 'static,
    seeds: &[&Node<Set>],
) -> Result<Node<Set>, StartError> {
    let seeds: Vec<_> = seeds.iter().map(|node| node.local_addr()).collect();
    let builder = Node::builder().listen(loopback()).identity(identity).peers(seeds).net(eager());
    builder.store(store).start().await
}

async fn start(identity: Identity, store: impl Store + 'static, seeds: &[&Node<Set>]) -> Node<Set> {
    try_start(identity, store, seeds).await.expect("a node starts with its store")
}

/// An authority, and the nodes that it names.
struct Names(Ca);

impl Names {
    fn new() -> Self {
        Self(Ca::generate("test").expect("a name"))
    }

    fn issue(&self, name: &str) -> Identity {
        self.0.issue(name).expect("a name")
    }
}

fn health(node: &Node<Set>) -> Health {
    node.status().expect("not from within").health
}

/// The next change of health.
async fn told(told: &mut Subscription<Set>) -> Health {
    let next = async {
        loop {
            if let Notice::Health(health) = told.next().await.expect("the node lives") {
                return health;
            }
        }
    };
    tokio::time::timeout(LIMIT, next).await.expect("nobody is told")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_store_is_told_and_everything_else_goes_on_until_it_works() {
    let names = Names::new();
    let disk = FaultyStore::default();
    let a = start(names.issue("a"), disk.clone(), &[]).await;
    let b = start(names.issue("b"), MemoryStore::default(), &[&a]).await;
    let first = add(&a, "first");
    a.durable(&first, LIMIT).await.unwrap();
    assert_eq!(health(&a), Health::Healthy);

    let mut notices = a.subscribe();
    disk.fail(Some(DiskFault::Full));
    let second = add(&a, "second");
    let failing = told(&mut notices).await;
    let Health::StoreFailing { error, .. } = &failing else { panic!("{failing:?}") };
    assert!(matches!(error.fault, StoreFault::Disk { .. }) && error.to_string().contains("no space left"));
    assert!(matches!(health(&a), Health::StoreFailing { .. }));
    let refused = a.durable(&second, SOON).await;
    assert!(
        matches!(refused, Err(WaitError::NotDurable { missing: 1, health: Health::StoreFailing { .. }, .. })),
        "{refused:?}"
    );
    a.durable(&first, SOON).await.expect("what is there stays there");
    a.replicated(&second, 1, LIMIT).await.expect("gossip goes on");
    assert!(has(&b, "second") && has(&a, "second"));
    assert!(a.durable(&add(&a, "third"), SOON).await.is_err());

    disk.fail(None);
    let third = add(&a, "fourth");
    a.durable(&third, LIMIT).await.unwrap();
    assert_eq!(told(&mut notices).await, Health::Healthy);
    assert_eq!(health(&a), Health::Healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_with_a_store_counts_when_its_store_has_it() {
    let names = Names::new();
    let disk = FaultyStore::default();
    let a = start(names.issue("a"), MemoryStore::default(), &[]).await;
    let b = start(names.issue("b"), disk.clone(), &[&a]).await;
    until("they are linked", || peers(&a) == 1).await;
    disk.fail(Some(DiskFault::ReadOnly));
    let token = add(&a, "x");
    b.wait_for(&token, LIMIT).await.unwrap();
    let refused = a.replicated(&token, 1, SOON).await;
    assert!(matches!(refused, Err(WaitError::NotReplicated { wanted: 1, replicas: 0, .. })), "{refused:?}");
    disk.fail(None);
    a.replicated(&token, 1, LIMIT).await.unwrap();
    assert!(b.durable(&token, LIMIT).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_store_says_at_once_that_nothing_is_durable() {
    let names = Names::new();
    let a = start(names.issue("a"), MemoryStore::default(), &[]).await;
    assert_eq!(a.durable(&add(&a, "x"), LIMIT).await, Err(WaitError::Volatile));
    let builder = Node::<Set>::builder().listen(loopback()).identity(names.issue("b"));
    let b = builder.start().await.unwrap();
    assert_eq!(b.durable(&add(&b, "x"), LIMIT).await, Err(WaitError::Volatile));
}

/// What a crash takes from the store peers give back, if they had it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_that_was_acknowledged_here_or_there() {
    let names = Names::new();
    let disk = FaultyStore::default();
    let b = start(names.issue("b"), MemoryStore::default(), &[]).await;
    let a = start(names.issue("a"), disk.clone(), &[&b]).await;
    let durable = add(&a, "durable");
    a.durable(&durable, LIMIT).await.unwrap();
    disk.fail(Some(DiskFault::FsyncBeforeWrite));
    let replicated = add(&a, "replicated");
    a.replicated(&replicated, 1, LIMIT).await.unwrap();
    drop(a);
    until("a is gone", || peers(&b) == 0).await;
    disk.fail(None);
    let a = start(names.issue("a"), disk.clone(), &[]).await;
    assert!(has(&a, "durable") && !has(&a, "replicated"), "before it meets anybody");
    drop(a);
    let a = start(names.issue("a"), disk, &[&b]).await;
    until("its past is back", || has(&a, "replicated")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_that_left_something_unwritten_says_so() {
    let (names, disk) = (Names::new(), FaultyStore::default());
    let mut net = eager();
    net.drain_timeout = SOON;
    let builder = Node::<Set>::builder().listen(loopback()).identity(names.issue("a")).net(net);
    let a = builder.store(disk.clone()).start().await.unwrap();
    disk.fail(Some(DiskFault::Full));
    add(&a, "x");
    assert!(!a.shutdown().await);
}

#[cfg(feature = "redb")]
mod file {
    use crdt_sync::store::{RedbStore, StoreError};

    use super::*;

    /// A path of its own for each test.
    fn path(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("crdt-sync-net-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir.join(name)
    }

    fn open(path: &PathBuf) -> RedbStore {
        RedbStore::open(path).expect("a store")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_restart_shows_everything_at_once_and_writes_under_a_new_id() {
        let (names, path) = (Names::new(), path("restart.redb"));
        let a = start(names.issue("a"), open(&path), &[]).await;
        for element in 0..200 {
            add(&a, &format!("element {element}"));
        }
        let written = a.update(|set| set.remove("element 7")).unwrap();
        a.durable(&written.token, LIMIT).await.unwrap();
        assert!(a.shutdown().await);
        drop(a);
        let a = start(names.issue("a"), open(&path), &[]).await;
        assert_eq!(a.read(|set| set.len()), Ok(199));
        assert!(!has(&a, "element 7"));
        a.durable(&written.token, SOON).await.expect("it still is");
        let again = a.update(|set| set.insert("again".to_owned())).unwrap();
        assert_ne!(again.update.unwrap().replica, written.update.unwrap().replica);
        let b = start(names.issue("b"), MemoryStore::default(), &[&a]).await;
        b.wait_for(&again.token, LIMIT).await.unwrap();
        assert_eq!(b.fingerprint(), a.fingerprint());
        fs::remove_file(path).unwrap();
    }

    /// Nobody waited for anything; `shutdown` does.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_shutdown_leaves_nothing_unwritten() {
        let (names, path) = (Names::new(), path("shutdown.redb"));
        let a = start(names.issue("a"), open(&path), &[]).await;
        for element in 0..1_000 {
            add(&a, &format!("element {element}"));
        }
        assert!(a.shutdown().await);
        let again = start(names.issue("a"), open(&path), &[]).await;
        assert_eq!(again.read(|set| set.len()), Ok(1_000), "while a handle of the old one is still there");
        drop((a, again));
        fs::remove_file(path).unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_of_another_cluster_or_type_stays_as_it_is() {
        let (names, path) = (Names::new(), path("other.redb"));
        let a = start(names.issue("a"), open(&path), &[]).await;
        add(&a, "x");
        assert!(a.shutdown().await);
        drop(a);
        let before = RedbStore::open(&path).unwrap().load().unwrap();
        let other = Ca::generate("other").unwrap().issue("a").unwrap();
        let refused = try_start(other, open(&path), &[]).await.map(|_| ()).expect_err("another cluster");
        let words = refused.to_string();
        assert!(words.contains("other.redb") && words.contains("\"test\""), "{words}");
        let builder = Node::<crdt_core::PnCounter>::builder().listen(loopback()).identity(names.issue("a"));
        let refused = builder.store(open(&path)).start().await.map(|_| ()).expect_err("another type");
        assert!(matches!(refused, StartError::Recover { .. }), "{refused}");
        assert_eq!(RedbStore::open(&path).unwrap().load(), Ok::<_, StoreError>(before));
        fs::remove_file(path).unwrap();
    }
}
