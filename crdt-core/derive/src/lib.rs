//! Derive macro of crdt-core.
