//! A file of a store, and how one comes to be: whole or not at all.
//!
//! A database that is laid out in place is no database if the power fails meanwhile, and nobody can tell
//! it from something else. So it is laid out beside its place, and takes it when all of it is on the disk.
//! Until then the file at that place is empty, and an empty file is as good as none.

use std::path::Path;

use redb::{Database, DatabaseError};

/// The device and the number of a file.
pub(super) type FileId = (u64, u64);

/// Opens the file, or makes a new one where there is none.
#[cfg(unix)]
pub(super) fn open_or_make(path: &Path) -> Result<Database, DatabaseError> {
    use std::io::ErrorKind;

    match path.metadata() {
        Ok(file) if file.len() > 0 => {}
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => making::make(path)?,
    }
    let database = Database::builder().open(path)?;
    // Whoever put the file there may not have seen to it that it stays there.
    making::sync_directory(path)?;
    Ok(database)
}

/// Elsewhere a file that is open can be neither locked for this nor replaced: it is made in place, and
/// has to be removed by hand if the power fails meanwhile.
#[cfg(not(unix))]
pub(super) fn open_or_make(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().create(path)
}

/// Which file is at this path.
#[cfg(unix)]
pub(super) fn file_at(path: &Path) -> Option<FileId> {
    path.metadata().ok().map(|file| making::id(&file))
}

/// Elsewhere an open file can be neither removed nor replaced.
#[cfg(not(unix))]
pub(super) fn file_at(_: &Path) -> Option<FileId> {
    None
}

#[cfg(unix)]
mod making {
    use std::fs::{self, File, Metadata, TryLockError};
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use redb::{Database, DatabaseError, StorageError};

    use super::{FileId, file_at};

    /// Makes an empty database at a path where there is none, or an empty file.
    ///
    /// Who holds the lock of the empty file makes it. Of what a cut making left, nothing is used.
    pub(super) fn make(path: &Path) -> Result<(), DatabaseError> {
        let place = File::options().write(true).create(true).truncate(false).open(path)?;
        match place.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(DatabaseError::DatabaseAlreadyOpen),
            // A file system without locks: the database cannot be locked there either.
            Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
                return Err(error.into());
            }
            _ => {}
        }
        // Of a link, what it leads to.
        let path = path.canonicalize()?;
        let empty = place.metadata()?;
        if empty.len() > 0 || file_at(&path) != Some(id(&empty)) {
            // Who had the lock before has made it.
            return Ok(());
        }
        let beside = beside(&path);
        let made = lay_out(&beside, &empty).and_then(|()| Ok(fs::rename(&beside, &path)?));
        made.map_err(|error| {
            let _ = fs::remove_file(&beside);
            named(error, &beside)
        })
    }

    /// Puts an empty database on the disk, with the rights of the file that it is to replace.
    fn lay_out(beside: &Path, like: &Metadata) -> Result<(), DatabaseError> {
        match fs::remove_file(beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        drop(Database::builder().create(beside)?);
        let file = File::open(beside)?;
        file.set_permissions(like.permissions())?;
        Ok(file.sync_all()?)
    }

    /// Where a file is made. Not a name that anybody would choose for a copy.
    fn beside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".making");
        name.into()
    }

    /// The same error, which says that it does not concern the file itself.
    fn named(error: DatabaseError, beside: &Path) -> DatabaseError {
        match error {
            DatabaseError::Storage(StorageError::Io(error)) => {
                io::Error::new(error.kind(), format!("making {}: {error}", beside.display())).into()
            }
            error => error,
        }
    }

    /// Sees to it that the file is found after a power failure, too. Not every file system can do this,
    /// and not everybody may.
    pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
        let path = path.canonicalize()?;
        let synced = path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all());
        synced.or_else(|error| match error.kind() {
            ErrorKind::Unsupported | ErrorKind::InvalidInput | ErrorKind::PermissionDenied => Ok(()),
            _ => Err(error),
        })
    }

    pub(super) fn id(file: &Metadata) -> FileId {
        (file.dev(), file.ino())
    }
}
