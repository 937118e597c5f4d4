//! The one walk that a node may be receiving.

use std::time::Duration;

use crdt_core::Past;
use crdt_core::clock::CausalContext;

use super::config::Config;
use super::error::PeerError;
use super::id::PeerId;

/// The receiving side of walks.
///
/// A walk belongs to one donor and one start. It is complete when every chunk came in order; only
/// then is the donor's vector of the start claimed. One that is cut is forgotten, and what it
/// brought stays as parts that nobody claims.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    last_id: u64,
    not_before: Duration,
    walk: Option<Incoming>,
}

/// A walk asked for or under way.
#[derive(Debug)]
struct Incoming {
    peer: PeerId,
    id: u64,
    /// When it counts as standing still.
    deadline: Duration,
    begun: bool,
    /// The document's context as the donor was told it.
    context: CausalContext,
    progress: Option<Progress>,
}

/// A walk that began.
#[derive(Debug)]
struct Progress {
    updates: CausalContext,
    past: Past,
    next_index: u64,
    questions: u32,
    /// The chunk so far.
    bytes: Vec<u8>,
}

/// Questions of one walk. Each divides what differs by two at least, and no state has 2⁶⁴ blocks. More
/// would cost a look at the document each, and end nowhere.
const MAX_QUESTIONS: u32 = 64;
/// Pieces of a chunk are as long as a frame, but for the last.
const MIN_PART: usize = 256;

/// What a piece of a walk leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs to a walk that is over, came before, or is next to nothing.
    Nothing,
    /// A good piece of a chunk.
    Part,
    /// A chunk is whole.
    Chunk(Vec<u8>),
    /// Everything came: these updates may be claimed.
    Complete(CausalContext),
    /// Something is missing: the walk is over.
    Cut,
}

impl Receiver {
    /// The donor, once a walk was asked for.
    pub(super) fn donor(&self) -> Option<PeerId> {
        self.walk.as_ref().map(|walk| walk.peer)
    }

    /// The donor of a walk that began.
    pub(super) fn running(&self) -> Option<PeerId> {
        self.walk.as_ref().filter(|walk| walk.begun).map(|walk| walk.peer)
    }

    /// Whether a walk may be asked for now.
    pub(super) fn is_free(&self, now: Duration) -> bool {
        self.walk.is_none() && now >= self.not_before
    }

    /// When the walk counts as standing still.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.walk.as_ref().map(|walk| walk.deadline)
    }

    /// When something has to be done although nothing arrives.
    pub(super) fn due(&self, wanted: impl FnOnce() -> bool) -> Option<Duration> {
        self.deadline().or_else(|| wanted().then_some(self.not_before))
    }

    /// Asks `peer` for a walk; returns its id.
    pub(super) fn ask(&mut self, peer: PeerId, now: Duration, config: &Config) -> u64 {
        self.last_id += 1;
        let deadline = now + config.walk_timeout;
        self.walk = Some(Incoming {
            peer,
            id: self.last_id,
            deadline,
            begun: false,
            context: CausalContext::default(),
            progress: None,
        });
        self.last_id
    }

    /// The request goes out, and says that the document has this context.
    pub(super) fn requested(&mut self, id: u64, context: &CausalContext) {
        if let Some(walk) = self.walk.as_mut().filter(|walk| walk.id == id) {
            walk.context = context.clone();
        }
    }

    /// The donor begins at a state with this vector, which has not seen all of the context. Returns
    /// whether that is news.
    pub(super) fn begin(
        &mut self,
        from: (PeerId, u64),
        (updates, unseen): (CausalContext, &CausalContext),
        now: Duration,
        config: &Config,
    ) -> bool {
        let Some(walk) = self.current(from).filter(|walk| !walk.begun) else { return false };
        let past = Past::new(walk.context.difference(unseen), walk.id);
        walk.progress = Some(Progress { updates, past, next_index: 0, questions: 0, bytes: Vec::new() });
        walk.begun = true;
        walk.deadline = now + config.walk_timeout;
        true
    }

    /// A piece of a chunk.
    pub(super) fn chunk(
        &mut self,
        from: (PeerId, u64),
        (index, last, bytes): (u64, bool, &[u8]),
        now: Duration,
        config: &Config,
    ) -> Result<Step, PeerError> {
        let progress = match self.next(from, index, now, config) {
            Ok(progress) => progress,
            Err(step) => return Ok(step),
        };
        let (found, allowed) = (progress.bytes.len() + bytes.len(), config.max_chunk_bytes);
        if found > allowed {
            let (found, allowed) = (found as u64, allowed as u64);
            return Err(PeerError::LimitExceeded { limit: "max_chunk_bytes", found, allowed });
        }
        progress.bytes.extend_from_slice(bytes);
        let part = if bytes.len() < MIN_PART { Step::Nothing } else { Step::Part };
        Ok(if last { Step::Chunk(std::mem::take(&mut progress.bytes)) } else { part })
    }

    /// A question: what the two compare, or what else it leads to.
    pub(super) fn question(
        &mut self,
        from: (PeerId, u64),
        index: u64,
        now: Duration,
        config: &Config,
    ) -> Result<&Past, Step> {
        let progress = self.next(from, index, now, config)?;
        progress.questions += 1;
        if progress.questions > MAX_QUESTIONS { Err(Step::Cut) } else { Ok(&progress.past) }
    }

    /// The walk under way, if this is the index of its next frame.
    fn next(
        &mut self,
        from: (PeerId, u64),
        index: u64,
        now: Duration,
        config: &Config,
    ) -> Result<&mut Progress, Step> {
        let walk = self.current(from).ok_or(Step::Nothing)?;
        match &mut walk.progress {
            Some(progress) if index < progress.next_index => Err(Step::Nothing),
            Some(progress) if index == progress.next_index => {
                progress.next_index += 1;
                walk.deadline = now + config.walk_timeout;
                Ok(progress)
            }
            Some(_) | None => Err(Step::Cut),
        }
    }

    /// The donor says that this was all.
    pub(super) fn end(&mut self, from: (PeerId, u64), chunks: u64) -> Step {
        let Some(walk) = self.current(from) else { return Step::Nothing };
        match walk.progress.take() {
            Some(progress) if progress.next_index == chunks && progress.bytes.is_empty() => {
                Step::Complete(progress.updates)
            }
            _ => Step::Cut,
        }
    }

    /// Whether this is the walk under way.
    pub(super) fn is_current(&mut self, from: (PeerId, u64)) -> bool {
        self.current(from).is_some()
    }

    /// Forgets the walk; none is asked for before `pause` has passed.
    pub(super) fn stop(&mut self, now: Duration, pause: Duration) {
        self.walk = None;
        self.not_before = now + pause;
    }

    fn current(&mut self, (peer, id): (PeerId, u64)) -> Option<&mut Incoming> {
        self.walk.as_mut().filter(|walk| walk.peer == peer && walk.id == id)
    }
}

#[cfg(test)]
mod tests {
    use crdt_core::{Dot, ReplicaId};

    use super::*;

    const DONOR: PeerId = PeerId(1);

    fn vector() -> CausalContext {
        CausalContext::from_iter([Dot::new(ReplicaId::from_u128(1), 1)])
    }

    fn begin(receiver: &mut Receiver, id: u64) -> bool {
        let start = (vector(), &CausalContext::default());
        receiver.begin((DONOR, id), start, Duration::ZERO, &Config::new("c"))
    }

    fn begun() -> (Receiver, Config, u64) {
        let (mut receiver, config) = (Receiver::default(), Config::new("c"));
        let id = receiver.ask(DONOR, Duration::ZERO, &config);
        assert!(begin(&mut receiver, id));
        (receiver, config, id)
    }

    fn chunk(receiver: &mut Receiver, id: u64, index: u64, last: bool) -> Step {
        let piece = (index, last, &[7][..]);
        receiver.chunk((DONOR, id), piece, Duration::ZERO, &Config::new("c")).expect("within limits")
    }

    #[test]
    fn a_walk_claims_only_when_every_chunk_came() {
        let (mut receiver, _, id) = begun();
        assert_eq!(chunk(&mut receiver, id, 0, false), Step::Nothing);
        assert_eq!(chunk(&mut receiver, id, 1, true), Step::Chunk(vec![7, 7]));
        assert_eq!(receiver.end((DONOR, id), 2), Step::Complete(vector()));
    }

    #[test]
    fn a_gap_or_an_early_end_cuts_a_walk() {
        let (mut receiver, _, id) = begun();
        assert_eq!(chunk(&mut receiver, id, 1, true), Step::Cut, "index 0 is missing");
        let (mut receiver, _, id) = begun();
        chunk(&mut receiver, id, 0, true);
        assert_eq!(receiver.end((DONOR, id), 2), Step::Cut, "one is missing at the end");
        let (mut receiver, _, id) = begun();
        chunk(&mut receiver, id, 0, false);
        assert_eq!(receiver.end((DONOR, id), 1), Step::Cut, "half a chunk");
    }

    #[test]
    fn a_chunk_that_came_before_is_ignored() {
        let (mut receiver, _, id) = begun();
        assert_eq!(chunk(&mut receiver, id, 0, true), Step::Chunk(vec![7]));
        assert_eq!(chunk(&mut receiver, id, 0, true), Step::Nothing);
        assert_eq!(receiver.end((DONOR, id), 1), Step::Complete(vector()));
    }

    #[test]
    fn chunks_before_the_beginning_cut_a_walk() {
        let (mut receiver, config) = (Receiver::default(), Config::new("c"));
        let id = receiver.ask(DONOR, Duration::ZERO, &config);
        assert_eq!(chunk(&mut receiver, id, 0, true), Step::Cut);
    }

    #[test]
    fn pieces_of_other_walks_are_ignored() {
        let (mut receiver, config, id) = begun();
        assert_eq!(chunk(&mut receiver, id + 1, 0, true), Step::Nothing);
        let stranger = (PeerId(2), id);
        let piece = (0, true, &[][..]);
        assert_eq!(receiver.chunk(stranger, piece, Duration::ZERO, &config), Ok(Step::Nothing));
        assert_eq!(receiver.end(stranger, 0), Step::Nothing);
        assert!(!begin(&mut receiver, id), "begun twice");
    }

    #[test]
    fn a_chunk_has_a_limit() {
        let (mut receiver, mut config, id) = begun();
        config.max_chunk_bytes = 3;
        let mut take = |index| receiver.chunk((DONOR, id), (index, false, &[0, 0]), Duration::ZERO, &config);
        assert_eq!(take(0), Ok(Step::Nothing));
        assert!(matches!(take(1), Err(PeerError::LimitExceeded { found: 4, allowed: 3, .. })));
    }

    #[test]
    fn after_a_cut_a_pause_is_kept() {
        let (mut receiver, config, _) = begun();
        assert_eq!(receiver.due(|| false), Some(config.walk_timeout));
        receiver.stop(Duration::from_secs(3), config.walk_retry);
        assert_eq!(receiver.donor(), None);
        assert!(!receiver.is_free(Duration::from_secs(3)));
        assert!(receiver.is_free(Duration::from_secs(3) + config.walk_retry));
        assert_eq!(receiver.due(|| true), Some(Duration::from_secs(3) + config.walk_retry));
        assert_eq!(receiver.due(|| false), None);
    }
}
