//! Ranges that a peer asks for, or answers with, over and over: they cost what one of them does.

use std::time::{Duration, Instant};

use crdt_core::codec::{Limits, Writer};
use crdt_core::{Doc, OrSet, Past, Span};

use super::crowds::no_square;
use super::turn;

/// One live dot, and one that is gone, in each of so many blocks.
fn sparse(blocks: usize) -> Doc<OrSet<u8>> {
    let mut bytes = Writer::default();
    bytes.raw(&[&[1, 1], &[7; 16][..]].concat());
    for first in [255u64, 1] {
        bytes.number(blocks as u64);
        for gap in [first - 1].into_iter().chain(vec![254; blocks - 1]) {
            bytes.number(gap);
            bytes.number(0u8);
        }
    }
    bytes.raw(&vec![42; blocks]);
    Doc::decode(&bytes.into_bytes(), &Limits::default()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn ask_and_answer(blocks: usize) -> Duration {
    let doc = sparse(blocks);
    let past = Past::new(doc.context(), 1);
    let all = vec![Span { first: 0, blocks: u64::MAX, hash: 1 }; blocks];
    let mut walk = doc.walk(&doc.context(), 0);
    assert!(!walk.compare(1, 2).is_empty());
    let begun = Instant::now();
    let answers = past.answer(&doc, &all, 2, usize::MAX);
    let questions = walk.narrow(&all, 2, usize::MAX);
    let took = begun.elapsed();
    assert_eq!((answers.len(), questions.len()), (2, 2));
    took
}

#[test]
fn ranges_that_overlap_cost_a_look_at_each_block_once() {
    let _turn = turn();
    no_square("everything, as often as there are blocks", |size| ask_and_answer(size / 5));
}
