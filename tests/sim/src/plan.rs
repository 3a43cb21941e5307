//! What a seed makes of a run: the shape, the options of the components, the clients, and what happens to them all.

use std::time::Duration;

use menagerie_log::faulty::Crash;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::client::ClientPlan;
use crate::layout::{Layout, NodeSpec, Shape};

/// Options of the components.
#[derive(Clone, Debug)]
pub struct Tuning {
    pub segment_bytes: u64,
    pub log_cache_bytes: usize,
    pub checkpoint_interval: Duration,
    pub checkpoint_bytes: u64,
    pub truncate_margin: u64,
    pub truncate_step: u64,
    pub event_history_bytes: usize,
    pub tick: Duration,
    pub min_timeout: Duration,
    pub max_timeout: Duration,
    pub gateway_threads: usize,
}

/// Something that is done to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A machine crashes and comes back after `down_ms`.
    Crash { node: usize, how: Crashing, down_ms: u64 },
    /// The same, in the middle of the n-th operation on its disk from then on.
    CrashInDisk { node: usize, operations: u64, how: Crashing, down_ms: u64 },
    /// All machines lose power at once.
    PowerCut { how: Crashing, down_ms: u64 },
    /// Nothing passes between two groups of machines.
    Partition { a: Vec<String>, b: Vec<String>, kind: PartitionKind, ms: u64 },
    /// Some of what passes between two groups is lost, which breaks connections.
    Lossy { a: Vec<String>, b: Vec<String>, per_mille: u32, ms: u64 },
    /// Everything between two groups takes longer.
    Slow { a: Vec<String>, b: Vec<String>, latency_ms: u64, ms: u64 },
    /// A sync fails, and all that follow.
    SyncError { node: usize, after: u64, down_ms: u64 },
    /// The disk is full after so many bytes.
    DiskFull { node: usize, bytes: u64, down_ms: u64 },
    /// Writes and syncs take long.
    SlowDisk { node: usize, delays_ms: (u64, u64), ms: u64 },
    /// A machine comes back with an empty disk. Only done while all are well: see `docs/reliability.md`.
    Wipe { node: usize, down_ms: u64 },
    /// A wall clock is set.
    ClockJump { node: usize, ms: i64 },
    /// A process does not run for a while.
    Pause { node: usize, ms: u64 },
}

/// How a machine crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crashing {
    /// What becomes of unsynced writes.
    pub disk: Crash,
    /// The system closes the connections, as when only the process dies.
    pub closes_connections: bool,
}

/// What a partition does to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionKind {
    /// They are lost: connections that were in use never recover.
    Drop,
    /// They arrive when it is over, as if the system had sent them again and again.
    Delay,
    /// From the first group to the second they are lost; the other direction works.
    OneWay,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub shape: Shape,
    pub tuning: Tuning,
    pub clients: Vec<ClientPlan>,
    /// Latency of messages, from and to.
    pub latency_ms: (u64, u64),
    /// When what happens, in rising order.
    pub faults: Vec<(u64, Fault)>,
    /// When faults end for good.
    pub heal_ms: u64,
}

/// Nothing happens before, so that the cluster is founded.
const QUIET_MS: u64 = 3_000;
/// After a wipe nothing else happens for so long.
const REBUILD_MS: u64 = 5_000;

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let rng = &mut rng;
        let shape = if rng.random_bool(0.5) { Shape::Members } else { Shape::Split };
        let layout = Layout::new(shape);
        let tuning = tuning(rng);
        let gateways: Vec<_> =
            layout.nodes.iter().filter(|node| node.gateway).map(|node| node.name).collect();
        let clients: Vec<_> = (0..rng.random_range(3..=5)).map(|_| client(rng, &tuning, &gateways)).collect();
        let heal_ms = QUIET_MS + rng.random_range(8_000..16_000);
        let mut names: Vec<String> = layout.nodes.iter().map(|node| node.name.to_owned()).collect();
        names.extend((0..clients.len()).map(client_name));
        let mut faults = Vec::new();
        let mut at = QUIET_MS + rng.random_range(0..1_500);
        // From one thing after the other to all at once.
        let pause_ms = [2_500, 1_200, 500][rng.random_range(0..3)];
        while at < heal_ms {
            let fault = fault(rng, &layout.nodes, &names);
            let wipe = matches!(fault, Fault::Wipe { .. });
            faults.push((at, fault));
            at += if wipe { REBUILD_MS } else { rng.random_range(0..pause_ms * 2) };
        }
        let latency_ms = *[(1, 2), (1, 5), (1, 20)].choose(rng).unwrap_or(&(1, 5));
        Self { seed, shape, tuning, clients, latency_ms, faults, heal_ms }
    }
}

/// The name of a client's machine.
pub fn client_name(client: usize) -> String {
    format!("client{client}")
}

fn tuning(rng: &mut StdRng) -> Tuning {
    let tick = Duration::from_millis(*[200, 500, 1000].choose(rng).unwrap_or(&500));
    Tuning {
        segment_bytes: *[16 << 10, 64 << 10, 256 << 10].choose(rng).unwrap_or(&(64 << 10)),
        log_cache_bytes: *[4 << 10, 1 << 20].choose(rng).unwrap_or(&(1 << 20)),
        checkpoint_interval: Duration::from_millis(rng.random_range(500..4_000)),
        checkpoint_bytes: rng.random_range(8 << 10..128 << 10),
        truncate_margin: *[0, 10, 100].choose(rng).unwrap_or(&10),
        truncate_step: *[1, 20, 200].choose(rng).unwrap_or(&20),
        event_history_bytes: *[0, 2 << 10, 1 << 20].choose(rng).unwrap_or(&(1 << 20)),
        tick,
        min_timeout: tick * 2,
        max_timeout: tick * 20,
        gateway_threads: rng.random_range(1..=2),
    }
}

fn client(rng: &mut StdRng, tuning: &Tuning, gateways: &[&'static str]) -> ClientPlan {
    let deaths = *[0, 0, 5, 20].choose(rng).unwrap_or(&0);
    ClientPlan {
        gateways: gateways.to_vec(),
        timeout: (tuning.min_timeout * rng.random_range(1..=4)).max(Duration::from_millis(600)),
        pipeline: *[1, 4, 12].choose(rng).unwrap_or(&4),
        think: Duration::from_millis(rng.random_range(10..120)),
        moves: *[0, 10, 40].choose(rng).unwrap_or(&10),
        deaths,
        closes: *[0, 5].choose(rng).unwrap_or(&0),
    }
}

fn crashing(rng: &mut StdRng) -> Crashing {
    let disk =
        *[Crash::KeepAll, Crash::LoseAll, Crash::Tear, Crash::Tear].choose(rng).unwrap_or(&Crash::Tear);
    Crashing { disk, closes_connections: disk == Crash::KeepAll }
}

fn fault(rng: &mut StdRng, nodes: &[NodeSpec], names: &[String]) -> Fault {
    let any = rng.random_range(0..nodes.len());
    let with_disk: Vec<_> = (0..nodes.len()).filter(|n| nodes[*n].consensus || nodes[*n].store).collect();
    let disk = with_disk.choose(rng).copied().unwrap_or(0);
    let down_ms = rng.random_range(50..4_000);
    let ms = rng.random_range(100..4_500);
    match rng.random_range(0..100) {
        0..16 => Fault::Crash { node: any, how: crashing(rng), down_ms },
        16..28 => {
            let operations = rng.random_range(1..60);
            let how = Crashing { closes_connections: false, ..crashing(rng) };
            Fault::CrashInDisk { node: disk, operations, how, down_ms }
        }
        28..34 => Fault::PowerCut { how: crashing(rng), down_ms },
        34..56 => {
            let (a, b) = groups(rng, names);
            let kinds = [PartitionKind::Drop, PartitionKind::Delay, PartitionKind::OneWay];
            Fault::Partition { a, b, kind: *kinds.choose(rng).unwrap_or(&PartitionKind::Drop), ms }
        }
        56..63 => {
            let (a, b) = groups(rng, names);
            Fault::Lossy { a, b, per_mille: rng.random_range(1..60), ms }
        }
        63..68 => {
            let (a, b) = groups(rng, names);
            Fault::Slow { a, b, latency_ms: rng.random_range(20..400), ms }
        }
        68..72 => Fault::SyncError { node: disk, after: rng.random_range(0..20), down_ms },
        72..76 => Fault::DiskFull { node: disk, bytes: rng.random_range(0..40_000), down_ms },
        76..81 => {
            let most = rng.random_range(10..600);
            Fault::SlowDisk { node: disk, delays_ms: (most / 4, most), ms }
        }
        81..85 => Fault::Wipe { node: disk, down_ms },
        85..91 => Fault::ClockJump { node: any, ms: rng.random_range(-3_600_000..3_600_000) },
        _ => Fault::Pause { node: any, ms: rng.random_range(100..5_000) },
    }
}

/// Two groups of machines without one in common: one against all others, any against any, or all divided.
fn groups(rng: &mut StdRng, names: &[String]) -> (Vec<String>, Vec<String>) {
    match rng.random_range(0..4) {
        0 | 1 => {
            let one = rng.random_range(0..names.len());
            let others = names.iter().enumerate().filter(|(n, _)| *n != one);
            (vec![names[one].clone()], others.map(|(_, name)| name.clone()).collect())
        }
        2 => {
            let pair: Vec<_> = names.choose_multiple(rng, 2).cloned().collect();
            (vec![pair[0].clone()], vec![pair[1].clone()])
        }
        _ => {
            let (mut a, mut b) = (vec![names[0].clone()], vec![names[1].clone()]);
            for name in &names[2..] {
                if rng.random_bool(0.5) { &mut a } else { &mut b }.push(name.clone());
            }
            (a, b)
        }
    }
}
