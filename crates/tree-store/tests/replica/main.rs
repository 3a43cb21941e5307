//! A whole replica over a log in memory.

mod bench;
mod checkpoints;
mod golden;
mod links;
mod log;
mod moves;
mod peers;
mod registrations;
mod restores;
