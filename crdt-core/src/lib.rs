//! crdt-core
