//! Plays one seed: safety phase, healing phase, last look.

use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use mad_turmoil::time::SimClocksGuard;
use rand_0_10::SeedableRng;
use turmoil::Sim;

use crate::client;
use crate::durable;
use crate::event::Event;
use crate::faults::Faults;
use crate::layout::Layout;
use crate::node::{self, Machine, Surroundings};
use crate::observer::{Observer, Violation};
use crate::plan::{Plan, client_name};
use crate::world::World;

const TICK: Duration = Duration::from_millis(1);
/// Segments that may be on their way in one direction of a connection.
const TCP_CAPACITY: usize = 8192;
/// After the longest session timeout, what it takes until a dead session is expired: connections that do not work are
/// found out in 3 s, and then another tracker may have to take over.
const EXPIRY_MS: u64 = 7_000;
/// Once everything is healed, clients get this long to do everything once more.
const PROGRESS_MS: u64 = 20_000;
/// After the last write, replicas get this long to have it.
const CONVERGE_MS: u64 = 3_000;

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Report {
    /// The first thing that was wrong.
    pub violation: Option<Violation>,
    /// Of all events and their times.
    pub hash: u64,
    /// How many there were.
    pub events: u64,
    /// Virtual time.
    pub virtual_ms: u64,
    /// Index of the last committed entry.
    pub committed: u64,
    /// What happened how often, as `name=count` words.
    pub tally: String,
}

/// Plays a seed; `print` shows every event. To be called once in a process.
///
/// It runs in a thread of its own, whose hash maps begin with the seed: what the caller has done before, such as setting
/// up logging, makes no difference.
pub fn run(seed: u64, print: bool) -> Report {
    let simulation = std::thread::Builder::new().name("simulation".into()).spawn(move || play(seed, print));
    match simulation.map(std::thread::JoinHandle::join) {
        Ok(Ok(report)) => report,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => Report::impossible(format!("no thread for the simulation: {error}")),
    }
}

fn play(seed: u64, print: bool) -> Report {
    mad_turmoil::rand::set_rng(rand_0_10::rngs::StdRng::seed_from_u64(seed));
    let _clocks = SimClocksGuard::init();
    let panicked = catch_panics();
    let plan = Plan::new(seed);
    let world = World::new(Observer::new(print), plan.clients.len());
    if print {
        eprintln!("{plan:#?}");
    }
    let mut cluster = Cluster::new(&plan, world.clone());
    let outcome = cluster.play(&plan);
    let now = world.now_ms();
    world.with_observer(|observer| {
        if let Err(problem) = outcome {
            observer.fail("progress", problem, now);
        }
        observer.finish(now);
        if let Some(message) = panicked.lock().ok().and_then(|mut message| message.take()) {
            observer.fail("no panic", message, now);
        }
        Report {
            violation: observer.violation().cloned(),
            hash: observer.hash(),
            events: observer.events,
            virtual_ms: now,
            committed: world.committed(),
            tally: observer.tally.words(),
        }
    })
}

impl Report {
    fn impossible(message: String) -> Self {
        let violation = Some(Violation { invariant: "start", message, at_ms: 0 });
        Self { violation, hash: 0, events: 0, virtual_ms: 0, committed: 0, tally: String::new() }
    }
}

/// A task's panic must not go unnoticed.
fn catch_panics() -> Arc<Mutex<Option<String>>> {
    let first = Arc::new(Mutex::new(None));
    let (noted, before) = (Arc::clone(&first), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        if let Ok(mut noted) = noted.lock() {
            noted.get_or_insert_with(|| info.to_string());
        }
        before(info);
    }));
    first
}

struct Cluster<'a> {
    sim: Sim<'a>,
    world: World,
    layout: Arc<Layout>,
    faults: Faults,
}

impl Cluster<'_> {
    fn new(plan: &Plan, world: World) -> Self {
        let mut sim = turmoil::Builder::new()
            .rng_seed(plan.seed)
            .epoch(UNIX_EPOCH)
            .simulation_duration(Duration::from_secs(3600))
            .tick_duration(TICK)
            .tcp_capacity(TCP_CAPACITY)
            .min_message_latency(Duration::from_millis(plan.latency_ms.0))
            .max_message_latency(Duration::from_millis(plan.latency_ms.1))
            .enable_random_order()
            .build();
        let layout = Arc::new(Layout::new(plan.shape));
        let machines = layout.nodes.iter().zip(1..);
        let machines: Vec<_> =
            machines.map(|(spec, n)| Machine::new(spec.clone(), plan.seed.wrapping_mul(1000) + n)).collect();
        layout.set_machines(machines.clone());
        let tuning = Arc::new(plan.tuning.clone());
        let around = Surroundings { world: world.clone(), layout: Arc::clone(&layout), tuning };
        for machine in machines {
            let around = around.clone();
            sim.host(machine.spec.name, move || node::live(Arc::clone(&machine), around.clone()));
        }
        for (id, client) in plan.clients.iter().enumerate() {
            let (world, client, seed) = (world.clone(), client.clone(), plan.seed.wrapping_add(id as u64));
            sim.host(client_name(id), move || client::run(id, world.clone(), client.clone(), seed));
        }
        let faults = Faults::new(world.clone(), Arc::clone(&layout), plan);
        Self { sim, world, layout, faults }
    }

    fn play(&mut self, plan: &Plan) -> Result<(), String> {
        self.until(plan.heal_ms, |_| false)?;
        self.faults.heal(&mut self.sim);
        let timeout_ms = plan.clients.iter().map(|client| client.timeout.as_millis() as u64).max();
        let close_ms = self.world.now_ms() + timeout_ms.unwrap_or(0) + EXPIRY_MS;
        self.until(close_ms, |_| false)?;
        self.world.close();
        let clients = plan.clients.len();
        let deadline = close_ms + PROGRESS_MS;
        if !self.until(deadline, |world| world.clients_done() == clients)? {
            let done = self.world.clients_done();
            return Err(format!(
                "{done} of {clients} clients got everything done in {PROGRESS_MS} ms after all was healed"
            ));
        }
        let committed = self.world.committed();
        let stores = self.layout.nodes.iter().filter(|node| node.store).count();
        let converged =
            |world: &World| world.with_observer(|observer| observer.stores_at(committed)) == stores;
        if !self.until(self.world.now_ms() + CONVERGE_MS, converged)? {
            return Err(format!("not all stores have applied entry {committed} after {CONVERGE_MS} ms"));
        }
        for machine in self.layout.machines().iter().filter(|machine| machine.spec.consensus) {
            let entries = durable::entries(&machine.disk);
            self.world.emit(Event::DurableLog { node: machine.spec.name, entries });
        }
        Ok(())
    }

    /// Lets time pass up to `ms`, or until `done`, which is returned, or until something is wrong.
    fn until(&mut self, ms: u64, done: impl Fn(&World) -> bool) -> Result<bool, String> {
        while self.world.now_ms() < ms {
            self.faults.step(&mut self.sim);
            self.sim.step().map_err(|error| format!("the simulation failed: {error}"))?;
            self.world.set_now_ms(self.sim.elapsed().as_millis() as u64);
            if self.world.with_observer(|observer| observer.violation().is_some()) {
                return Err("stopped at the first violation".into());
            }
            if done(&self.world) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
