//! What a node does by itself: keeping time, accepting, dialling.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::Incoming;
use tokio::time::{sleep, sleep_until, timeout};

use super::Replicated;
use super::hub::Hub;
use super::link::{Close, greet};
use super::world::{self, jittered};

/// What clients send as server name. Nodes are known by the name in their certificate instead.
const SERVER_NAME: &str = "node.crdt";
/// A link that lasted so long was a good one: dialling begins anew with the shortest pause.
const GOOD_LINK: Duration = Duration::from_secs(5);

/// Calls the engine when it wants to be called.
pub(super) async fn keep_time<T: Replicated>(hub: Arc<Hub<T>>) {
    let mut progress = hub.progress();
    while !hub.is_stopping() {
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
        if hub.links().shake(incoming.remote_address().ip(), hub.net.handshakes_per_ip) {
            tokio::spawn(take(hub.clone(), incoming));
        } else {
            incoming.refuse();
        }
    }
}

async fn take<T: Replicated>(hub: Arc<Hub<T>>, incoming: Incoming) {
    let address = incoming.remote_address();
    let greeted = timeout(hub.net.handshake_timeout, async {
        greet(incoming.accept()?.await?, false, hub.incarnation).await
    });
    let greeted = greeted.await;
    hub.links().shaken(address.ip());
    match greeted {
        Ok(Ok(greeted)) => {
            let _ = hub.serve(greeted).await;
        }
        Ok(Err(error)) => tracing::warn!(%address, %error, "handshake failed"),
        Err(_) => tracing::warn!(%address, "handshake timed out"),
    }
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
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let begun = world::instant();
        match address {
            Some(address) => dial_once(&hub, address, &mut name).await,
            None => tracing::warn!(%peer, "the name of the peer does not resolve"),
        }
        if begun.elapsed() >= GOOD_LINK {
            backoff = hub.net.dial_backoff_min;
        }
        sleep(jittered(backoff)).await;
        backoff = (backoff * 2).min(hub.net.dial_backoff_max);
    }
}

/// Dials, and serves the link while it lasts.
async fn dial_once<T: Replicated>(hub: &Arc<Hub<T>>, address: SocketAddr, name: &mut Option<String>) {
    let connecting = match hub.endpoint.connect(address, SERVER_NAME) {
        Ok(connecting) => connecting,
        Err(error) => return tracing::warn!(%address, %error, "cannot dial"),
    };
    let greeted =
        timeout(hub.net.handshake_timeout, async { greet(connecting.await?, true, hub.incarnation).await });
    match greeted.await {
        Ok(Ok(greeted)) => {
            *name = Some(greeted.name.clone());
            if let Err(reason @ Close::DuplicateName) = hub.clone().serve(greeted).await {
                tracing::error!(%address, ?reason, "not connected");
            }
        }
        Ok(Err(error)) => tracing::debug!(%address, %error, "dialling failed"),
        Err(_) => tracing::debug!(%address, "dialling timed out"),
    }
}
