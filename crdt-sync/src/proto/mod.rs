//! The protocol without I/O: no sockets, no tasks, no clock, no randomness of its own.

mod config;
mod donation;
mod engine;
mod error;
mod event;
mod exchange;
mod frame;
mod holdings;
mod id;
mod log;
mod peer;
mod receiver;
mod state;
mod status;
mod time;
mod token;
mod vector;
mod wire;

pub use config::Config;
pub use engine::Engine;
pub use error::{ConfigError, Fault, FrameError, PeerError, TryUpdateError, UpdateError};
pub use event::{Event, WalkOutcome, WalkRole};
pub use id::PeerId;
pub use status::{Counters, PeerState, PeerStatus, Status};
pub use time::Now;
pub use token::{Token, Written};
