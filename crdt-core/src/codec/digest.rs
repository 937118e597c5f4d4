//! Digests as bytes: what a delta says of its dots, without its entries.

use alloc::vec::Vec;

use super::envelope::{count, decode_dots, encode_head};
use super::{DecodeError, Limits, Reader};
use crate::clock::CausalContext;
use crate::doc::Digest;
use crate::few::Few;

/// The first byte, which no delta has: the digest of a document of which nothing is live would be the
/// removal of all that it has seen.
const DIGEST: u8 = 0xd1;

impl Digest {
    /// The digest as bytes, for whoever answers with [`delta_since`](crate::Doc::delta_since): the same for
    /// equal digests. It takes a few bytes for each run of dots that are live, or gone.
    ///
    /// ```
    /// use crdt_core::{Delta, Digest, Doc, OrSet, Replica, codec::Limits};
    ///
    /// let (mut us, mut here) = (Replica::random(), Doc::<OrSet<String>>::default());
    /// let _ = here.update(&mut us, |cart| cart.insert("apple".to_owned()));
    /// let mut there = here.clone();
    /// let _ = here.update(&mut us, |cart| cart.remove("apple"));
    ///
    /// // One asks, the other answers, over whatever there is between them.
    /// let question = there.digest().encode();
    /// let answer = here.delta_since(&Digest::decode(&question, &Limits::default())?).encode()?;
    /// there.merge(Delta::decode(&answer, &Limits::default())?);
    /// assert_eq!(here, there);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (live, dead) = self.dots();
        encode_head(DIGEST, &live, &dead, 0).into_bytes()
    }

    /// The digest that these bytes are.
    ///
    /// # Errors
    /// When they are none, or exceed the limits. Memory is bounded by the length of the input, and a bit
    /// for each of the [entries](Limits::max_entries) that it may say are live.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        if bytes.len() > limits.max_bytes {
            return Err(DecodeError::TooLarge { limit: "max_bytes" });
        }
        let mut input = Reader::new(bytes, limits);
        let [version] = input.array()?;
        if version != DIGEST {
            return Err(DecodeError::Version { found: version });
        }
        let (mut live, mut dead) = (Few::default(), CausalContext::default());
        decode_dots(&mut input, limits, &mut live, &mut dead)?;
        count(&live, limits)?;
        input.finish()?;
        Ok(Self::of_dots(&live, &dead))
    }
}
