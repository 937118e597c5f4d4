//! What a simulation can end in.

use core::error::Error;
use core::fmt;
use std::time::Duration;

use crate::proto::{ConfigError, PeerError, RecoverError, UpdateError};

/// Why a simulated node did not write, or a simulation did not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimError {
    /// The node is crashed.
    Down {
        /// Which.
        node: usize,
    },
    /// The engine refused the write.
    Update(UpdateError),
    /// The engine's configuration cannot work.
    Config(ConfigError),
    /// The engine cannot go on from what the node's disk holds.
    Recover(RecoverError),
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down { node } => write!(f, "node {node} is down"),
            Self::Update(error) => write!(f, "{error}"),
            Self::Config(error) => write!(f, "{error}"),
            Self::Recover(error) => write!(f, "the disk: {error}"),
        }
    }
}

impl Error for SimError {}

impl From<UpdateError> for SimError {
    fn from(error: UpdateError) -> Self {
        Self::Update(error)
    }
}

impl From<RecoverError> for SimError {
    fn from(error: RecoverError) -> Self {
        Self::Recover(error)
    }
}

impl From<ConfigError> for SimError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// The nodes are not equal after all the time they had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotConverged {
    /// How long it was waited.
    pub after: Duration,
    /// How many updates each live node has applied.
    pub updates: Vec<(usize, u64)>,
    /// The different fingerprints among live nodes.
    pub fingerprints: usize,
}

impl fmt::Display for NotConverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, updates, fingerprints } = self;
        write!(f, "no convergence after {after:?}: {fingerprints} different states, ")?;
        write!(f, "updates applied by node: {updates:?}")
    }
}

impl Error for NotConverged {}

/// A run in which something was wrong. The seed gives the same run again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The seed of the run.
    pub seed: u64,
    /// What was wrong.
    pub reason: String,
}

impl Failure {
    pub(super) fn new(seed: u64, reason: impl fmt::Display) -> Self {
        Self { seed, reason: reason.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.reason)
    }
}

impl Error for Failure {}

/// An engine refused what another engine sent: with honest nodes this is an error in the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) node: usize,
    pub(super) error: PeerError,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} refused a connection: {}", self.node, self.error)
    }
}
