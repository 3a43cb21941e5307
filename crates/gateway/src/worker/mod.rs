//! A worker: one thread that serves its share of the connections, with a proposer and a link of its own.
//!
//! The state is in [`core`]; what is around it here moves bytes between it and sockets, the log, the replica and the
//! tracker. Everything runs on one current-thread runtime, so nothing is locked and replies cost no hand-over.

mod accept;
mod api;
mod attention;
mod auth;
mod conn;
mod core;
mod identities;
mod items;
mod limits;
mod local;
mod pending;
mod picker;
mod read_only;
mod reads;
mod reconfig;
mod requests;
mod sessions;
mod slab;
mod socket;
mod tasks;
#[cfg(test)]
mod tests;
mod tls;
mod told;
mod watchers;
mod words;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_link::{Proposer, new_incarnation};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

pub use accept::{Accepted, Door};
pub use conn::Peer;
pub use core::Core;
pub use words::{Asked, Part, QUESTIONS_MAX};

/// For the fuzzer.
#[cfg(fuzzing)]
pub mod fuzzed {
    pub use super::conn::{Conn, ConnToken};
    pub use super::identities::Identities;
}

use self::identities::KnownPeers;
use self::socket::Sockets;
use crate::Shared;
use crate::api::ApiCall;

/// Accepted connections that may wait for a worker.
pub const ACCEPTED_MAX: usize = 1024;
/// Connections told to go get this long to take what is in their buffers.
const DRAIN: Duration = Duration::from_millis(500);

/// What comes to a worker from other threads.
pub struct Intake {
    /// Accepted connections.
    pub sockets: mpsc::Receiver<Accepted>,
    /// Calls of the gRPC API.
    pub calls: mpsc::Receiver<ApiCall>,
    /// Questions of workers, for four-letter words.
    pub questions: mpsc::Receiver<Asked>,
    /// All workers, to be asked.
    pub workers: Vec<mpsc::Sender<Asked>>,
    /// Turns true when the gateway stops.
    pub stopping: watch::Receiver<bool>,
}

/// What the tasks of a worker share.
#[derive(Clone)]
pub struct Worker {
    core: Rc<RefCell<Core>>,
    sockets: Rc<RefCell<Sockets>>,
    peers: Rc<RefCell<KnownPeers>>,
    shared: Arc<Shared>,
    workers: Rc<[mpsc::Sender<Asked>]>,
}

/// Runs a worker on the calling thread until the gateway stops.
pub async fn run(shared: Arc<Shared>, mut intake: Intake) {
    // Without a gateway there is nobody to stop for, and nobody to go on for.
    while !*intake.stopping.borrow() && intake.stopping.has_changed().is_ok() {
        serve(&shared, &mut intake).await;
    }
}

/// One incarnation: until the gateway stops, or the log no longer knows the incarnation.
async fn serve(shared: &Arc<Shared>, intake: &mut Intake) {
    let proposer = Proposer::with_policy(new_incarnation(), shared.options.policy());
    let worker = Worker {
        core: Rc::new(RefCell::new(Core::new(shared, proposer.clone(), Instant::now()))),
        sockets: Rc::default(),
        peers: Rc::default(),
        shared: Arc::clone(shared),
        workers: intake.workers.clone().into(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn_local(proposer.run(shared.ensemble.clone()));
    tasks.spawn_local(worker.clone().serve_signals());
    tasks.spawn_local(worker.clone().flush_link());
    tasks.spawn_local(worker.clone().establish());
    tasks.spawn_local(worker.clone().touch());
    tasks.spawn_local(worker.clone().sync());
    tasks.spawn_local(worker.clone().reconfigure());
    tasks.spawn_local(worker.clone().attend());
    tasks.spawn_local(worker.clone().answer_words());
    let mut link = tasks::link_task(&worker);
    loop {
        tokio::select! {
            Some(accepted) = intake.sockets.recv() => worker.accept(accepted, &mut tasks),
            Some(asked) = intake.questions.recv() => {
                tasks.spawn_local(worker.clone().answer_question(asked));
            }
            Some(call) = intake.calls.recv() => {
                worker.with_core(|core| core.call(call));
            }
            () = &mut link => {
                warn!("starting anew: the outcome of some requests is unknown, their clients reconnect");
                break;
            }
            _ = intake.stopping.changed() => break,
            Some(_) = tasks.join_next() => {}
        }
    }
    worker.farewell().await;
}

impl Worker {
    /// Works on the state, as of now.
    fn with_core<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        let mut core = self.core.borrow_mut();
        core.now = Instant::now();
        work(&mut core)
    }

    /// Lets all connections go, so that their clients move elsewhere.
    async fn farewell(&self) {
        let connections = self.with_core(|core| {
            core.stopping = true;
            core.conns.iter_mut().for_each(conn::Conn::drain);
            core.conns.len()
        });
        if connections > 0 {
            info!(connections, "letting clients go");
        }
        let deadline = Instant::now() + DRAIN;
        while self.with_core(|core| core.conns.iter_mut().any(|c| !c.output.is_empty()))
            && Instant::now() < deadline
        {
            self.flush();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.with_core(|core| {
            core.conns.iter_mut().for_each(conn::Conn::kill);
            for conn in core.conns.iter_mut() {
                if let Peer::Socket(addr) = conn.peer {
                    core.stats.disconnected(addr.ip());
                }
            }
        });
    }
}
