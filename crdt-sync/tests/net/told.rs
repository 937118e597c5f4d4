//! What a node tells its operator through `tracing`.

use std::fmt::{Debug, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crdt_sync::certs::Ca;
use crdt_sync::proto::Config;
use crdt_sync::store::{DiskFault, FaultyStore};
use crdt_sync::{Builder, Identity, Node};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::{LIMIT, Set, add, eager, has, loopback, peers, until};

/// Lines as they would stand in a log, with the fields of the spans that they are in.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    told: Vec<String>,
    spans: Vec<String>,
    entered: Vec<usize>,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = if field.name() == "message" { String::new() } else { format!("{}=", field.name()) };
        write!(self.0, " {name}{value:?}").expect("a string takes everything");
    }
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many lines have all of these words.
    async fn tells(&self, times: usize, words: &[&str]) {
        let waited = async {
            while self.with(words) < times {
                tokio::time::sleep(Duration::from_millis(2)).await
            }
        };
        assert!(tokio::time::timeout(LIMIT, waited).await.is_ok(), "{words:?}: {:#?}", self.lines().told);
    }

    /// The lines in which all of these stand.
    fn with(&self, words: &[&str]) -> usize {
        let has_all = |line: &&String| words.iter().all(|word| line.contains(word));
        self.lines().told.iter().filter(has_all).count()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("crdt_sync") && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = String::new();
        span.record(&mut Fields(&mut fields));
        let mut lines = self.lines();
        lines.spans.push(fields);
        Id::from_u64(lines.spans.len() as u64)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut Fields(&mut line));
        let mut lines = self.lines();
        let spans: Vec<String> = lines.entered.iter().map(|span| lines.spans[*span].clone()).collect();
        lines.told.push(line + &spans.concat());
    }

    fn enter(&self, span: &Id) {
        self.lines().entered.push(span.into_u64() as usize - 1);
    }

    fn exit(&self, span: &Id) {
        let mut lines = self.lines();
        let last = lines.entered.iter().rposition(|entered| *entered as u64 + 1 == span.into_u64());
        last.map(|at| lines.entered.remove(at));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
}

/// A node whose log forgets at once.
fn builder(identity: Identity, seeds: &[SocketAddr]) -> Builder<Set> {
    let mut config = Config::new(identity.cluster());
    (config.max_update_bytes, config.log_bytes) = (1_024, 1_500);
    Node::builder().listen(loopback()).identity(identity).peers(seeds).net(eager()).config(config)
}

/// On one thread, since what listens is that of a thread.
#[tokio::test]
async fn an_operator_is_told_what_the_documentation_lists() {
    let log = Log::default();
    let _listening = tracing::subscriber::set_default(log.clone());
    // Were there one listener only, what threads without one come by first would be off for all.
    let _other = tracing::Dispatch::new(log.clone());
    let (ca, other, disk) =
        (Ca::generate("test").unwrap(), Ca::generate("test").unwrap(), FaultyStore::default());
    let a = builder(ca.issue("a").unwrap(), &[]).store(disk.clone()).start().await.unwrap();
    assert_eq!(log.with(&["INFO started", "node=a", &a.local_addr().to_string()]), 1);
    disk.fail(Some(DiskFault::Full));
    for element in 0..100 {
        add(&a, &element.to_string());
    }
    log.tells(1, &["ERROR the store fails", "no space left", "node=a"]).await;
    disk.fail(None);
    log.tells(1, &["INFO the store works again", "node=a"]).await;

    let b = builder(ca.issue("b").unwrap(), &[a.local_addr()]).start().await.unwrap();
    until("b has everything", || has(&b, "0") && peers(&a) == 1).await;
    assert_eq!(log.with(&["INFO peer up", "peer=b", "node=a"]), 1);
    for (name, side) in [("a", "Donor"), ("b", "Receiver")] {
        let node = format!("node={name}");
        assert_eq!(log.with(&["INFO walk started", side, &node]), 1);
        log.tells(1, &["INFO walk finished", side, "Complete", &node]).await;
    }
    a.freeze().unwrap();
    a.thaw().await.unwrap();
    assert_eq!((log.with(&["INFO frozen", "node=a"]), log.with(&["INFO thawed", "node=a"])), (1, 1));
    a.revoke("b");
    log.tells(1, &["WARN refused", "peer=b", "node=a", "Revoked"]).await;
    log.tells(1, &["WARN refused", "peer=a", "node=b"]).await;
    log.tells(1, &["INFO peer down", "peer=b", "node=a"]).await;

    let begun = std::time::Instant::now();
    let before = a.status().unwrap().connections.incoming_failed;
    let stranger = builder(other.issue("x").unwrap(), &[a.local_addr()]).start().await.unwrap();
    let turned_away = || a.status().unwrap().connections.incoming_failed - before;
    until("the stranger came often", || turned_away() >= 6).await;
    let (told, seconds) = (log.with(&["WARN turned away", "node=a"]), begun.elapsed().as_secs() as usize);
    assert!(told >= 1 && told <= 2 + seconds, "{told} lines in {seconds} s");
    assert_eq!(log.with(&["WARN cannot be reached", "node=x"]), 1, "it is the same each time");
    stranger.shutdown().await;
    assert_eq!(log.with(&["INFO stopped", "node=x"]), 1);
    assert_eq!(log.with(&["peer up", "node=x"]), 0);
}

/// The messages of all calls of a macro of `tracing`: the last text in quotation marks.
fn messages(code: &str, name: &str) -> Vec<String> {
    let call = format!("tracing::{name}!(");
    let calls = code.split(&call).skip(1);
    let message = |rest: &str| Some(rest.split_once("\")")?.0.rsplit_once('"')?.1.to_owned());
    calls.filter_map(message).collect()
}

#[test]
fn every_line_that_a_node_writes_is_in_the_documentation() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let documentation = std::fs::read_to_string(src.join("lib.rs")).unwrap();
    let mut found = 0;
    for file in std::fs::read_dir(src.join("net")).unwrap() {
        let code = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for message in ["error", "warn", "info"].iter().flat_map(|name| messages(&code, name)) {
            assert!(documentation.contains(&format!("`{message}`")), "{message}");
            found += 1;
        }
    }
    assert!(found > 15, "{found}");
}
