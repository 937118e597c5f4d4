//! Real nodes over real QUIC on loopback.
#![cfg(feature = "quic")]
#![expect(clippy::disallowed_methods, reason = "real nodes run in real time")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod admission;
mod donor;
mod durable;
mod handshake;
mod hostile;
mod links;
#[cfg(feature = "metrics")]
mod metrics;
mod node;
mod proxy;
mod raw;
mod refused;
mod status;
mod support;
mod told;
mod trust;
mod weather;
