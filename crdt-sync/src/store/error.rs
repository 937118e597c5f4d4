//! What can go wrong with a store, and what to do.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a store was not opened, or did not write. What is in it was not changed, but for a batch whose
/// fate is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreError {
    /// Which store: the path of its file.
    pub place: String,
    /// What is wrong.
    pub fault: StoreFault,
}

/// What is wrong with a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// The disk is full, read-only, broken, or gone. It is tried again.
    Disk {
        /// The kind of the operating system's error.
        kind: io::ErrorKind,
        /// Its words.
        reason: String,
    },
    /// Another node has it open, in this process or in another one, or has been dropped and not shut down
    /// yet.
    InUse,
    /// The file holds something else.
    NotAStore {
        /// How that was seen.
        reason: String,
    },
    /// The file is a store, and part of it is not as it was written.
    Damaged {
        /// What was found.
        reason: String,
    },
    /// While it was open, the file was replaced by another, or lost what had been written.
    Replaced,
}

impl StoreError {
    /// An error at a place.
    #[must_use]
    pub fn new(place: impl Into<String>, fault: StoreFault) -> Self {
        Self { place: place.into(), fault }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.fault {
            StoreFault::Disk { reason, .. } => write!(f, "{place}: {reason}"),
            StoreFault::InUse => {
                write!(
                    f,
                    "{place}: a node has it open, or is not done with stopping; each needs a file of its own"
                )
            }
            StoreFault::NotAStore { reason } => {
                write!(
                    f,
                    "{place}: not a store of this program, and left as it is ({reason}); choose another path"
                )
            }
            StoreFault::Damaged { reason } => write!(
                f,
                "{place}: damaged, and left as it is ({reason}); move it away, and the node gets \
                 everything back from its peers"
            ),
            StoreFault::Replaced => {
                write!(f, "{place}: lost what had been written to it, or was replaced; start the node again")
            }
        }
    }
}

impl Error for StoreError {}

impl From<&io::Error> for StoreFault {
    fn from(error: &io::Error) -> Self {
        Self::Disk { kind: error.kind(), reason: error.to_string() }
    }
}
