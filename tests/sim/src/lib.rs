//! Deterministic simulation: whole clusters and their clients in one process and one thread, under virtual time, on a
//! simulated network (turmoil) and faulty disks. A seed decides everything; `clock_gettime` and `getrandom` are replaced
//! (mad-turmoil), so that what asks them follows the seed, too.
//!
//! [`run::run`] plays one seed. A process plays only one, because libraries keep counters for the process.

mod checkpoints;
mod client;
mod disk;
mod durable;
mod event;
mod faults;
mod host;
mod invariants;
mod layout;
mod node;
mod observer;
mod plan;
mod requests;
pub mod run;
mod tally;
mod watches;
mod world;
