//! The process of one region: a node that does what the demo orders through its standard input.

use std::io::{self, stdin, stdout};
use std::process::{ExitCode, exit};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crdt_examples::cli;
use crdt_examples::shop::{Change, Shop, View};
use crdt_sync::{Identity, NetConfig, Node, PeerState};
use tokio::runtime::{self, Runtime};

use crate::control::{Answer, Order, Pulse, Sent, Start, read_message, write_message};

/// How long a region waits for other processes to have its writes.
const COPY_LIMIT: Duration = Duration::from_secs(20);

/// Obeys until the orders end.
pub(crate) fn serve() -> ExitCode {
    match obey_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::fail("gossip-demo: a region", error, cli::FAILED),
    }
}

fn obey_all() -> io::Result<()> {
    let (sender, orders) = sync_channel(1);
    thread::spawn(move || pass_on(&sender));
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut region = Region { runtime, node: None };
    for order in orders {
        let answer = region.obey(order).unwrap_or_else(Answer::Refused);
        write_message(&mut stdout().lock(), &answer)?;
    }
    Ok(())
}

/// Reads orders. Their end is the end of the process, whatever else it is doing: the demo is gone,
/// and a region does not outlive it.
fn pass_on(orders: &SyncSender<Order>) {
    let mut stdin = stdin().lock();
    loop {
        match read_message(&mut stdin) {
            Ok(Some(order)) => {
                if orders.send(order).is_err() {
                    return;
                }
            }
            Ok(None) => exit(0),
            Err(error) => {
                cli::fail("gossip-demo: a region", error, cli::FAILED);
                exit(cli::FAILED.into());
            }
        }
    }
}

struct Region {
    runtime: Runtime,
    node: Option<Node<Shop>>,
}

impl Region {
    fn obey(&mut self, order: Order) -> Result<Answer, String> {
        if let Order::Start(start) = order {
            let node = self.runtime.block_on(start_node(&start))?;
            let address = node.local_addr();
            self.node = Some(node);
            return Ok(Answer::Started(address));
        }
        let node = self.node.as_ref().ok_or("the node is not started")?;
        match order {
            Order::Start(_) => Err("the node is started already".to_owned()),
            Order::Write { changes, copies } => self.write(node, &changes, copies),
            Order::Cut => {
                node.cut(None);
                Ok(Answer::Done)
            }
            Order::Heal => {
                node.heal();
                Ok(Answer::Done)
            }
            Order::Pulse => pulse(node).map(Answer::Pulse),
            Order::Show => node.read(|shop| View::from(&**shop)).map(Answer::View).map_err(text),
        }
    }

    fn write(&self, node: &Node<Shop>, changes: &[Change], copies: usize) -> Result<Answer, String> {
        let mut token = node.token().map_err(text)?;
        for change in changes {
            token = node.update(|shop| change.apply(&shop)).map_err(text)?.token;
        }
        if copies > 0 {
            self.runtime.block_on(node.replicated(&token, copies, COPY_LIMIT)).map_err(text)?;
        }
        Ok(Answer::Written(token))
    }
}

async fn start_node(start: &Start) -> Result<Node<Shop>, String> {
    let identity = Identity::from_pem(&start.ca, &start.cert, &start.key).map_err(text)?;
    // The links of the demo come and go every second, and none is far: dial again soon.
    let mut net = NetConfig::default();
    net.dial_backoff_min = Duration::from_millis(20);
    net.dial_backoff_max = Duration::from_millis(100);
    net.idle_timeout = Duration::from_secs(2);
    net.keep_alive = Duration::from_millis(500);
    let builder = Node::builder().listen(start.listen).identity(identity).peers(&start.peers).net(net);
    let node = builder.start().await.map_err(text)?;
    if start.apart {
        node.cut(None);
    }
    Ok(node)
}

fn pulse(node: &Node<Shop>) -> Result<Pulse, String> {
    let status = node.status().map_err(text)?;
    let greeted = status.engine.peers.into_iter().filter(|peer| peer.state != PeerState::Greeting);
    Ok(Pulse {
        fingerprint: node.fingerprint().map_err(text)?,
        applied: node.token().map_err(text)?,
        linked: greeted.map(|peer| peer.name).collect(),
        sent: Sent { bytes: status.traffic.bytes_sent, frames: status.traffic.frames_sent },
    })
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
