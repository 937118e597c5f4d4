//! Nodes on any schedule against an oracle: see [`crdt_fuzz::schedules`].
#![no_main]

use crdt_fuzz::schedules::{Program, run};

libfuzzer_sys::fuzz_target!(|program: Program| run(&program));
