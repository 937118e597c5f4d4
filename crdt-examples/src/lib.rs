//! crdt-examples
