//! Maps.

mod lww;
mod or;

pub use lww::{LwwMap, LwwMapEditor};
pub use or::{OrMap, OrMapEditor};
