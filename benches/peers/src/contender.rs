//! What a contender has to do.

use crate::items::{Contents, Item};

/// One way to hold a replicated set or map, or a map of sets.
///
/// Another crate becomes another column by implementing this and being listed in `main`. Whatever
/// its natural way is to write, ship and merge stands behind these methods; what it cannot do, it
/// does as its users would have to.
pub trait Contender: Sized {
    /// What one write ships.
    type Delta: Clone;

    /// How many writes, at most, a row may ask for one by one.
    ///
    /// Where a write takes as long as the state is large, a row of as many writes as there are
    /// elements would never end. A few are written then, to a state of half the elements, which is
    /// what all of them would meet on average.
    const WRITES: usize = usize::MAX;

    /// How often, at most, its times are taken: less often where it is far from everybody else.
    const REPETITIONS: usize = usize::MAX;

    /// An empty state that writes as this replica.
    fn new(replica: u32) -> Self;

    /// The same state in the hands of another replica.
    fn fork(&self, replica: u32) -> Self;

    /// Applies a write and makes what is shipped of it.
    fn put(&mut self, item: Item) -> Self::Delta;

    /// Applies many writes at once, if there is a way to: what they ship is not asked for.
    fn fill(&mut self, items: Vec<Item>) {
        for item in items {
            self.put(item);
        }
    }

    /// Takes away these keys, and what is under them; what that ships is not asked for.
    fn remove(&mut self, keys: &[String]);

    /// Whether the key is in, as a reader finds out who wants its value if it has one.
    #[expect(clippy::ptr_arg, reason = "crdts looks up by &String only")]
    fn has(&self, key: &String) -> bool;

    /// Joins the state of another replica, which keeps it.
    fn merge(&mut self, other: &Self);

    /// Joins what another replica shipped.
    fn merge_delta(&mut self, delta: Self::Delta);

    /// The state as bytes.
    fn encode(&self) -> Vec<u8>;

    /// The state that these bytes are, in the hands of a replica.
    fn decode(bytes: &[u8], replica: u32) -> Self;

    /// What one write ships, as bytes.
    fn encode_delta(delta: Self::Delta) -> Vec<u8>;

    /// What one write shipped.
    fn decode_delta(bytes: &[u8]) -> Self::Delta;

    /// All that is in, for the comparison with what should be.
    fn contents(&self) -> Contents;
}
