//! What the clients do meanwhile, one file for each kind of client.

mod counters;
mod ephemerals;
mod finale;
mod locks;
mod registers;
mod request;
mod sequences;
mod session;
mod sets;
mod watches;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub use self::finale::{end, setup};
use self::request::Request;
use self::session::{Done, Session};
use self::watches::Board;
use crate::history::History;

const POLL: Duration = Duration::from_millis(50);
/// Everything that clients write is below this.
const ROOT: &str = "/chaos";
/// ZooKeeper's shortest at this tick.
const SHORT_TIMEOUT: Duration = Duration::from_secs(4);
const USUAL_TIMEOUT: Duration = Duration::from_secs(8);

/// The clients of a run, by kind.
const CLIENTS: &[(&str, usize)] = &[
    ("register", 4),
    ("counter", 2),
    ("sequence", 2),
    ("set", 2),
    ("lock", 3),
    ("ephemeral", 3),
    ("watch", 3),
    ("watched", 1),
];

/// What all clients of a run share.
pub struct Shared {
    /// Where everything is written down.
    pub history: History,
    hosts: Vec<String>,
    seed: u64,
    /// Znodes are new in each cycle, so that histories of one znode stay short.
    cycle: AtomicU64,
    stopping: AtomicBool,
    /// What is wrong beyond doubt.
    violations: Mutex<Vec<String>>,
    /// When each client last got a good answer to a write, and to any other request.
    wrote: Vec<AtomicU64>,
    read: Vec<AtomicU64>,
    board: Board,
}

impl Shared {
    /// For a run against these servers.
    pub fn new(history: History, hosts: Vec<String>, seed: u64) -> Self {
        let count = CLIENTS.iter().map(|(_, count)| count).sum();
        let moments = || (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            history,
            hosts,
            seed,
            cycle: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            violations: Mutex::default(),
            wrote: moments(),
            read: moments(),
            board: Board::default(),
        }
    }

    /// The present cycle.
    pub fn cycle(&self) -> u64 {
        self.cycle.load(Ordering::Relaxed)
    }

    /// Begins a cycle with its own znodes.
    pub fn begin_cycle(&self, cycle: u64) {
        self.cycle.store(cycle, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// All servers, in an order of the client's own.
    fn hosts_for(&self, client: usize) -> Vec<String> {
        let mut hosts = self.hosts.clone();
        hosts.rotate_left(client % self.hosts.len().max(1));
        hosts
    }

    fn random_for(&self, client: usize) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_add(client as u64))
    }

    /// Something is wrong beyond doubt.
    pub fn violation(&self, what: String) {
        eprintln!("VIOLATION {what}");
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// All that is wrong so far.
    pub fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn progress(&self, client: usize, request: &Request, done: &Done) {
        let moments = if request.value().is_some() { &self.wrote } else { &self.read };
        // Refusals are answers, too.
        if done.answer.is_some() {
            moments[client].store(done.call.max(1), Ordering::Relaxed);
        }
    }

    /// Nobody need wait for this client before it has had another answer: it is away on purpose.
    fn excuse(&self, client: usize) {
        for moments in [&self.wrote, &self.read] {
            moments[client].store(u64::MAX, Ordering::Relaxed);
        }
    }

    /// Waits until every client has had a request answered that was sent after now.
    pub async fn wait_progress(&self, within: Duration) -> anyhow::Result<()> {
        let (since, deadline) = (self.history.now(), Instant::now() + within);
        let names = CLIENTS.iter().flat_map(|(name, count)| (0..*count).map(move |_| *name));
        let names: Vec<_> = names.collect();
        loop {
            let after = |moment: &AtomicU64| moment.load(Ordering::Relaxed) > since;
            let stuck: Vec<_> = (0..names.len())
                .filter(|n| match names[*n] {
                    "watch" => !after(&self.read[*n]),
                    "register" | "ephemeral" => !(after(&self.read[*n]) && after(&self.wrote[*n])),
                    _ => !after(&self.wrote[*n]),
                })
                .map(|n| format!("{} {n}", names[n]))
                .collect();
            if stuck.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("clients without progress for {} s: {}", within.as_secs(), stuck.join(", "));
            }
            sleep(POLL).await;
        }
    }

    /// Waits until every watcher knows what was last written, while nothing is written.
    pub async fn wait_watchers(&self, within: Duration) -> anyhow::Result<()> {
        self.board.wait_same(within).await
    }
}

/// The clients at work.
pub struct Clients {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Clients {
    /// Starts all of them.
    pub fn start(shared: &Arc<Shared>) -> Self {
        let mut tasks = JoinSet::new();
        let kinds = CLIENTS.iter().flat_map(|(name, count)| (0..*count).map(move |n| (*name, n)));
        for (number, (name, n)) in kinds.enumerate() {
            let timeout = if matches!(name, "lock" | "ephemeral") { SHORT_TIMEOUT } else { USUAL_TIMEOUT };
            let session = Session::new(Arc::clone(shared), number, name, timeout);
            let random = shared.random_for(number);
            match name {
                "register" => drop(tasks.spawn(registers::run(session, random))),
                "counter" => drop(tasks.spawn(counters::run(session, random))),
                "sequence" => drop(tasks.spawn(sequences::run(session, random))),
                "set" => drop(tasks.spawn(sets::run(session, random))),
                "lock" => drop(tasks.spawn(locks::run(session, random))),
                "ephemeral" => drop(tasks.spawn(ephemerals::run(session, random))),
                "watch" => drop(tasks.spawn(watches::watch(session, random, n))),
                _ => drop(tasks.spawn(watches::write(session, random))),
            }
        }
        Self { shared: Arc::clone(shared), tasks }
    }

    /// Lets them finish what they are at and end their sessions.
    pub async fn stop(mut self, within: Duration) -> anyhow::Result<()> {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.context("a client failed")?;
            }
            Ok(())
        };
        tokio::time::timeout(within, all).await.context("clients do not come to an end")?
    }
}

/// A pause between two requests, somewhere around `usual`.
async fn pause(random: &mut StdRng, usual: Duration) {
    let share = random.random_range(0.5..1.5);
    sleep(usual.mul_f64(share)).await;
}
