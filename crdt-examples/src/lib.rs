//! What the programs of this package share: the document that they replicate, and one-line errors.

pub mod cli;
pub mod shop;
