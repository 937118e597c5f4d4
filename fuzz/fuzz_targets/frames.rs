//! A node among frames and datagrams that nobody honest sends.
#![no_main]

libfuzzer_sys::fuzz_target!(|steps: Vec<crdt_fuzz::frames::Step>| crdt_fuzz::frames::run(&steps));
