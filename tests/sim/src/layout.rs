//! Which machines there are and what runs on them.

use std::sync::{Arc, OnceLock};

use crate::node::Machine;

/// The two ways to run Menagerie with several machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Three members, each with everything: `menagerie server`.
    Members,
    /// Three members of the log, two stores, two trackers, two gateways: one role a machine.
    Split,
}

/// What runs on a machine. Ids are unique among those with the same component.
#[derive(Clone, Debug, Default)]
pub struct NodeSpec {
    /// The machine's name in the network.
    pub name: &'static str,
    /// The id of each of its components.
    pub id: u64,
    /// Whether it is a member of the log.
    pub consensus: bool,
    /// Whether it is a replica of the tree.
    pub store: bool,
    /// Whether it runs a session tracker.
    pub tracker: bool,
    /// Whether clients can connect to it.
    pub gateway: bool,
}

/// A cluster.
pub struct Layout {
    /// What runs where, in order.
    pub nodes: Vec<NodeSpec>,
    machines: OnceLock<Vec<Arc<Machine>>>,
}

impl Layout {
    /// The cluster of a shape.
    pub fn new(shape: Shape) -> Self {
        let nodes = match shape {
            Shape::Members => {
                (1..=3).zip(["n1", "n2", "n3"]).map(|(id, name)| everything(id, name)).collect()
            }
            Shape::Split => split(),
        };
        Self { nodes, machines: OnceLock::new() }
    }

    /// The machines that it runs on, in order of the nodes. To be told once.
    pub fn set_machines(&self, machines: Vec<Arc<Machine>>) {
        let _ = self.machines.set(machines);
    }

    /// The machines, in order of the nodes.
    pub fn machines(&self) -> &[Arc<Machine>] {
        self.machines.get().map_or(&[], Vec::as_slice)
    }

    /// How far the durable checkpoint of each store reaches.
    pub fn checkpoints(&self) -> Vec<u64> {
        let stores = self.machines().iter().filter(|machine| machine.spec.store);
        stores.map(|machine| machine.disk.checkpoint()).collect()
    }
}

fn everything(id: u64, name: &'static str) -> NodeSpec {
    NodeSpec { name, id, consensus: true, store: true, tracker: true, gateway: true }
}

fn split() -> Vec<NodeSpec> {
    let node = |name, id| NodeSpec { name, id, ..NodeSpec::default() };
    let consensus = [(1, "c1"), (2, "c2"), (3, "c3")];
    let consensus = consensus.map(|(id, name)| NodeSpec { consensus: true, ..node(name, id) });
    let stores = [(1, "s1"), (2, "s2")].map(|(id, name)| NodeSpec { store: true, ..node(name, id) });
    let trackers = [(1, "t1"), (2, "t2")].map(|(id, name)| NodeSpec { tracker: true, ..node(name, id) });
    let gateways = [(1, "g1"), (2, "g2")].map(|(id, name)| NodeSpec { gateway: true, ..node(name, id) });
    [&consensus[..], &stores, &trackers, &gateways].concat()
}
