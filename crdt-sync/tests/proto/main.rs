//! The protocol, one engine and one frame at a time.

mod compact;
mod conflicts;
mod counterexamples;
mod durable;
mod flood;
mod hold;
mod lab;
mod links;
mod names;
mod outages;
mod push;
mod reconcile;
mod rights;
mod saving;
mod upgrade;
mod walks;
mod writes;
