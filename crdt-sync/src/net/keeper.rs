//! Carries what is to be kept from the engine to the store, on threads that may block.
//!
//! One batch is written at a time; what the node applies meanwhile goes together into the next one.

use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::error::StartError;
use super::health::Health;
use super::hub::{Engine, Hub};
use super::subscribe::Notice;
use super::world::{self, jittered};
use crate::proto::{Batch, Machine, Now};
use crate::store::{Store, StoreError, StoreFault};

/// The pauses of a store that fails: short at first, so that a hiccup costs little.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Has a new engine go on from what its store holds. Gives the store back.
pub(super) async fn recover(
    engine: Arc<Engine>,
    mut store: Box<dyn Store>,
) -> Result<Box<dyn Store>, StartError> {
    let now = Now { wall_ms: world::wall_ms(), ..Now::default() };
    let recover = move || {
        let stored = store.load().map_err(StartError::Store)?;
        let engine: &mut Machine = &mut *engine.write();
        let recovered = engine.recover(now, &stored);
        recovered.map_err(|error| StartError::Recover { place: store.place(), error })?;
        if store.is_volatile() {
            engine.assume_volatile();
        }
        Ok(store)
    };
    spawn_blocking(recover).await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => Err(StartError::NoRuntime),
    })
}

/// Writes what there is to write until the node ends, and closes the store.
pub(super) async fn keep(hub: Arc<Hub>, store: Box<dyn Store>) {
    let (mut progress, mut ended) = (hub.progress(), hub.ended());
    let (mut open, mut pause) = (Some(store), PAUSES.0);
    while let Some(store) = open.take()
        && !*ended.borrow()
    {
        progress.mark_unchanged();
        let place = store.place();
        let Some((store, written)) = write(&hub, store).await else {
            let (kind, reason) = (ErrorKind::Other, "the store panicked".to_owned());
            note(&hub, Some(StoreError::new(place, StoreFault::Disk { kind, reason })));
            break;
        };
        open = Some(store);
        let failed = written.is_err();
        note(&hub, written.err());
        tokio::select! {
            () = sleep(jittered(pause)), if failed => pause = (2 * pause).min(PAUSES.1),
            changed = progress.changed(), if !failed => {
                pause = PAUSES.0;
                if changed.is_err() { break }
            }
            _ = ended.wait_for(|ended| *ended) => {}
        }
    }
    // Closing writes too.
    let _ = spawn_blocking(move || drop(open)).await;
    hub.store.opened(false);
}

/// A store after what was asked of it; nothing if it panicked.
type Done = Option<(Box<dyn Store>, Result<(), StoreError>)>;

/// Writes batch after batch until there is nothing more.
async fn write(hub: &Arc<Hub>, mut store: Box<dyn Store>) -> Done {
    while let Some(batch) = next_batch(hub).await {
        let here = hub.clone();
        let (back, written) = spawn_blocking(move || commit(&here, store, &batch)).await.ok()?;
        if written.is_err() {
            return Some((back, written));
        }
        store = back;
        note(hub, None);
    }
    Some((store, Ok(())))
}

/// The next batch, as full as it gets. Between two pieces of a state the engine is everybody's.
async fn next_batch(hub: &Hub) -> Option<Batch> {
    let mut batch = hub.next_batch()?;
    while hub.extend_batch(&mut batch) {
        tokio::task::coop::consume_budget().await;
    }
    Some(batch)
}

/// Writes a batch, and tells the engine what became of it.
fn commit(hub: &Hub, mut store: Box<dyn Store>, batch: &Batch) -> (Box<dyn Store>, Result<(), StoreError>) {
    let written = store.commit(batch);
    hub.input(|engine, now| match &written {
        Ok(()) => engine.persisted(now),
        Err(_) => engine.persist_failed(now),
    });
    (store, written)
}

/// Tells of it if the store works again, or fails otherwise than before.
fn note(hub: &Hub, failure: Option<StoreError>) {
    if !hub.store.set(failure) {
        return;
    }
    let health = hub.store.health();
    match &health {
        Health::StoreFailing { error, .. } => tracing::error!(%error, "the store fails"),
        Health::Healthy => tracing::info!("the store works again"),
    }
    hub.notify(Notice::Health(health));
}
