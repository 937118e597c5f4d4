//! A store in one file.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crdt_core::{Dot, ReplicaId};
use redb::{
    Database, DatabaseError, Error, ReadTransaction, ReadableDatabase, ReadableTable, StorageError,
    TableDefinition, TableError, WriteTransaction,
};

use super::file::{self, FileId, file_at};
use super::{Store, StoreError, StoreFault};
use crate::proto::{Batch, Record, Snapshot, Stored};

/// By name: the form of the file, and how many batches were written to it.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("crdt-sync");
/// The state, in pieces.
const STATE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("state");
/// A newer one of which pieces are missing. It gets the other's name when it is whole.
const UNFINISHED: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("unfinished");
/// Records by index: replica id, seq, bytes of the update.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

const FORM: &str = "form";
const COMMITS: &str = "commits";
const VERSION: u64 = 2;
/// Bytes before the update in a record.
const HEAD: usize = 24;

/// Keeps a node in one file, with every batch in one transaction.
///
/// A second process that opens the file is refused. A file that was removed or replaced while it was
/// open acknowledges nothing any more. After an error of the disk the file is opened
/// again at the next commit, since what an operating system holds of a file whose `fsync` failed is
/// not to be relied on; if the file then holds less than was acknowledged, the store says so and
/// stays as it is.
///
/// A new state is written beside the one before, so a file is two to five times as long as what it holds,
/// and what is free in it is used again. Closing gives back what is free at its end,
/// [`compact`](Self::compact) the rest.
///
/// # Backups
/// Copy the file while nothing has it open: shut the node down, copy, start it again. Where no node may be
/// missed meanwhile, add one for it: it starts, waits for the [`token`](crate::Node::token) of another, is
/// shut down, and leaves its file. A copy in the place of a lost file, however old, is an ordinary start,
/// and peers bring what it lacks; a cluster that has lost all files goes on from one. It takes nothing
/// back: what any peer still has comes again.
///
/// ```
/// use crdt_sync::proto::Stored;
/// use crdt_sync::store::{RedbStore, Store, StoreFault};
///
/// let path = std::env::temp_dir().join(format!("crdt-sync-doc-{}.redb", std::process::id()));
/// let mut store = RedbStore::open(&path)?;
/// assert_eq!(store.load()?, Stored::default());
/// let error = RedbStore::open(&path).expect_err("it is open");
/// assert_eq!(error.fault, StoreFault::InUse);
/// # drop(store);
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), crdt_sync::store::StoreError>(())
/// ```
pub struct RedbStore {
    path: PathBuf,
    /// Nothing while the disk fails.
    database: Option<Database>,
    /// Which file that is. What is written to one that is no longer at its path is gone with the
    /// process.
    file: Option<FileId>,
    /// How many batches were acknowledged, over all starts.
    commits: u64,
    /// Opens the file, or what a test has in its place. Only the first time may it make a new one.
    open: Open,
}

/// Whether a file is opened for the first time.
type First = bool;
type Open = Box<dyn Fn(&Path, First) -> Result<Database, DatabaseError> + Send>;

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RedbStore {
    /// Opens the file, or makes a new one where there is none, or an empty file. The directory must be
    /// there, and writable: the file is made beside its place, as `NAME.making`, and put there when it is
    /// on the disk. Where that is not Unix it is made in place, and has to be removed by hand if the power
    /// fails meanwhile.
    ///
    /// # Errors
    ///
    /// The file is in use, damaged, or something else, or the disk fails. It was not changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_by(path.as_ref(), |path, first| match first {
            true => file::open_or_make(path),
            false => Database::builder().open(path),
        })
    }

    /// Keeps the file in whatever `backend` makes, at each opening anew: for tests of what happens
    /// when a disk fails. `name` stands in errors.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    #[cfg(feature = "sim")]
    pub fn with_backend<B: redb::StorageBackend>(
        name: &str,
        backend: impl Fn() -> B + Send + 'static,
    ) -> Result<Self, StoreError> {
        Self::open_by(Path::new(name), move |_, _| Database::builder().create_with_backend(backend()))
    }

    /// Makes the file about as short as what it holds, and returns whether anything was moved for it. That
    /// takes several times as long as to write what it holds, and the next state makes it longer again:
    /// worth it before a copy is taken, not at every start.
    ///
    /// ```
    /// # use crdt_sync::store::{RedbStore, Store};
    /// # let path = std::env::temp_dir().join(format!("crdt-sync-compact-{}.redb", std::process::id()));
    /// let mut store = RedbStore::open(&path)?;
    /// store.compact()?;
    /// assert!(store.load()?.records.is_empty());
    /// # drop(store);
    /// # std::fs::remove_file(path).ok();
    /// # Ok::<(), crdt_sync::store::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The disk fails. Everything acknowledged is there, and the store can be called again.
    pub fn compact(&mut self) -> Result<bool, StoreError> {
        let compacted = self.database().and_then(|database| guarded(|| database.compact().map_err(reading)));
        compacted.map_err(|fault| {
            self.close();
            self.error(fault)
        })
    }

    fn open_by(
        path: &Path,
        open: impl Fn(&Path, First) -> Result<Database, DatabaseError> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let mut store = Self { path, database: None, file: None, commits: 0, open: Box::new(open) };
        let (database, commits) = store.reopen(true).map_err(|fault| store.error(fault))?;
        (store.database, store.commits) = (Some(database), commits);
        store.file = file_at(&store.path);
        Ok(store)
    }

    fn reopen(&self, first: First) -> Result<(Database, u64), StoreFault> {
        guarded(|| {
            let database = (self.open)(&self.path, first).map_err(opening)?;
            let commits = check(&database)?;
            Ok((database, commits))
        })
    }

    /// Closing writes too, and can meet a damage that nothing met before.
    fn close(&mut self) {
        let database = self.database.take();
        // Everything that counts was committed.
        let _ = guarded(|| {
            drop(database);
            Ok(())
        });
    }

    fn error(&self, fault: StoreFault) -> StoreError {
        StoreError::new(self.place(), fault)
    }

    /// The open file; one that failed is opened again, and must hold everything acknowledged.
    fn database(&mut self) -> Result<&mut Database, StoreFault> {
        if self.database.is_none() {
            let (database, commits) = self.reopen(false)?;
            // One more, if the batch that failed is there after all.
            if commits < self.commits || commits > self.commits + 1 {
                return Err(StoreFault::Replaced);
            }
            (self.database, self.commits) = (Some(database), commits);
            self.file = file_at(&self.path);
        }
        self.database.as_mut().ok_or(StoreFault::Replaced)
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl Store for RedbStore {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn load(&mut self) -> Result<Stored, StoreError> {
        let loaded = self.database().and_then(|database| guarded(|| load(database)));
        loaded.map_err(|fault| self.error(fault))
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let commits = match self.database() {
            Ok(_) => self.commits + 1,
            Err(fault) => return Err(self.error(fault)),
        };
        let written = self.database().and_then(|database| guarded(|| write(database, batch, commits)));
        let in_place = file_at(&self.path) == self.file;
        match written.and(if in_place { Ok(()) } else { Err(StoreFault::Replaced) }) {
            Ok(()) => {
                self.commits = commits;
                Ok(())
            }
            Err(fault) => {
                self.close();
                Err(self.error(fault))
            }
        }
    }
}

/// A damaged file can lead the database to a contradiction, which it answers by a panic.
fn guarded<R>(work: impl FnOnce() -> Result<R, StoreFault>) -> Result<R, StoreFault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn panicked(panic: &(dyn Any + Send)) -> StoreFault {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or(panic.downcast_ref::<&str>().copied());
    StoreFault::Damaged { reason: words.unwrap_or("it contradicts itself").to_owned() }
}

fn opening(error: DatabaseError) -> StoreFault {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreFault::InUse,
        DatabaseError::UpgradeRequired(version) => {
            StoreFault::NotAStore { reason: format!("a database of version {version}") }
        }
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            StoreFault::NotAStore { reason: error.to_string() }
        }
        error => fault(error.into()),
    }
}

fn fault(error: Error) -> StoreFault {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            StoreFault::Damaged { reason: "the file is cut short".to_owned() }
        }
        Error::Io(error) => (&error).into(),
        Error::PreviousIo => StoreFault::Disk { kind: io::ErrorKind::Other, reason: error.to_string() },
        Error::Corrupted(reason) => StoreFault::Damaged { reason },
        error => StoreFault::Damaged { reason: error.to_string() },
    }
}

fn reading(error: impl Into<Error>) -> StoreFault {
    fault(error.into())
}

fn damaged(reason: &str) -> StoreFault {
    StoreFault::Damaged { reason: reason.to_owned() }
}

/// Whether the database is one of ours, or new; returns how many batches were written to it.
fn check(database: &Database) -> Result<u64, StoreFault> {
    let read = database.begin_read().map_err(reading)?;
    if read.list_tables().map_err(reading)?.next().is_none() {
        return Ok(0);
    }
    let foreign = |reason: String| StoreFault::NotAStore { reason };
    let meta = read.open_table(META).map_err(|error| foreign(error.to_string()))?;
    let number = |name| meta.get(name).map(|found| found.map(|value| value.value())).map_err(reading);
    match number(FORM)? {
        Some(VERSION) => Ok(number(COMMITS)?.unwrap_or(0)),
        Some(version) => Err(foreign(format!("its form is {version}, and this program reads {VERSION}"))),
        None => Err(foreign("a database without a form".to_owned())),
    }
}

fn load(database: &Database) -> Result<Stored, StoreFault> {
    let read = database.begin_read().map_err(reading)?;
    if read.list_tables().map_err(reading)?.next().is_none() {
        return Ok(Stored::default());
    }
    let mut stored = Stored { state: pieces(&read)?, ..Stored::default() };
    // Though there may be no state to go on from: records without one are not for the store to hide.
    for record in read.open_table(LOG).map_err(reading)?.iter().map_err(reading)? {
        let (index, bytes) = record.map_err(reading)?;
        stored.records.push(decode(index.value(), bytes.value())?);
    }
    Ok(stored)
}

/// The pieces of the state, if one ever was whole.
fn pieces(read: &ReadTransaction) -> Result<Vec<Vec<u8>>, StoreFault> {
    let state = match read.open_table(STATE) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        opened => opened.map_err(reading)?,
    };
    let pieces = state.iter().map_err(reading)?;
    pieces.map(|piece| Ok(piece.map_err(reading)?.1.value().to_vec())).collect()
}

/// One transaction, synced twice: its pages, then the root that makes them count.
///
/// What would spare the database a look at the whole file after a crash does not go with it. A start
/// reads the whole file in any case, and each batch would cost 2.7 times as many instructions.
fn write(database: &Database, batch: &Batch, commits: u64) -> Result<(), StoreFault> {
    let mut write = database.begin_write().map_err(reading)?;
    write.set_two_phase_commit(true);
    fill(&write, batch, commits).map_err(fault)?;
    write.commit().map_err(reading)
}

fn fill(write: &WriteTransaction, batch: &Batch, commits: u64) -> Result<(), Error> {
    let mut meta = write.open_table(META)?;
    meta.insert(FORM, VERSION)?;
    meta.insert(COMMITS, commits)?;
    let mut log = write.open_table(LOG)?;
    if let Some(snapshot) = &batch.snapshot {
        add_pieces(write, snapshot)?;
        if let Some(keep_from) = snapshot.keep_from {
            log.retain_in(..keep_from, |_, _| false)?;
            write.delete_table(STATE)?;
            write.rename_table(UNFINISHED, STATE)?;
        }
    }
    for record in &batch.records {
        log.insert(record.index, encode(record).as_slice())?;
    }
    Ok(())
}

/// Adds to the state that is not whole yet.
fn add_pieces(write: &WriteTransaction, snapshot: &Snapshot) -> Result<(), Error> {
    if snapshot.first {
        write.delete_table(UNFINISHED)?;
    }
    let mut pieces = write.open_table(UNFINISHED)?;
    let next = pieces.last()?.map_or(0, |(place, _)| place.value() + 1);
    for (place, piece) in (next..).zip(&snapshot.pieces) {
        pieces.insert(place, piece.as_slice())?;
    }
    Ok(())
}

fn encode(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + record.bytes.len());
    bytes.extend_from_slice(record.number.replica.as_bytes());
    bytes.extend_from_slice(&record.number.seq.to_le_bytes());
    bytes.extend_from_slice(&record.bytes);
    bytes
}

fn decode(index: u64, bytes: &[u8]) -> Result<Record, StoreFault> {
    let (id, rest) = bytes.split_first_chunk::<16>().ok_or_else(|| damaged("a short record"))?;
    let (seq, update) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("a short record"))?;
    let seq = u64::from_le_bytes(*seq);
    if seq == 0 || seq > Dot::MAX_SEQ {
        return Err(damaged("a record without a number"));
    }
    Ok(Record { index, number: Dot::new(ReplicaId::from_bytes(*id), seq), bytes: update.into() })
}
