//! A running node: what is typed at it, and what it tells.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, Read, Write, stdin, stdout};
use std::pin::pin;
use std::thread;

use crdt_examples::cli::one_line;
use crdt_examples::shop::{Shop, View};
use crdt_sync::store::RedbStore;
use crdt_sync::{Event, LinkState, Node, Notice};
use tokio::sync::mpsc;

use crate::args::Settings;
use crate::certificates;
use crate::command::{self, Command};

/// The longest line that is read.
const MAX_LINE: u64 = 64 << 10;

/// Runs a node until its input ends, or it is told to quit.
pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let identity = certificates::load(settings)?;
    let runtime = tokio::runtime::Runtime::new().map_err(text)?;
    runtime.block_on(async {
        let mut node =
            Node::<Shop>::builder().listen(settings.listen).identity(identity).peers(&settings.peers);
        if let Some(dir) = &settings.data {
            fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
            let file = dir.join(format!("{}.redb", settings.name));
            node = node.store(RedbStore::open(file).map_err(text)?);
        }
        let node = node.start().await.map_err(text)?;
        let told = converse(&node).await;
        node.shutdown().await;
        told
    })
}

async fn converse(node: &Node<Shop>) -> Result<(), String> {
    let mut events = node.subscribe();
    let (sender, mut lines) = mpsc::channel(1);
    // Reading blocks, and cannot be cancelled: the thread ends with the process.
    thread::spawn(move || read_lines(&sender));
    print(&format!("{} listens on {}; type help\n", node.name(), node.local_addr()))?;
    let mut shown = facts(node)?;
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { return Ok(()) };
                match command::parse(&line.map_err(text)?) {
                    Ok(Some(Command::Quit)) => return Ok(()),
                    Ok(Some(command)) => obey(node, command)?,
                    Ok(None) => {}
                    Err(error) => print(&format!("{}\n", one_line(&error)))?,
                }
            }
            notice = events.next() => {
                let Some(notice) = notice else { return Ok(()) };
                if let Some(change) = news(&notice) {
                    print(&change)?;
                }
            }
            _ = &mut interrupted => return Ok(()),
        }
        let now = facts(node)?;
        print(&difference(&shown, &now))?;
        shown = now;
    }
}

/// Passes lines on until there are no more.
fn read_lines(lines: &mpsc::Sender<io::Result<String>>) {
    let mut stdin = stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = stdin.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        let ended = matches!(read, Ok(0));
        let line = read.map(|_| String::from_utf8_lossy(&line).into_owned());
        let failed = line.is_err();
        if ended || lines.blocking_send(line).is_err() || failed {
            return;
        }
    }
}

fn obey(node: &Node<Shop>, command: Command) -> Result<(), String> {
    match command {
        Command::Change(change) => {
            if let Err(error) = node.update(|shop| change.apply(&shop)) {
                print(&format!("not written: {error}\n"))?;
            }
        }
        Command::Show => {
            let facts = facts(node)?;
            let lines: String = facts.iter().map(|fact| format!("  {}\n", one_line(fact))).collect();
            print(if lines.is_empty() { "  nothing yet\n" } else { &lines })?;
        }
        Command::Status => print(&status(node)?)?,
        Command::Cut(peer) => node.cut(peer.as_deref()),
        Command::Heal => node.heal(),
        Command::Help => print(command::HELP)?,
        Command::Quit => {}
    }
    Ok(())
}

fn status(node: &Node<Shop>) -> Result<String, String> {
    let status = node.status().map_err(text)?;
    let mut lines = vec![
        format!("fingerprint {:032x}", node.fingerprint().map_err(text)?),
        format!("{} updates, {} bytes of them in the log", status.engine.updates, status.engine.log_bytes),
        format!("sent {} bytes in {} frames", status.traffic.bytes_sent, status.traffic.frames_sent),
    ];
    for peer in status.engine.peers {
        let lag =
            peer.lag_updates.map_or_else(|| "reconciling".to_owned(), |lag| format!("{lag} updates behind"));
        lines.push(format!("{}: {:?}, {lag}", peer.name, peer.state));
    }
    for peer in status.peers.into_iter().filter(|peer| peer.state != LinkState::Up) {
        let name = peer.name.or(peer.configured).unwrap_or_default();
        let reason = peer.last_error.map_or_else(String::new, |error| format!(", {error}"));
        lines.push(format!("{name}: {:?}{reason}", peer.state));
    }
    Ok(lines.iter().map(|line| format!("  {line}\n")).collect())
}

/// What an event means to a reader; changes of the document are compared instead.
fn news(notice: &Notice) -> Option<String> {
    match notice {
        Notice::Event(Event::PeerUp { name, .. }) => Some(format!("* {name} is here\n")),
        Notice::Event(Event::PeerDown { name, .. }) => Some(format!("* {name} is gone\n")),
        Notice::Refused { name, error, .. } => Some(format!("* no link to {name}: {error}\n")),
        Notice::Health(health) => Some(format!("* {health}\n")),
        _ => None,
    }
}

/// One line for each fact that became true or ceased to be so.
fn difference(before: &BTreeSet<String>, now: &BTreeSet<String>) -> String {
    let gone = before.difference(now).map(|fact| format!("- {}\n", one_line(fact)));
    gone.chain(now.difference(before).map(|fact| format!("+ {}\n", one_line(fact)))).collect()
}

fn facts(node: &Node<Shop>) -> Result<BTreeSet<String>, String> {
    node.read(|shop| View::from(&**shop).facts()).map_err(text)
}

fn print(words: &str) -> Result<(), String> {
    let mut out = stdout().lock();
    out.write_all(words.as_bytes()).and_then(|()| out.flush()).map_err(text)
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
