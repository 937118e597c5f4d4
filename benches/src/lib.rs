//! crdt-benches
