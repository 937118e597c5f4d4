//! Bytes that anybody may have sent: see [`crdt_fuzz::decode`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| crdt_fuzz::decode::run(bytes));
