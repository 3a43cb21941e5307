//! The state machine as its users see it: commands in; replies, events and checkpoints out.

mod acls;
mod checkpoints;
mod creates;
mod deletes;
mod directories;
mod exactly_once;
mod leases;
mod model;
mod multis;
mod pair;
mod property;
mod quotas;
mod reads;
mod reaping;
mod reconfigs;
mod restores;
mod sessions;
mod sets;
mod stats;
mod steps;
mod watches;
mod world;
