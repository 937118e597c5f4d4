//! Sets.

mod grow;
mod or;
mod rw;

pub use grow::{GSet, GSetEditor};
pub use or::{OrSet, OrSetEditor};
pub use rw::{RwSet, RwSetEditor};
