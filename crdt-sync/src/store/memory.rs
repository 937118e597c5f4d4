//! A store that is gone with its process.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Store, StoreError};
use crate::proto::{Batch, Stored};

/// Keeps everything in memory, and says so: a node with it starts with what a clone of the store
/// still holds, and acknowledges nothing as durable.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Stored>>);

impl Store for MemoryStore {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn load(&mut self) -> Result<Stored, StoreError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).apply(batch);
        Ok(())
    }

    fn is_volatile(&self) -> bool {
        true
    }
}
