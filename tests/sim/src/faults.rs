//! Does to the cluster what the plan says, and ends it again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use menagerie_log::faulty::Crash;
use turmoil::Sim;

use crate::durable;
use crate::event::Event;
use crate::layout::Layout;
use crate::node::Machine;
use crate::plan::{Crashing, Fault, PartitionKind, Plan};
use crate::world::World;

/// A machine whose process has ended by itself comes back after so long.
const RESTART_MS: u64 = 500;
/// How long a disk fails before the machine is taken away.
const FAILING_MS: u64 = 1_500;
/// A disk is taken away only after so long without any fault.
const CALM_MS: u64 = 1_500;
/// Latency of a link after it was slow.
const LATENCY: Duration = Duration::from_millis(2);

/// A power cut.
const SILENT: Crashing = Crashing { disk: Crash::Tear, closes_connections: false };

thread_local! {
    /// The machines in the network, for [`cut_off`].
    static NAMES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// From now on nothing comes from the machine or reaches it. To be called on one of the machines, within a tick.
pub fn cut_off(name: &str) {
    NAMES.with_borrow(|names| {
        names
            .iter()
            .filter(|other| *other != name)
            .for_each(|other| turmoil::partition(name, other.as_str()));
    });
}

/// What a link does, from the one that lets everything pass to the one that lets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LinkState {
    Healthy,
    Delay,
    /// From the first machine to the second messages are lost.
    There,
    /// From the second to the first.
    Back,
    Drop,
}

/// Two machines, in order of their numbers.
type Pair = (usize, usize);

/// What ends a fault.
enum End {
    Block(u64),
    Lossy(Vec<Pair>),
    Slow(Vec<Pair>),
    SlowDisk(usize),
    FailingDisk(usize),
    Restart(usize),
}

/// See the module.
pub struct Faults {
    world: World,
    layout: Arc<Layout>,
    names: Vec<String>,
    schedule: VecDeque<(u64, Fault)>,
    ends: Vec<(u64, End)>,
    /// What each partition wants of which links, by number.
    blocks: BTreeMap<u64, Vec<(Pair, LinkState)>>,
    next_block: u64,
    links: BTreeMap<Pair, LinkState>,
    /// Machines that are down; silent ones have left their connections open.
    down: BTreeMap<usize, Crashing>,
    /// Machines that will crash in the middle of something.
    doomed: BTreeMap<usize, (Crashing, u64)>,
    /// Machines whose disks fail.
    failing: BTreeSet<usize>,
    /// A machine that has lost its disk and what it must have before anything else may happen.
    rebuilding: Option<(usize, u64, u64)>,
    last_fault_ms: u64,
}

impl Faults {
    /// For the plan's machines and clients.
    pub fn new(world: World, layout: Arc<Layout>, plan: &Plan) -> Self {
        let mut names: Vec<String> = layout.nodes.iter().map(|node| node.name.to_owned()).collect();
        names.extend((0..plan.clients.len()).map(crate::plan::client_name));
        NAMES.set(names.clone());
        Self {
            world,
            layout,
            names,
            schedule: plan.faults.iter().cloned().collect(),
            ends: Vec::new(),
            blocks: BTreeMap::new(),
            next_block: 0,
            links: BTreeMap::new(),
            down: BTreeMap::new(),
            doomed: BTreeMap::new(),
            failing: BTreeSet::new(),
            rebuilding: None,
            last_fault_ms: 0,
        }
    }

    /// What is due. To be called between two ticks.
    pub fn step(&mut self, sim: &mut Sim<'_>) {
        let now = self.world.now_ms();
        self.take_away_the_dead(sim);
        for (_, end) in self.ends.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.end(sim, end);
        }
        self.look_after_rebuilding();
        while self.schedule.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, fault)) = self.schedule.pop_front() {
                self.begin(sim, fault);
            }
        }
    }

    /// Ends everything.
    pub fn heal(&mut self, sim: &mut Sim<'_>) {
        self.schedule.clear();
        for (_, end) in std::mem::take(&mut self.ends) {
            self.end(sim, end);
        }
        // Those whose disks failed came back down.
        for (_, end) in std::mem::take(&mut self.ends) {
            self.end(sim, end);
        }
        for machine in self.layout.machines() {
            machine.clock_offset_ms.store(0, Ordering::Relaxed);
            machine.disk.disarm();
        }
        self.world.heal();
    }

    fn machine(&self, node: usize) -> Arc<Machine> {
        Arc::clone(&self.layout.machines()[node])
    }

    fn end_in(&mut self, ms: u64, end: End) {
        self.ends.push((self.world.now_ms() + ms, end));
    }

    fn begin(&mut self, sim: &mut Sim<'_>, fault: Fault) {
        let now = self.world.now_ms();
        if self.rebuilding.is_some() {
            return;
        }
        if matches!(fault, Fault::Wipe { .. }) && !self.is_calm(now) {
            return;
        }
        self.last_fault_ms = now;
        self.world.emit(Event::Fault { what: format!("{fault:?}") });
        match fault {
            Fault::Crash { node, how, down_ms } => self.crash(sim, node, how, down_ms),
            Fault::CrashInDisk { node, operations, how, down_ms } => {
                if !self.down.contains_key(&node) {
                    self.machine(node).disk.crash_in(operations);
                    self.doomed.insert(node, (how, down_ms));
                }
            }
            Fault::PowerCut { how, down_ms } => {
                for node in 0..self.layout.nodes.len() {
                    // They come back one after the other.
                    self.crash(sim, node, how, down_ms + 150 * node as u64);
                }
            }
            Fault::Partition { a, b, kind, ms } => {
                let block = self.block(&a, &b, kind);
                self.end_in(ms, End::Block(block));
                self.apply_links(sim);
            }
            Fault::Lossy { a, b, per_mille, ms } => {
                let pairs: Vec<_> = self.pairs(&a, &b).map(|(pair, _)| pair).collect();
                for pair in &pairs {
                    self.set_fail_rate(sim, *pair, f64::from(per_mille) / 1000.0);
                }
                self.end_in(ms, End::Lossy(pairs));
            }
            Fault::Slow { a, b, latency_ms, ms } => {
                let pairs: Vec<_> = self.pairs(&a, &b).map(|(pair, _)| pair).collect();
                for pair in &pairs {
                    self.set_latency(sim, *pair, Duration::from_millis(latency_ms));
                }
                self.end_in(ms, End::Slow(pairs));
            }
            Fault::SyncError { node, after, .. } if !self.down.contains_key(&node) => {
                self.machine(node).disk.fail_syncs_after(after);
                self.fail_disk(node);
            }
            Fault::DiskFull { node, bytes, .. } if !self.down.contains_key(&node) => {
                self.machine(node).disk.set_space(bytes);
                self.fail_disk(node);
            }
            Fault::SyncError { .. } | Fault::DiskFull { .. } => {}
            Fault::SlowDisk { node, delays_ms, ms } => {
                self.machine(node).disk.set_delays(Some(delays_ms));
                self.end_in(ms, End::SlowDisk(node));
            }
            Fault::Wipe { node, down_ms } => self.wipe(sim, node, down_ms),
            Fault::ClockJump { node, ms } => {
                self.machine(node).clock_offset_ms.fetch_add(ms, Ordering::Relaxed);
            }
            Fault::Pause { node, ms } => {
                // It leaps ahead first and is cut off then: to the others it looks as if it had been stopped, and to
                // itself as if all that time had passed between two of its steps.
                self.machine(node).leap(Duration::from_millis(ms));
                let (name, others) = (self.names[node].clone(), self.names.clone());
                let block = self.block(&[name], &others, PartitionKind::Delay);
                self.end_in(ms, End::Block(block));
                self.apply_links(sim);
            }
        }
    }

    fn fail_disk(&mut self, node: usize) {
        self.failing.insert(node);
        self.end_in(FAILING_MS, End::FailingDisk(node));
    }

    fn end(&mut self, sim: &mut Sim<'_>, end: End) {
        match end {
            End::Block(block) => {
                self.blocks.remove(&block);
                self.apply_links(sim);
            }
            End::Lossy(pairs) => pairs.iter().for_each(|pair| self.set_fail_rate(sim, *pair, 0.0)),
            End::Slow(pairs) => pairs.iter().for_each(|pair| self.set_latency(sim, *pair, LATENCY)),
            End::SlowDisk(node) => self.machine(node).disk.set_delays(None),
            End::FailingDisk(node) => {
                if self.failing.contains(&node) {
                    let how = Crashing { disk: Crash::Tear, closes_connections: true };
                    self.crash(sim, node, how, RESTART_MS);
                }
            }
            End::Restart(node) => self.restart(sim, node),
        }
    }

    /// Nothing has happened for a while, and everybody has everything.
    fn is_calm(&self, now: u64) -> bool {
        let calm = now >= self.last_fault_ms + CALM_MS && self.ends.is_empty() && self.down.is_empty();
        let committed = self.world.committed();
        let mut members = self.layout.machines().iter().filter(|machine| machine.spec.consensus);
        calm && members.all(|machine| durable::last_index(&machine.disk) >= committed)
    }

    fn wipe(&mut self, sim: &mut Sim<'_>, node: usize, down_ms: u64) {
        let how = Crashing { disk: Crash::LoseAll, closes_connections: false };
        self.crash(sim, node, how, down_ms);
        let checkpoints = self.layout.checkpoints();
        self.machine(node).disk.wipe();
        let checkpoint = checkpoints.iter().copied().max().unwrap_or(0);
        self.world.emit(Event::Wiped { node: self.layout.nodes[node].name, checkpoints });
        self.rebuilding = Some((node, self.world.committed(), checkpoint));
    }

    fn look_after_rebuilding(&mut self) {
        let Some((node, committed, checkpoint)) = self.rebuilding else { return };
        let machine = self.machine(node);
        let log = !machine.spec.consensus || durable::last_index(&machine.disk) >= committed;
        let tree = !machine.spec.store || machine.disk.checkpoint() >= checkpoint;
        if log && tree && !self.down.contains_key(&node) {
            self.rebuilding = None;
        }
    }

    /// Machines that crashed in the middle of something, and processes that have ended.
    fn take_away_the_dead(&mut self, sim: &mut Sim<'_>) {
        for (node, machine) in self.layout.machines().to_vec().into_iter().enumerate() {
            if self.down.contains_key(&node) {
                continue;
            }
            if machine.disk.has_crashed() {
                let (how, down_ms) = self.doomed.remove(&node).unwrap_or((SILENT, RESTART_MS));
                self.crash(sim, node, how, down_ms);
            } else if machine.ended.load(Ordering::Relaxed) {
                if !self.failing.contains(&node) {
                    let problem = format!("{} ended although nothing was wrong with it", machine.spec.name);
                    let now = self.world.now_ms();
                    self.world.with_observer(|observer| observer.fail("no needless end", problem, now));
                }
                let how = Crashing { disk: Crash::KeepAll, closes_connections: true };
                self.crash(sim, node, how, RESTART_MS);
            }
        }
    }

    fn crash(&mut self, sim: &mut Sim<'_>, node: usize, how: Crashing, down_ms: u64) {
        if self.down.contains_key(&node) {
            return;
        }
        let machine = self.machine(node);
        self.failing.remove(&node);
        self.world.emit(Event::Crashed { node: machine.spec.name, how: format!("{how:?}") });
        self.down.insert(node, how);
        self.apply_links(sim);
        machine.disk.crash(how.disk);
        sim.crash(machine.spec.name);
        machine.ended.store(false, Ordering::Relaxed);
        if machine.spec.consensus {
            let entries = durable::entries(&machine.disk);
            self.world.emit(Event::DurableLog { node: machine.spec.name, entries });
        }
        self.end_in(down_ms, End::Restart(node));
    }

    fn restart(&mut self, sim: &mut Sim<'_>, node: usize) {
        if self.down.remove(&node).is_some() {
            self.apply_links(sim);
            sim.bounce(self.layout.nodes[node].name);
        }
    }

    fn pairs(&self, a: &[String], b: &[String]) -> impl Iterator<Item = (Pair, bool)> {
        let number = |name: &String| self.names.iter().position(|known| known == name);
        let numbers = |names: &[String]| names.iter().filter_map(number).collect::<Vec<_>>();
        let (a, b) = (numbers(a), numbers(b));
        let pairs = a.into_iter().flat_map(move |x| b.clone().into_iter().map(move |y| (x, y)));
        pairs.filter(|(x, y)| x != y).map(|(x, y)| ((x.min(y), x.max(y)), x < y))
    }

    fn block(&mut self, a: &[String], b: &[String], kind: PartitionKind) -> u64 {
        let state = |in_order| match kind {
            PartitionKind::Drop => LinkState::Drop,
            PartitionKind::Delay => LinkState::Delay,
            PartitionKind::OneWay if in_order => LinkState::There,
            PartitionKind::OneWay => LinkState::Back,
        };
        let wanted = self.pairs(a, b).map(|(pair, in_order)| (pair, state(in_order))).collect();
        self.next_block += 1;
        self.blocks.insert(self.next_block, wanted);
        self.next_block
    }

    /// What each link is to do by all that is going on.
    fn wanted_links(&self) -> BTreeMap<Pair, LinkState> {
        let mut wanted: BTreeMap<Pair, LinkState> = BTreeMap::new();
        let mut want = |pair, state| {
            let link = wanted.entry(pair).or_insert(LinkState::Healthy);
            *link = match (*link, state) {
                (LinkState::There, LinkState::Back) | (LinkState::Back, LinkState::There) => LinkState::Drop,
                (known, new) => known.max(new),
            };
        };
        self.blocks.values().flatten().for_each(|(pair, state)| want(*pair, *state));
        for (node, _) in self.down.iter().filter(|(_, how)| !how.closes_connections) {
            for other in (0..self.names.len()).filter(|other| other != node) {
                want((*node.min(&other), *node.max(&other)), LinkState::Drop);
            }
        }
        wanted
    }

    fn apply_links(&mut self, sim: &mut Sim<'_>) {
        let wanted = self.wanted_links();
        let pairs: BTreeSet<Pair> = wanted.keys().chain(self.links.keys()).copied().collect();
        for pair in pairs {
            let new = wanted.get(&pair).copied().unwrap_or(LinkState::Healthy);
            let old = self.links.insert(pair, new).unwrap_or(LinkState::Healthy);
            // A machine that crashed within a tick has cut itself off.
            let known = old == new && new != LinkState::Healthy;
            if known {
                continue;
            }
            let (a, b) = (self.names[pair.0].as_str(), self.names[pair.1].as_str());
            match old {
                LinkState::Delay => sim.release(a, b),
                _ => sim.repair(a, b),
            }
            match new {
                LinkState::Healthy => {}
                LinkState::Delay => sim.hold(a, b),
                LinkState::There => sim.partition_oneway(a, b),
                LinkState::Back => sim.partition_oneway(b, a),
                LinkState::Drop => sim.partition(a, b),
            }
        }
    }

    fn set_fail_rate(&self, sim: &mut Sim<'_>, (a, b): Pair, rate: f64) {
        sim.set_link_fail_rate(self.names[a].as_str(), self.names[b].as_str(), rate);
    }

    fn set_latency(&self, sim: &mut Sim<'_>, (a, b): Pair, latency: Duration) {
        sim.set_link_latency(self.names[a].as_str(), self.names[b].as_str(), latency);
    }
}
