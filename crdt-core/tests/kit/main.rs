//! Every type against the kit: its laws, and its values against a specification.
//!
//! One program, since what the kit becomes for a type is large and both halves need it.

mod laws;
mod made;
mod subjects;
mod values;
