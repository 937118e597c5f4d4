//! What a simulation can end in.

use core::error::Error;
use core::fmt;
use std::time::Duration;

use super::plan::Act;
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

/// A run in which something was wrong, told with as few acts as it took to show it.
///
/// Displayed, it is the seed, what was wrong, and the story: each act that is needed, and each arrival
/// of a write at another node. The seed gives the same failure again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The seed of the run.
    pub seed: u64,
    /// What was wrong, when and where.
    pub reason: String,
    /// How many acts the run had, and how many are left.
    pub acts: (usize, usize),
    /// The acts that are left, for [`play`](super::play). Nodes that have no part in it are gone from
    /// the beginning.
    pub story: Vec<(Duration, Act)>,
    /// The story in words.
    pub lines: Vec<String>,
}

impl Failure {
    /// What a second run with the same seed does not show.
    pub(super) fn bare(seed: u64, reason: impl fmt::Display) -> Self {
        let reason = format!("{reason}, but not in a second run: it depends on more than its seed");
        Self { seed, reason, acts: (0, 0), story: Vec::new(), lines: Vec::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.reason)?;
        if self.lines.is_empty() {
            return Ok(());
        }
        let (before, after) = self.acts;
        write!(f, "\n{after} of {before} acts are enough:")?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
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
