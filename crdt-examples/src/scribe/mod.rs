//! Nodes that write without a pause and say what they wrote, each a process of its own, and a record of
//! that: what a test needs that does something bad to nodes and then looks what is left.

mod cluster;
mod member;
mod process;
mod record;
mod words;

pub use cluster::{Cluster, RANGE};
pub use member::serve;
pub use process::{AS_MEMBER, Process};
pub use record::{Record, Sums};
pub use words::{Order, Place, Said, Start, Update, View};
