//! What the programs of this package share: the document that they replicate, one-line errors, and nodes
//! that write without a pause while a test does something bad to them.

pub mod cli;
pub mod scribe;
pub mod shop;
