//! The harness that end-to-end tests share: real processes on loopback, in each of the three shapes.
//!
//! The wider suite, with faults and bad input, is in `e2e/`; what is here goes through a client of another make.

mod cluster;
mod ports;
mod process;
mod shape;
mod wait;

pub use cluster::Cluster;
pub use ports::free_range;
pub use process::{Process, Signal, binary, root};
pub use shape::Shape;
pub use wait::eventually;
