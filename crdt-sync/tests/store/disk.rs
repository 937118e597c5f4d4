//! A disk whose power fails.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crdt_sync::sim::SimRng;
use rand::RngExt;
use redb::StorageBackend;

/// What fails from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    Nothing,
    /// Writes that make the file grow.
    Full,
    /// Every write.
    ReadOnly,
    /// Every sync, and what was written before it is forgotten, as some systems do.
    Sync,
    /// Everything: the power is gone.
    Power,
}

/// A disk with a cache: what is written counts when it is synced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    synced: Vec<u8>,
    cache: Vec<u8>,
    /// What was written or cut since the last sync, in order.
    pending: Vec<Change>,
    fault: Fault,
    /// After so many operations the power fails.
    fuse: Option<u64>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Len(u64),
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// The power fails after so many more operations.
    pub(crate) fn fail_after(&self, operations: u64) {
        self.state().fuse = Some(operations);
    }

    /// What is found when the power is back: everything synced, and of what was not, any part, in
    /// any order, torn at any sector.
    pub(crate) fn after_power_failure(&self, rng: &mut SimRng) -> Self {
        let state = self.state();
        let mut left = state.synced.clone();
        for change in &state.pending {
            match change {
                Change::Len(len) => left.resize(left.len().max(*len as usize), 0),
                Change::Write(at, bytes) if rng.random_bool(0.5) => {
                    let sectors = bytes.len().div_ceil(512) as u64;
                    let torn = rng.random_range(0..=sectors) as usize * 512;
                    put(&mut left, *at, &bytes[..torn.min(bytes.len())]);
                }
                Change::Write(..) => {}
            }
        }
        Self(Arc::new(Mutex::new(State { cache: left.clone(), synced: left, ..State::default() })))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().synced.clone()
    }

    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { cache: bytes.clone(), synced: bytes, ..State::default() })))
    }
}

fn put(file: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let end = at as usize + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at as usize..end].copy_from_slice(bytes);
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        if let Some(fuse) = &mut self.fuse {
            match fuse.checked_sub(1) {
                Some(left) => *fuse = left,
                None => self.fault = Fault::Power,
            }
        }
        if self.fault == Fault::Power { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().cache.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let bytes = state.cache.get(offset as usize..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        match state.fault {
            Fault::Full if len as usize > state.cache.len() => return Err(io::ErrorKind::StorageFull.into()),
            Fault::ReadOnly => return Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            _ => {}
        }
        state.cache.resize(len as usize, 0);
        state.pending.push(Change::Len(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.fault == Fault::Sync {
            state.cache = state.synced.clone();
            state.pending.clear();
            return Err(io::Error::other("input/output error"));
        }
        state.synced = state.cache.clone();
        state.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.fault == Fault::ReadOnly {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        put(&mut state.cache, offset, data);
        state.pending.push(Change::Write(offset, data.to_vec()));
        Ok(())
    }
}
