//! A whole replica over a log in memory.

mod bench;
mod checkpoints;
mod links;
mod log;
mod moves;
mod peers;
