//! A process that is killed while a node gets its state from it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crdt_sync::certs::Ca;
use crdt_sync::proto::{Config, Event};
use crdt_sync::{Identity, Node, Notice};

use crate::proxy::{FAIR, Proxy, Weather};
use crate::support::{LIMIT, Set, add, eager, loopback, peers, until};

const TEST: &str = "donor::a_donor_that_is_killed_in_the_middle_is_replaced_by_another_while_writes_go_on";
/// What the child is given: the node to get everything from, and the identity, in PEM.
const CHILD: [&str; 4] =
    ["CRDT_SYNC_DONOR_PEER", "CRDT_SYNC_DONOR_CA", "CRDT_SYNC_DONOR_CERT", "CRDT_SYNC_DONOR_KEY"];
const SIZE: usize = 6_000;

/// The log forgets, so that nobody gets this from it.
fn short_log() -> Config {
    let mut config = Config::new("test");
    (config.max_update_bytes, config.log_bytes) = (64 << 10, 64 << 10);
    config.walk_timeout = Duration::from_secs(2);
    config.walk_retry = Duration::from_millis(100);
    config
}

async fn run(identity: Identity, listen: SocketAddr, seeds: &[SocketAddr]) -> Node<Set> {
    let node = Node::builder().listen(listen).identity(identity).peers(seeds).net(eager());
    node.config(short_log()).start().await.expect("a node starts on loopback")
}

/// Gets everything from its peer, says where it listens, and gives it to whoever asks.
async fn serve([peer, ca, cert, key]: [String; 4]) {
    let identity = Identity::from_pem(&ca, &cert, &key).unwrap();
    let node = run(identity, loopback(), &[peer.parse().unwrap()]).await;
    until("it has everything", || node.read(|set| set.len()) == Ok(SIZE)).await;
    println!("donor at {}", node.local_addr());
    tokio::time::sleep(6 * LIMIT).await;
}

/// Killed when the test ends, however it does.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn_donor(peer: SocketAddr, ca: &Ca) -> (Killed, ChildStdout) {
    let identity = ca.issue("donor").unwrap();
    let given = [&peer.to_string(), ca.cert_pem(), identity.cert_pem(), identity.key_pem()];
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", TEST, "--nocapture"]).envs(CHILD.into_iter().zip(given)).stdout(Stdio::piped());
    let mut child = test.spawn().expect("the test itself can be run");
    let out = child.stdout.take().expect("it is piped");
    (Killed(child), out)
}

fn address(out: ChildStdout) -> SocketAddr {
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    let said = lines.find_map(|line| Some(line.split("donor at ").nth(1)?.parse()));
    said.expect("it starts").expect("an address")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_donor_that_is_killed_in_the_middle_is_replaced_by_another_while_writes_go_on() {
    let given = CHILD.map(std::env::var);
    if let [Ok(peer), Ok(ca), Ok(cert), Ok(key)] = given {
        return serve([peer, ca, cert, key]).await;
    }
    let ca = Ca::generate("test").unwrap();
    let other = run(ca.issue("other").unwrap(), loopback(), &[]).await;
    for first in (0..SIZE).step_by(100) {
        let element = |n| format!("{n} {}", "x".repeat(100));
        other.update(|set| (first..first + 100).for_each(|n| set.insert(element(n)))).unwrap();
    }
    let (mut donor, out) = spawn_donor(other.local_addr(), &ca);
    let donor_at = tokio::task::spawn_blocking(|| address(out)).await.unwrap();
    other.cut(None);
    until("the donor is alone", || peers(&other) == 0).await;

    // What the new node gets from the donor takes a second.
    let proxy = Proxy::before(donor_at, 1).await;
    proxy.weather(Weather { bytes_per_second: 500_000.0, ..FAIR });
    let new = run(ca.issue("new").unwrap(), loopback(), &[proxy.address, other.local_addr()]).await;
    let mut told = new.subscribe();
    let merged =
        async { while !matches!(told.next().await, Some(Notice::Event(Event::WalkMerged { .. }))) {} };
    tokio::time::timeout(LIMIT, merged).await.expect("the walk begins");
    add(&new, "written in the middle");
    let before = new.read(|set| set.len()).unwrap();
    donor.0.kill().unwrap();
    donor.0.wait().unwrap();
    add(&new, "written when the donor was gone");
    add(&other, "written elsewhere");
    assert!((1..SIZE / 2).contains(&before), "{before} of {SIZE} were there when the donor was killed");
    other.heal();
    until("everything is there", || new.read(|set| set.len()) == Ok(SIZE + 3)).await;
    until("and there", || new.fingerprint() == other.fingerprint()).await;
    assert!(!new.status().unwrap().engine.partial);
}
