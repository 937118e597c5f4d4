//! What can be wrong with bytes, and how many are accepted.

use alloc::string::{String, ToString};
use core::fmt;

/// What a decoder accepts before it says no. Whatever the input claims, no more is allocated than its
/// length allows: a byte stands for one entry at most, or one element of a value, and for 63 bytes that an
/// entry shares with the one before it, up to `max_bytes` in all.
///
/// ```
/// use crdt_core::{Delta, OrSet, codec::{DecodeError, Limits}};
///
/// let limits = Limits { max_bytes: 4, ..Limits::default() };
/// let refused = Delta::<OrSet<u8>>::decode(&[1, 0, 0, 0, 0], &limits);
/// assert!(matches!(refused, Err(DecodeError::TooLarge { .. })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The length of the input in bytes, and that of its entries where each is written in full; 16 MiB by
    /// default.
    pub max_bytes: usize,
    /// The number of entries; 1,048,576 by default.
    pub max_entries: usize,
    /// The number of different replica ids; 4,096 by default. Each one costs memory for good.
    pub max_replicas: usize,
    /// How deep arrays and maps nest within one value; 64 by default.
    pub max_depth: usize,
}

impl Limits {
    /// For bytes that the program itself wrote: no bound but the format's and the depth.
    pub const TRUSTED: Self =
        Self { max_bytes: usize::MAX, max_entries: usize::MAX, max_replicas: usize::MAX, max_depth: 64 };
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 16 << 20, max_entries: 1 << 20, max_replicas: 4096, max_depth: 64 }
    }
}

/// Why bytes are not a delta. Nothing has been changed by the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends in the middle, or claims more than it has.
    Truncated,
    /// The first byte is not a version that this build reads.
    Version {
        /// The version that was found.
        found: u8,
    },
    /// The input exceeds one of the [`Limits`].
    TooLarge {
        /// Which limit.
        limit: &'static str,
    },
    /// The bytes break a rule of the format.
    Malformed {
        /// Which rule.
        rule: &'static str,
    },
    /// A key or value is not of the type that this build expects.
    Value {
        /// What its deserialiser said.
        reason: String,
    },
}

impl DecodeError {
    pub(super) fn value(reason: &impl ToString) -> Self {
        Self::Value { reason: reason.to_string() }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the input ends in the middle"),
            Self::Version { found } => write!(f, "version {found} of the format is not known to this build"),
            Self::TooLarge { limit } => write!(f, "the input exceeds the limit {limit}"),
            Self::Malformed { rule } => write!(f, "the input is malformed: {rule}"),
            Self::Value { reason } => write!(f, "a key or value is not of the expected type: {reason}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// For deserialisers of keys and values: what they say becomes [`Value`](DecodeError::Value).
impl serde::de::Error for DecodeError {
    fn custom<M: fmt::Display>(reason: M) -> Self {
        Self::value(&reason)
    }
}

/// A user's key or value refused to be serialised. Nothing has been changed by the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    pub(super) reason: String,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key or value refuses to be serialised: {}", self.reason)
    }
}

impl core::error::Error for EncodeError {}
