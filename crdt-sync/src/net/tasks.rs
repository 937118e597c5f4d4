//! What a node does by itself: keeping time, accepting, dialling.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::Incoming;
use tokio::net::lookup_host;
use tokio::time::{sleep, sleep_until, timeout};
use tracing::Instrument;

use super::admission::{Answer, COOLING, Shaking};
use super::book::{Phase, Seed};
use super::fault::LinkError;
use super::hub::Hub;
use super::link::Close;
use super::settle::{Greeted, Unmet, greet};
use super::status::Connections;
use super::world::{self, jittered};

/// What clients send as server name. Nodes are known by the name in their certificate instead.
const SERVER_NAME: &str = "node.crdt";
/// A link that lasted so long was a good one: dialling begins anew with the shortest pause.
const GOOD_LINK: Duration = Duration::from_secs(5);

/// Runs a task until the node ends, whatever it waits for: a task that slept on would keep the
/// node's port. It runs where the node was started: users call from any thread. What it tells of names
/// the node.
pub(super) fn spawn(hub: &Arc<Hub>, task: impl Future<Output = ()> + Send + 'static) {
    let mut ended = hub.ended();
    let until_end = async move {
        tokio::select! {
            () = task => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
    };
    hub.runtime.spawn(until_end.instrument(hub.span()));
}

/// Calls the engine when it wants to be called.
pub(super) async fn keep_time(hub: Arc<Hub>) {
    let mut timer = hub.timer();
    loop {
        let due = *timer.borrow_and_update();
        let wait = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => hub.timeout(),
            changed = timer.changed() => if changed.is_err() { return },
        }
    }
}

/// Certificates expire while connections last.
pub(super) async fn expire(hub: Arc<Hub>) {
    loop {
        sleep(hub.net.idle_timeout).await;
        hub.recheck_all();
    }
}

/// Takes connections from whoever has a certificate of the cluster.
pub(super) async fn accept(hub: Arc<Hub>) {
    while let Some(incoming) = hub.endpoint.accept().await {
        let (address, validated) = (incoming.remote_address().ip(), incoming.remote_address_validated());
        let answer = hub.admission.ask(address, validated);
        hub.links().counts.count_answer(&answer);
        match answer {
            Answer::Shake(shaking) => spawn(&hub, take(hub.clone(), incoming, shaking)),
            // Only an address that is not validated is asked to be, and it may always be asked.
            Answer::Validate => drop(incoming.retry()),
            Answer::Refuse => incoming.refuse(),
            Answer::Ignore => incoming.ignore(),
        }
    }
}

impl Connections {
    fn count_answer(&mut self, answer: &Answer) {
        match answer {
            Answer::Shake(_) => self.incoming += 1,
            Answer::Validate => self.asked_for_proof += 1,
            Answer::Refuse | Answer::Ignore => self.turned_away += 1,
        }
    }
}

async fn take(hub: Arc<Hub>, incoming: Incoming, mut shaking: Shaking) {
    let address = incoming.remote_address();
    let handshake = async {
        let connection = incoming.accept().map_err(|error| LinkError::handshake(&error))?;
        let connection = connection.await.map_err(|error| LinkError::handshake(&error))?;
        greet(connection, hub.incarnation, None).await
    };
    match in_time(&hub, handshake).await {
        Ok(greeted) => {
            let _ = serve(&hub, greeted, Some(shaking)).await;
        }
        Err(unmet) => {
            if hub.is_stranger(address, unmet) {
                shaking.fail();
                sleep(COOLING).await;
            }
        }
    }
}

async fn in_time(
    hub: &Hub,
    handshake: impl Future<Output = Result<Greeted, Unmet>>,
) -> Result<Greeted, Unmet> {
    timeout(hub.net.handshake_timeout, handshake).await.unwrap_or(Err(LinkError::Timeout.into()))
}

/// Settles for the connection and serves it while it lasts, or says why not.
async fn serve(hub: &Arc<Hub>, greeted: Greeted, shaking: Option<Shaking>) -> Result<(), Close> {
    let (kept, send, receive) = hub.settle(greeted).await?;
    drop(shaking);
    hub.run(&kept.link, send, receive).await;
    Ok(())
}

/// Dials this peer from now on; returns whether it was not dialled before.
pub(super) fn dial_too(hub: &Arc<Hub>, seed: Seed) -> bool {
    let seed = hub.links().book.add(seed);
    seed.map(|seed| spawn(hub, dial(hub.clone(), seed))).is_some()
}

/// Keeps a link to the peer at this address, whoever made it, until the seed is gone.
async fn dial(hub: Arc<Hub>, seed: u64) {
    let (mut changes, mut hurries) = (hub.link_changes(), hub.hurries());
    let mut backoff = hub.net.dial_backoff_min;
    while !hub.is_stopping() {
        changes.mark_unchanged();
        hurries.mark_unchanged();
        let Some(known) = hub.seed(seed) else { return };
        let address = lookup_host(&known.host).await.ok().and_then(|mut found| found.next());
        if !hub.wants(&known, address) {
            // What is there again was not lost to a bad network: no reason to be slow.
            backoff = hub.net.dial_backoff_min;
            hub.set_phase(seed, Phase::Idle);
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let begun = world::instant();
        let own = attempt(&hub, seed, address, known.expected).await == Some(Close::Own);
        if own {
            // Addresses change hands, and names lead elsewhere: it need not stay so.
            backoff = hub.net.dial_backoff_max;
        } else if begun.elapsed() >= GOOD_LINK.min(hub.net.dial_backoff_max) {
            backoff = hub.net.dial_backoff_min;
        }
        if own && known.phase != Phase::Own {
            tracing::info!(peer = %known.host, "this is the node itself");
        }
        hub.set_phase(seed, if own { Phase::Own } else { Phase::Pausing });
        // What is worth a hurry can also have come while the attempt was failing.
        let hurried = timeout(jittered(backoff), hurries.changed()).await.is_ok();
        let longer = (backoff * 2).min(hub.net.dial_backoff_max);
        backoff = if hurried { hub.net.dial_backoff_min } else { longer };
    }
}

/// Dials once a peer that was there, unless another connection to it is made first. If this fails
/// it is up to the peer.
pub(super) async fn call(hub: Arc<Hub>, name: String, address: SocketAddr) {
    if hub.is_linked(Some(&name), None) {
        return;
    }
    let under_way = UnderWay::begin(&hub);
    let greeted = in_time(&hub, reach(&hub, address, Some(&name))).await;
    drop(under_way);
    match greeted {
        Ok(greeted) => drop(serve(&hub, greeted, None).await),
        Err(unmet) => {
            tracing::debug!(peer = %name, %address, error = %unmet.error, "calling failed");
            hub.links().counts.dials_failed += 1;
        }
    }
}

/// Dials, and serves the link while it lasts. Returns why it was not kept.
async fn attempt(
    hub: &Arc<Hub>,
    seed: u64,
    address: Option<SocketAddr>,
    expected: Option<String>,
) -> Option<Close> {
    hub.set_phase(seed, Phase::Dialling);
    let under_way = UnderWay::begin(hub);
    let greeted = match address {
        Some(address) => in_time(hub, reach(hub, address, expected.as_deref())).await,
        None => Err(LinkError::Unresolved.into()),
    };
    drop(under_way);
    match greeted {
        Ok(greeted) => {
            hub.links().book.found(seed, &greeted.name);
            serve(hub, greeted, None).await.err()
        }
        Err(unmet) => {
            if unmet.close != Some(Close::Own) {
                hub.dial_failed(seed, address, unmet.name, unmet.error);
            }
            unmet.close
        }
    }
}

async fn reach(hub: &Hub, address: SocketAddr, expected: Option<&str>) -> Result<Greeted, Unmet> {
    let connecting = hub
        .endpoint
        .connect_with(hub.trust.client(), address, SERVER_NAME)
        .map_err(|error| LinkError::handshake(&error))?;
    let connection = connecting.await.map_err(|error| LinkError::handshake(&error))?;
    greet(connection, hub.incarnation, expected).await
}

/// An attempt to dial, counted until this is dropped.
struct UnderWay<'a>(&'a Hub);

impl<'a> UnderWay<'a> {
    fn begin(hub: &'a Hub) -> Self {
        let counts = &mut hub.links().counts;
        counts.dialled += 1;
        counts.dialling += 1;
        Self(hub)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.links().counts.dialling -= 1;
    }
}

impl Hub {
    /// What is known of a seed.
    fn seed(&self, seed: u64) -> Option<Seed> {
        self.links().book.seed(seed).cloned()
    }

    /// Whether a seed, which is at this address, is to be dialled.
    fn wants(&self, seed: &Seed, address: Option<SocketAddr>) -> bool {
        let name = seed.name.as_deref();
        // Who must be there may be linked from elsewhere; who else is there does not count.
        let anybody = address.filter(|_| seed.expected.is_none());
        !self.is_barred(name) && !self.is_linked(name.filter(|_| !seed.doubtful), anybody)
    }

    fn set_phase(&self, seed: u64, phase: Phase) {
        if let Some(seed) = self.links().book.seed_mut(seed) {
            seed.phase = phase;
        }
    }

    /// Notes that somebody's handshake came to nothing. Returns whether he is no member.
    fn is_stranger(&self, address: SocketAddr, Unmet { name, error, .. }: Unmet) -> bool {
        let tell = self.links().incoming_failed();
        match &name {
            Some(name) if error.is_refusal() => self.report(name, address, error),
            Some(name) => tracing::debug!(peer = %name, %address, %error, "not linked"),
            None if tell => tracing::warn!(%address, %error, "turned away"),
            None => tracing::debug!(%address, %error, "turned away"),
        }
        name.is_none()
    }

    fn dial_failed(&self, seed: u64, address: Option<SocketAddr>, name: Option<String>, error: LinkError) {
        let mut links = self.links();
        links.counts.dials_failed += 1;
        let news = links.book.dial_failed(seed, error.clone()).map(str::to_owned);
        drop(links);
        match news {
            Some(peer) => tracing::warn!(%peer, %error, "cannot be reached; dialling goes on"),
            None => tracing::debug!(seed, %error, "dialling failed again"),
        }
        if let (Some(address), Some(name)) = (address, name)
            && error.is_refusal()
        {
            self.report(&name, address, error);
        }
    }
}
