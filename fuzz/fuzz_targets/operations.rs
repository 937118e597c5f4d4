//! Operations of three replicas against an oracle: see [`crdt_fuzz::operations`].
#![no_main]

use crdt_fuzz::operations::{Program, run};

libfuzzer_sys::fuzz_target!(|program: Program| run(&program));
