//! What can go wrong while the demo runs.

use std::fmt;
use std::io;
use std::time::Duration;

use crdt_sync::certs::CertError;

use crate::place::Place;

/// Why the demo ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The process of a region did not start, ended, or answered something else than it was asked.
    Process { place: Place, what: String },
    /// A region could not do what it was told.
    Refused { place: Place, reason: String },
    /// Something did not happen in time.
    Late { waited: Duration, what: String },
    /// The regions show something else than they must.
    Wrong(String),
    /// There are no certificates.
    Certificates(CertError),
    /// Nobody reads the output any more.
    Output(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { place, what } => write!(f, "the process of {place} {what}"),
            Self::Refused { place, reason } => write!(f, "{place} could not: {reason}"),
            Self::Late { waited, what } => write!(f, "after {waited:?} {what}"),
            Self::Wrong(what) => f.write_str(what),
            Self::Certificates(error) => error.fmt(f),
            Self::Output(error) => write!(f, "cannot print: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<CertError> for Failure {
    fn from(error: CertError) -> Self {
        Self::Certificates(error)
    }
}
