//! Operations of three replicas, and what becomes of them, against an oracle.
//!
//! Deltas are lost, doubled, reordered and grouped; states are joined, compared and walked while
//! writes go on; replicas start again from their bytes. After every step each replica shows what the
//! updates that reached it amount to, by a model that knows no merge and no context: additions,
//! and what each update saw when it took something away. In the end everybody has heard of
//! everything and shows the same.

mod oracle;
mod shown;
mod sites;
mod step;

pub use step::{Edit, Program, Step};

use sites::Sites;

/// Runs one program.
///
/// # Panics
/// When a promise is broken.
pub fn run(program: &Program) {
    let mut sites = Sites::default();
    for step in &program.steps {
        sites.perform(step);
    }
    sites.settle();
}
