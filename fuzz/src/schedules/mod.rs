//! Two or three nodes on any schedule, against an oracle.
//!
//! Bytes decide who writes, which frame is sent and which arrives, which connection ends and who
//! notices, when time passes and who starts again. Streams keep their order and lose nothing but with
//! their connection, unless the program says otherwise; datagrams come late, twice or never. After
//! each change a node shows what its vector says, by a model that knows no entry, log or frame. In
//! the end everything is connected, and within bounded time and talk all nodes show the same, which
//! holds every write that could be saved and nothing that was taken away.

mod board;
mod cluster;
mod network;
mod oracle;
mod settle;
mod step;

pub use board::{Board, Edit};
pub use cluster::{Cluster, Reached};
pub use step::{Knobs, Program, Step};

/// Plays a program to its end.
///
/// # Panics
/// When a promise is broken.
pub fn run(program: &Program) {
    drop(play(program));
}

/// Plays a program to its end, and returns what is left.
///
/// # Panics
/// When a promise is broken.
#[must_use]
pub fn play(program: &Program) -> Cluster {
    let mut cluster = Cluster::new(program.knobs);
    for step in &program.steps {
        cluster.perform(*step);
    }
    cluster.settle();
    cluster
}
