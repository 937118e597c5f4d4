//! A disk that fails on demand.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Store, StoreError, StoreFault};
use crate::proto::{Batch, Stored};

/// How a [`FaultyStore`] fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskFault {
    /// Nothing more fits; nothing is written.
    Full,
    /// Nothing may be written.
    ReadOnly,
    /// Everything is written, and nobody can say so.
    FsyncAfterWrite,
    /// Nothing is written, and nobody can say so.
    FsyncBeforeWrite,
}

/// A simulated disk for tests: it counts as durable, remembers what it held earlier, and fails when
/// it is told to. Clones are the same disk.
///
/// ```
/// use crdt_sync::proto::Batch;
/// use crdt_sync::store::{DiskFault, FaultyStore, Store};
///
/// let disk = FaultyStore::default();
/// disk.fail(Some(DiskFault::Full));
/// assert!(disk.clone().commit(&Batch::default()).is_err());
/// disk.fail(None);
/// assert!(disk.clone().commit(&Batch::default()).is_ok());
/// assert_eq!(disk.commits(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultyStore(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    now: Stored,
    /// What it held before each of the last commits, the oldest first.
    before: VecDeque<Stored>,
    commits: u64,
    fault: Option<DiskFault>,
}

/// How many commits can be undone.
const HISTORY: usize = 64;

impl FaultyStore {
    /// A new disk with the content of this one as it was some commits ago: a backup, or what a disk
    /// holds that acknowledged writes and lost them. It goes back 64 commits, and not before the
    /// beginning.
    #[must_use]
    pub fn as_of(&self, commits_ago: usize) -> Self {
        let disk = self.disk();
        let place = disk.before.len().saturating_sub(commits_ago);
        let now = disk.before.get(place).unwrap_or(&disk.now).clone();
        let before = disk.before.iter().take(place).cloned().collect();
        Self(Arc::new(Mutex::new(Disk { now, before, commits: 0, fault: None })))
    }

    /// From now on every commit fails so, or none does.
    pub fn fail(&self, fault: Option<DiskFault>) {
        self.disk().fault = fault;
    }

    /// Everything on the disk.
    #[must_use]
    pub fn content(&self) -> Stored {
        self.disk().now.clone()
    }

    /// How many batches were written.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.disk().commits
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn write(&mut self, batch: &Batch) {
        if self.before.len() == HISTORY {
            self.before.pop_front();
        }
        self.before.push_back(self.now.clone());
        self.now.apply(batch);
        self.commits += 1;
    }
}

impl Store for FaultyStore {
    fn place(&self) -> String {
        "simulated disk".to_owned()
    }

    fn load(&mut self) -> Result<Stored, StoreError> {
        Ok(self.content())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut disk = self.disk();
        let (kind, reason) = match disk.fault {
            None => {
                disk.write(batch);
                return Ok(());
            }
            Some(DiskFault::Full) => (ErrorKind::StorageFull, "no space left on device"),
            Some(DiskFault::ReadOnly) => (ErrorKind::ReadOnlyFilesystem, "read-only file system"),
            Some(DiskFault::FsyncBeforeWrite) => (ErrorKind::Other, "input/output error"),
            Some(DiskFault::FsyncAfterWrite) => {
                disk.write(batch);
                (ErrorKind::Other, "input/output error")
            }
        };
        Err(StoreError::new(self.place(), StoreFault::Disk { kind, reason: reason.to_owned() }))
    }
}
