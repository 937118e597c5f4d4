//! crdt-sync
