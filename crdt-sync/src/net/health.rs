//! Whether the store works.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::world;
use crate::store::StoreError;

/// Whether a node can keep what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The store works, or there is none.
    Healthy,
    /// The store fails. Reads, writes and gossip go on, nothing more becomes durable, and it is tried
    /// again until it works.
    StoreFailing {
        /// For how long it has failed.
        since: Duration,
        /// How it failed last.
        error: StoreError,
    },
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.write_str("the store works"),
            Self::StoreFailing { since, error } => write!(f, "the store has failed for {since:?}: {error}"),
        }
    }
}

/// How the store does.
#[derive(Default)]
pub(super) struct StoreHealth {
    failing: watch::Sender<Option<(Instant, StoreError)>>,
    open: watch::Sender<bool>,
}

impl StoreHealth {
    pub(super) fn health(&self) -> Health {
        match &*self.failing.borrow() {
            None => Health::Healthy,
            Some((begin, error)) => {
                Health::StoreFailing { since: world::instant() - *begin, error: error.clone() }
            }
        }
    }

    /// It worked, or failed so. Returns whether that is news.
    pub(super) fn set(&self, failure: Option<StoreError>) -> bool {
        self.failing.send_if_modified(|failing| match (failing.as_mut(), failure) {
            (None, None) => false,
            (Some((_, old)), Some(new)) => std::mem::replace(old, new.clone()) != new,
            (_, failure) => {
                *failing = failure.map(|error| (world::instant(), error));
                true
            }
        })
    }

    pub(super) fn opened(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// Waits until there is no open store.
    pub(super) async fn closed(&self) {
        // The sender is this very value.
        let _ = self.open.subscribe().wait_for(|open| !open).await;
    }
}
