//! What a write hands back: its value and what to wait for.

use crdt_core::Dot;
use crdt_core::clock::CausalContext;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(CausalContext);

impl Token {
    /// The token of a node that has applied these updates.
    #[must_use]
    pub fn new(updates: CausalContext) -> Self {
        Self(updates)
    }

    /// The update numbers that the token stands for.
    #[must_use]
    pub fn updates(&self) -> &CausalContext {
        &self.0
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
