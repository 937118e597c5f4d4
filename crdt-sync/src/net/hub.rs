//! One node's engine, its connections, and who waits for what.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use parking_lot::{RwLock, RwLockWriteGuard};
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::admission::Admission;
use super::book::Book;
use super::config::NetConfig;
use super::fault::LinkError;
use super::health::StoreHealth;
use super::link::{Close, Link};
use super::status::{Connections, Traffic};
use super::subscribe::Notice;
use super::trust::Trust;
use super::world;
use crate::proto::{Batch, Document, Event, Machine, Now, PeerError, PeerId};

/// How often it is told that somebody who is no member was turned away.
const SELDOM: Duration = Duration::from_secs(1);

/// The engine of a node, which all its tasks share, whatever the type of its document. A user's panic
/// leaves it whole: edits happen in a scratch.
pub(super) type Engine<D = dyn Document + Send + Sync> = RwLock<Machine<D>>;

/// What all tasks of one node share. None of them knows the type of the document.
///
/// Two locks, never held across an await, never both at once: the engine, and the table of links.
/// Those inside `trust` are held while something is copied or replaced, and no longer.
pub(super) struct Hub {
    pub(super) name: String,
    pub(super) cluster: String,
    /// Drawn at the start: tells a peer that came back from one that dials twice.
    pub(super) incarnation: [u8; 16],
    pub(super) net: NetConfig,
    pub(super) endpoint: quinn::Endpoint,
    pub(super) trust: Trust,
    pub(super) runtime: Handle,
    pub(super) max_frame: usize,
    pub(super) admission: Admission,
    pub(super) store: StoreHealth,
    engine: Arc<Engine>,
    /// How often the user came for it.
    visits: AtomicU64,
    links: Mutex<Links>,
    started: Instant,
    next_peer: AtomicU64,
    stopping: AtomicBool,
    ended: watch::Sender<bool>,
    /// Counts the inputs of the engine, for those who wait for an update or a report.
    progress: watch::Sender<u64>,
    /// When the engine is called next, at the latest.
    timer: watch::Sender<Option<Instant>>,
    /// Counts the changes of the table of links, for those who dial.
    link_changes: watch::Sender<u64>,
    /// Ends the pauses between attempts to dial.
    hurry: watch::Sender<()>,
    notices: broadcast::Sender<Notice>,
}

/// What an engine wants done.
pub(super) struct Wanted {
    refused: Vec<(PeerId, PeerError)>,
    ready: Vec<PeerId>,
    due: Option<Duration>,
}

/// The connections of a node.
#[derive(Default)]
pub(super) struct Links {
    /// One for each peer, by name.
    pub(super) live: BTreeMap<String, Arc<Link>>,
    /// Names whose links are cut for a drill.
    pub(super) cut: BTreeSet<String>,
    /// All links are.
    pub(super) all_cut: bool,
    /// Where the peers were whose links were cut.
    pub(super) cut_off: BTreeMap<String, SocketAddr>,
    /// Names for which a connection is being settled.
    pub(super) settling: BTreeSet<String>,
    /// What is known of each peer.
    pub(super) book: Book,
    /// How connections came about; how many are open is not counted here.
    pub(super) counts: Connections,
    /// The traffic of links that are gone.
    pub(super) past: Traffic,
    /// When it was told last that a handshake came to nothing.
    told: Option<Instant>,
}

impl Links {
    /// Makes this the link to its peer, and returns the one before.
    pub(super) fn link(&mut self, link: &Arc<Link>) -> Option<Arc<Link>> {
        self.counts.made += 1;
        let old = self.live.insert(link.name.clone(), link.clone());
        let Self { book, live, .. } = self;
        book.linked(&link.name, link.connection.remote_address(), |name| live.contains_key(name));
        old
    }

    /// Counts a handshake that others began and that came to nothing. Returns whether to tell of it:
    /// strangers come as often as they like.
    pub(super) fn incoming_failed(&mut self) -> bool {
        self.counts.incoming_failed += 1;
        let tell = self.told.is_none_or(|told| told.elapsed() >= SELDOM);
        if tell {
            self.told = Some(world::instant());
        }
        tell
    }

    fn fail(&mut self, name: &str, address: SocketAddr, error: LinkError) {
        let Self { book, live, counts, .. } = self;
        counts.refused += u64::from(error.is_refusal());
        counts.duplicate_names += u64::from(matches!(error, LinkError::DuplicateName { .. }));
        book.failed(name, address, error, |name| live.contains_key(name));
    }
}

impl Hub {
    /// To be called on a tokio runtime.
    pub(super) fn new(
        name: &str,
        engine: Arc<Engine>,
        (net, endpoint, trust): (NetConfig, quinn::Endpoint, Trust),
    ) -> Self {
        let config = Machine::config(&*engine.read()).clone();
        let (notices, _) = broadcast::channel(net.subscriber_events);
        Self {
            name: name.to_owned(),
            cluster: config.cluster,
            incarnation: world::random(),
            admission: Admission::new(net.handshakes_per_ip),
            store: StoreHealth::default(),
            net,
            endpoint,
            trust,
            runtime: Handle::current(),
            max_frame: config.max_frame,
            engine,
            visits: AtomicU64::new(0),
            links: Mutex::default(),
            started: world::instant(),
            next_peer: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            progress: watch::Sender::new(0),
            timer: watch::Sender::new(None),
            link_changes: watch::Sender::new(0),
            hurry: watch::Sender::new(()),
            notices,
        }
    }

    /// Says in what is told which node it is.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::info_span!(parent: None, "node", node = %self.name)
    }

    /// What time it is, for the engine. Asked under its lock: time that a thread took before it
    /// waited there would go back.
    pub(super) fn now(&self) -> Now {
        Now { mono: world::instant() - self.started, wall_ms: world::wall_ms() }
    }

    /// Reads the engine.
    pub(super) fn read<R>(&self, read: impl FnOnce(&Machine) -> R) -> R {
        read(&*self.engine.read())
    }

    /// The user comes for the engine, to write or to read.
    pub(super) fn visited(&self) {
        self.visits.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the user came so far.
    pub(super) fn visits(&self) -> u64 {
        self.visits.load(Ordering::Relaxed)
    }

    pub(super) fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the engine an input, and does what it wants done in turn. Whoever waits for the engine has it
    /// next: a link that has much to say would take it again before they have woken up.
    pub(super) fn input<R>(&self, input: impl FnOnce(&mut Machine, Now) -> R) -> R {
        let mut engine = self.engine.write();
        let now = self.now();
        let result = input(&mut *engine, now);
        let wanted = self.wanted(&mut *engine, now);
        RwLockWriteGuard::unlock_fair(engine);
        self.fulfil(&wanted);
        result
    }

    /// What the engine wants done after an input at this time. Its events are published: under the lock,
    /// so that subscribers see them in the order in which they happened.
    pub(super) fn wanted(&self, engine: &mut Machine, now: Now) -> Wanted {
        self.publish(engine);
        let refused = std::iter::from_fn(|| engine.poll_refused()).collect();
        Wanted { refused, ready: engine.ready(now), due: engine.poll_timeout() }
    }

    /// Does it, when the engine is free again.
    pub(super) fn fulfil(&self, wanted: &Wanted) {
        wanted.refused.iter().for_each(|(peer, error)| self.refuse(*peer, error));
        self.set_timer(wanted.due);
        self.wake(|link| wanted.ready.contains(&link.peer));
    }

    /// Gets something out of the engine. Whoever waits for it has it next.
    pub(super) fn output<R>(&self, output: impl FnOnce(&mut Machine, Now) -> R) -> R {
        let mut guard = self.engine.write();
        let engine: &mut Machine = &mut *guard;
        let result = output(engine, self.now());
        self.publish(engine);
        let due = engine.poll_timeout();
        RwLockWriteGuard::unlock_fair(guard);
        self.set_timer(due);
        result
    }

    /// The next batch for the store.
    pub(super) fn next_batch(&self) -> Option<Batch> {
        self.output(|engine, _| engine.poll_persist())
    }

    /// Adds to it while there is more of a state that goes to the store in pieces.
    pub(super) fn extend_batch(&self, batch: &mut Batch) -> bool {
        self.output(|engine, _| engine.extend_persist(batch))
    }

    /// The engine wants to be called then. A timer that is set to an earlier time stays so: being
    /// called early does no harm, and setting timers costs.
    fn set_timer(&self, due: Option<Duration>) {
        let Some(due) = due.map(|due| self.started + due) else { return };
        self.timer.send_if_modified(|timer| {
            let earlier = timer.is_none_or(|timer| due < timer);
            if earlier {
                *timer = Some(due);
            }
            earlier
        });
    }

    /// Calls the engine whose time has come, and sets the timer anew.
    pub(super) fn timeout(&self) {
        self.timer.send_replace(None);
        self.input(|engine, now| engine.handle_timeout(now));
    }

    /// Sees when the engine is to be called.
    pub(super) fn timer(&self) -> watch::Receiver<Option<Instant>> {
        self.timer.subscribe()
    }

    fn publish(&self, engine: &mut Machine) {
        while let Some(event) = engine.poll_event() {
            note(&event);
            // Nobody subscribed is no failure.
            let _ = self.notices.send(Notice::Event(event));
        }
    }

    /// Closes the link of a peer that the engine refuses.
    fn refuse(&self, peer: PeerId, error: &PeerError) {
        let link = self.links().live.values().find(|link| link.peer == peer).cloned();
        if let Some(link) = link {
            self.refuse_link(&link, LinkError::Protocol(error.clone()));
        }
    }

    /// Closes a link whose peer broke a rule, unless it is closed already.
    pub(super) fn refuse_link(&self, link: &Link, error: LinkError) {
        if link.connection.close_reason().is_none() {
            link.close(Close::Refused, &error.to_string());
            self.report(&link.name, link.connection.remote_address(), error);
        }
    }

    /// Closes a link if its peer would not be accepted any more.
    pub(super) fn recheck(&self, link: &Link) -> Result<(), Close> {
        let Err(error) = self.trust.allows(&link.connection) else { return Ok(()) };
        if link.connection.close_reason().is_none() {
            let error = LinkError::Untrusted { reason: error.to_string() };
            link.close(Close::Untrusted, &error.to_string());
            self.report(&link.name, link.connection.remote_address(), error);
        }
        Err(Close::Untrusted)
    }

    /// Closes all links whose peers would not be accepted any more.
    pub(super) fn recheck_all(&self) {
        let links: Vec<_> = self.links().live.values().cloned().collect();
        // Whoever is linked from now on is checked anew in `keep`.
        for link in links {
            let _ = self.recheck(&link);
        }
    }

    /// Notes what is wrong between this node and a member, and tells subscribers if somebody should
    /// look.
    pub(super) fn report(&self, name: &str, address: SocketAddr, error: LinkError) {
        match &error {
            LinkError::DuplicateName { .. } => tracing::error!(peer = %name, %address, %error, "refused"),
            error if error.is_refusal() => tracing::warn!(peer = %name, %address, %error, "refused"),
            error => tracing::debug!(peer = %name, %address, %error, "not linked"),
        }
        self.links().fail(name, address, error.clone());
        if error.is_refusal() {
            let _ = self.notices.send(Notice::Refused { name: name.to_owned(), address, error });
        }
    }

    /// Lets the writers of these links and every waiter look again.
    fn wake(&self, ready: impl Fn(&Link) -> bool) {
        self.links().live.values().filter(|link| ready(link)).for_each(|link| link.wake.notify_one());
        if self.progress.receiver_count() > 0 {
            self.progress.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Sees every input from now on.
    pub(super) fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    /// Sees every change of the table of links from now on.
    pub(super) fn link_changes(&self) -> watch::Receiver<u64> {
        self.link_changes.subscribe()
    }

    pub(super) fn links_changed(&self) {
        self.link_changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Sees every reason to dial at once from now on.
    pub(super) fn hurries(&self) -> watch::Receiver<()> {
        self.hurry.subscribe()
    }

    /// What kept peers away is over: who waits to dial does so now.
    pub(super) fn hurry(&self) {
        self.hurry.send_replace(());
        self.links_changed();
    }

    /// Tells subscribers.
    pub(super) fn notify(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// A name for a new connection, never used again.
    pub(super) fn next_peer(&self) -> PeerId {
        PeerId(self.next_peer.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Writes are refused and no link is made any more; those that are there go on.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake(|_| true);
        self.links_changed();
    }

    /// Closes all links and ends all tasks.
    pub(super) fn end(&self, words: &str) {
        self.stop();
        self.endpoint.close(Close::Bye.code(), words.as_bytes());
        if !self.ended.send_replace(true) {
            tracing::info!(node = %self.name, why = words, "stopped");
        }
    }

    /// Sees the end of the node.
    pub(super) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// Whether there must be no link, to this peer or to any.
    pub(super) fn is_barred(&self, name: Option<&str>) -> bool {
        let links = self.links();
        let cut = links.all_cut || name.is_some_and(|name| links.cut.contains(name));
        drop(links);
        cut || name.is_some_and(|name| self.trust.is_revoked(name))
    }

    /// Whether there is a link to this name, or to this address.
    pub(super) fn is_linked(&self, name: Option<&str>, address: Option<SocketAddr>) -> bool {
        let links = self.links();
        let there = |link: &Arc<Link>| Some(link.connection.remote_address()) == address;
        name.is_some_and(|name| links.live.contains_key(name)) || links.live.values().any(there)
    }
}

/// What an operator wants to read.
fn note(event: &Event) {
    match event {
        Event::PeerUp { peer, name } => tracing::info!(peer = %name, link = peer.0, "peer up"),
        Event::PeerDown { peer, name } => tracing::info!(peer = %name, link = peer.0, "peer down"),
        Event::Diverged { peer, ours, theirs } => {
            tracing::error!(link = peer.0, ours, theirs, "equal vectors, unequal states");
        }
        Event::Drift { ahead, .. } => tracing::warn!(?ahead, "a stamp runs ahead of this clock"),
        Event::WalkStarted { peer, role } => tracing::info!(link = peer.0, ?role, "walk started"),
        Event::WalkFinished { peer, role, outcome } => {
            tracing::info!(link = peer.0, ?role, ?outcome, "walk finished");
        }
        _ => tracing::trace!(?event, "event"),
    }
}
