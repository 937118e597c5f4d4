//! Where a node keeps what it must not lose.
//!
//! A [`Store`] holds one state and the numbered updates after it, as bytes that mean something to the
//! engine only. It knows nothing of documents, peers or time; the engine knows nothing of files. A
//! driver carries [`Batch`]es from one to the other, on a thread that may block.
//!
//! What a store promises:
//! - A batch is there whole or not at all, whenever the power fails.
//! - A batch that `commit` returned `Ok` for is there after every crash. One that failed may be there
//!   or not; it is written again, under the same indices.
//! - What is there is never overwritten by what did not come from it: a file of anybody else is an
//!   error.

mod error;
#[cfg(feature = "sim")]
mod faulty;
#[cfg(feature = "redb")]
mod file;
mod memory;
#[cfg(feature = "redb")]
mod redb;

pub use self::error::{StoreError, StoreFault};
#[cfg(feature = "sim")]
pub use self::faulty::{DiskFault, FaultyStore};
pub use self::memory::MemoryStore;
#[cfg(feature = "redb")]
pub use self::redb::RedbStore;
use crate::proto::{Batch, Stored};

/// A place for one node's state and updates. All calls come from one thread, and may block it.
///
/// ```
/// use crdt_sync::proto::Stored;
/// use crdt_sync::store::{MemoryStore, Store};
///
/// let mut store = MemoryStore::default();
/// assert_eq!(store.load()?, Stored::default());
/// assert!(store.is_volatile());
/// # Ok::<(), crdt_sync::store::StoreError>(())
/// ```
pub trait Store: Send {
    /// What to call it in errors: the path of its file.
    fn place(&self) -> String;

    /// Reads everything. Called once, before the first commit.
    ///
    /// # Errors
    ///
    /// What is there cannot be read, or is no store. It was not changed.
    fn load(&mut self) -> Result<Stored, StoreError>;

    /// Writes a batch, and returns when it will outlive a crash. After an error the store can be
    /// called again: it mends itself when its disk does.
    ///
    /// # Errors
    ///
    /// Nobody knows whether the batch is there; if it is, it is there whole.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// Whether everything is gone when the process ends. A node with such a store acknowledges
    /// nothing as durable, and tells its peers.
    fn is_volatile(&self) -> bool {
        false
    }
}
