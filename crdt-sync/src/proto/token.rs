//! What a write hands back: its value and what to wait for.

use std::sync::Arc;

use crdt_core::Dot;
use crdt_core::clock::CausalContext;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Everything its writer had applied, its own write included: the vector of update numbers.
///
/// A node that [covers](super::Engine::covers) a token shows every write that the token's holder
/// had seen. Hand it to whoever must read at least as much, for example with a redirect from one
/// data centre to another: nothing else promises causal order between origins.
///
/// ```
/// use crdt_sync::proto::Token;
///
/// assert!(Token::default().updates().is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token(Arc<CausalContext>);

impl Token {
    /// The token of a node that has applied these updates.
    #[must_use]
    pub fn new(updates: impl Into<Arc<CausalContext>>) -> Self {
        Self(updates.into())
    }

    /// The update numbers that the token stands for.
    #[must_use]
    pub fn updates(&self) -> &CausalContext {
        &self.0
    }
}

/// As the set of numbers.
impl Serialize for Token {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

/// Refuses what no set of numbers serialises to.
impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        CausalContext::deserialize(from).map(Self::new)
    }
}

/// A committed write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written<R> {
    /// What the closure returned.
    pub value: R,
    /// Covers the write and everything that its node had applied.
    pub token: Token,
    /// The number of the update, or nothing where the closure changed nothing.
    pub update: Option<Dot>,
}

impl<R> Written<R> {
    pub(super) fn new(value: R, token: Token, update: Option<Dot>) -> Self {
        Self { value, token, update }
    }
}
