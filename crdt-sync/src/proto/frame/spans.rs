//! Ranges of blocks with their hashes, as two nodes compare them.

use crdt_core::Span;

use super::FrameError;
use crate::proto::config::Config;
use crate::proto::wire::{Reader, Writer};

/// Most bytes of one range: two numbers and the hash.
const MAX_SPAN: usize = 10 + 10 + 8;

/// Over how many ranges none is divided any more: an answer has at most one more for each range of the
/// question, and has to fit into a frame.
pub(crate) fn max_spans(config: &Config) -> usize {
    let head = 2 + 3 * 10;
    config.max_frame.saturating_sub(head) / (2 * MAX_SPAN)
}

/// Writes ranges in ascending order, each with its distance from the one before.
pub(super) fn encode(spans: &[Span], to: &mut Writer) {
    to.count(spans.len());
    let mut end = 0;
    for span in spans {
        to.number(span.first.saturating_sub(end));
        to.number(span.blocks.saturating_sub(1));
        to.raw(&span.hash.to_le_bytes());
        end = span.first.saturating_add(span.blocks);
    }
}

/// Reads ranges; at most as much is allocated as the bytes at hand can fill. None is empty and no two
/// overlap, so that comparing them costs no more than a look at each block.
pub(super) fn decode(from: &mut Reader<'_>) -> Result<Vec<Span>, FrameError> {
    let (mut spans, mut end) = (Vec::new(), 0u64);
    for _ in 0..from.number()? {
        let first = end.checked_add(from.number()?).ok_or(FrameError::Order)?;
        let blocks = from.number()?.checked_add(1).ok_or(FrameError::Order)?;
        let hash = u64::from_le_bytes(from.array()?);
        end = first.checked_add(blocks).ok_or(FrameError::Order)?;
        spans.push(Span { first, blocks, hash });
    }
    Ok(spans)
}
