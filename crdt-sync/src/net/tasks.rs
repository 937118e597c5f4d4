//! What a node does by itself: keeping time, accepting, dialling.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::Incoming;
use tokio::time::{sleep, sleep_until, timeout};

use super::Replicated;
use super::admission::{Answer, Shaking};
use super::hub::Hub;
use super::link::Close;
use super::settle::{Greeted, greet};
use super::world::{self, jittered};

/// What clients send as server name. Nodes are known by the name in their certificate instead.
const SERVER_NAME: &str = "node.crdt";
/// A link that lasted so long was a good one: dialling begins anew with the shortest pause.
const GOOD_LINK: Duration = Duration::from_secs(5);

/// Runs a task until the node ends, whatever it waits for: a task that slept on would keep the
/// node's port.
pub(super) fn spawn<T: Replicated>(hub: &Arc<Hub<T>>, task: impl Future<Output = ()> + Send + 'static) {
    let mut ended = hub.ended();
    tokio::spawn(async move {
        tokio::select! {
            () = task => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
    });
}

/// Calls the engine when it wants to be called.
pub(super) async fn keep_time<T: Replicated>(hub: Arc<Hub<T>>) {
    let mut progress = hub.progress();
    loop {
        progress.mark_unchanged();
        let due = hub.next_timeout();
        let wait = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => hub.input(|engine, now| engine.handle_timeout(now)),
            changed = progress.changed() => if changed.is_err() { return },
        }
    }
}

/// Takes connections from whoever has a certificate of the cluster.
pub(super) async fn accept<T: Replicated>(hub: Arc<Hub<T>>) {
    while let Some(incoming) = hub.endpoint.accept().await {
        let (address, validated) = (incoming.remote_address().ip(), incoming.remote_address_validated());
        match hub.admission.ask(address, validated) {
            Answer::Shake(shaking) => spawn(&hub, take(hub.clone(), incoming, shaking)),
            // Only an address that is not validated is asked to be, and it may always be asked.
            Answer::Validate => drop(incoming.retry()),
            Answer::Refuse => incoming.refuse(),
        }
    }
}

async fn take<T: Replicated>(hub: Arc<Hub<T>>, incoming: Incoming, shaking: Shaking) {
    let address = incoming.remote_address();
    let greeted =
        timeout(hub.net.handshake_timeout, async { greet(incoming.accept()?.await?, hub.incarnation).await });
    match greeted.await {
        Ok(Ok(greeted)) => {
            let _ = serve(&hub, greeted, Some(shaking)).await;
        }
        Ok(Err(error)) => tracing::warn!(%address, %error, "handshake failed"),
        Err(_) => tracing::warn!(%address, "handshake timed out"),
    }
}

/// Settles for the connection and serves it while it lasts, or says why not.
async fn serve<T: Replicated>(
    hub: &Arc<Hub<T>>,
    greeted: Greeted,
    shaking: Option<Shaking>,
) -> Result<(), Close> {
    let (kept, send, receive) = hub.settle(greeted).await?;
    drop(shaking);
    hub.run(&kept.link, send, receive).await;
    Ok(())
}

/// Keeps a link to the peer at this address, whoever made it.
pub(super) async fn dial<T: Replicated>(hub: Arc<Hub<T>>, peer: String) {
    let mut changes = hub.link_changes();
    let mut backoff = hub.net.dial_backoff_min;
    let mut name: Option<String> = None;
    while !hub.is_stopping() {
        changes.mark_unchanged();
        let address = tokio::net::lookup_host(&peer).await.ok().and_then(|mut found| found.next());
        let cut = hub.links().all_cut || name.as_deref().is_some_and(|name| hub.is_cut(name));
        let linked = address.is_some_and(|address| hub.is_linked(name.as_deref(), address));
        if cut || linked {
            // What is there again was not lost to a bad network: no reason to be slow.
            backoff = hub.net.dial_backoff_min;
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let begun = world::instant();
        let refusal = match address {
            Some(address) => dial_once(&hub, address, &mut name).await.err(),
            None => {
                tracing::debug!(%peer, "the name of the peer does not resolve");
                None
            }
        };
        if refusal == Some(Close::Own) {
            tracing::info!(%peer, "this is the node itself; it is not dialled again");
            return;
        }
        if begun.elapsed() >= GOOD_LINK.min(hub.net.dial_backoff_max) {
            backoff = hub.net.dial_backoff_min;
        }
        sleep(jittered(backoff)).await;
        backoff = (backoff * 2).min(hub.net.dial_backoff_max);
    }
}

/// Dials, and serves the link while it lasts.
async fn dial_once<T: Replicated>(
    hub: &Arc<Hub<T>>,
    address: SocketAddr,
    name: &mut Option<String>,
) -> Result<(), Close> {
    let greeted = timeout(hub.net.handshake_timeout, async {
        let connecting = hub.endpoint.connect(address, SERVER_NAME).map_err(|error| error.to_string())?;
        let connection = connecting.await.map_err(|error| error.to_string())?;
        greet(connection, hub.incarnation).await.map_err(|error| error.to_string())
    });
    match greeted.await {
        Ok(Ok(greeted)) => {
            *name = Some(greeted.name.clone());
            return serve(hub, greeted, None).await;
        }
        Ok(Err(error)) => tracing::debug!(%address, %error, "dialling failed"),
        Err(_) => tracing::debug!(%address, "dialling timed out"),
    }
    Ok(())
}
