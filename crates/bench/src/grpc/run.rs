//! Runs a load over gRPC: so many channels, so many calls outstanding on each.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use menagerie_proto::pb::v1::menagerie_client::MenagerieClient;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::task::LocalSet;
use tonic::transport::Endpoint;

use super::calls::Caller;
use crate::error::{BenchError, Result};
use crate::load::{Plan, Tally, Window};
use crate::mix::Kind;
use crate::pace::Pace;
use crate::report::Report;
use crate::usage::Snapshot;
use crate::wire::{Fault, path};

/// Messages up to this size are taken: the children of a large znode.
const MESSAGE_LEN_MAX: usize = 1 << 30;
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// Calls outstanding while znodes are made and removed.
const PREPARE_DEPTH: usize = 64;

/// The load of `plan`, over gRPC.
pub fn run(plan: &Plan) -> Result<Report> {
    for kind in [Kind::Ephemeral, Kind::Sync] {
        if plan.args.mix.has(kind) {
            let problem = format!("--mix: {} is measured over ZooKeeper's protocol only", kind.name());
            return Err(BenchError::Usage(problem));
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::system("a runtime"))?;
    LocalSet::new().block_on(&runtime, measure(Rc::new(plan.clone())))
}

async fn measure(plan: Rc<Plan>) -> Result<Report> {
    let callers = connect(&plan).await?;
    let setup = callers[0].clone();
    if !plan.args.prepared {
        prepare(&setup).await?;
    }
    let base = Instant::now();
    let window = Window::new(0, plan.args.warmup, plan.args.seconds);
    let state = Rc::new(State::new(plan.clone(), base, window));
    let mut workers = Vec::new();
    for caller in callers {
        for _ in 0..plan.args.depth {
            workers.push(tokio::task::spawn_local(worker(caller.clone(), state.clone())));
        }
    }
    let pids = &plan.args.target.server_pids;
    let at = |ns| tokio::time::Instant::from_std(base + Duration::from_nanos(ns));
    tokio::time::sleep_until(at(window.from_ns)).await;
    let before = Snapshot::take(pids);
    let mut progress = plan.target.progress();
    let end = at(window.to_ns);
    while tokio::time::Instant::now() < end {
        let soon = tokio::time::Instant::now() + Duration::from_millis(500);
        tokio::time::sleep_until(soon.min(end)).await;
        if progress.is_due() {
            progress.show(&state.line(progress.since()));
        }
    }
    let after = Snapshot::take(pids);
    for worker in workers {
        worker.await.map_err(|error| BenchError::setup("a task of the generator", error))?;
    }
    drop(progress);
    let tally = state.tally.borrow().clone();
    if !plan.args.target.keep && tally.faults.is_empty() {
        clean(&setup, state.made.take()).await?;
    }
    let ops = tally.ops();
    tally.report(&plan, before.until(&after, ops, pids))
}

async fn connect(plan: &Rc<Plan>) -> Result<Vec<Caller>> {
    let data = Bytes::copy_from_slice(&plan.payload);
    let mut callers = Vec::new();
    for n in 0..plan.args.sessions as usize {
        let address = plan.target.addresses[n % plan.target.addresses.len()];
        let wrong = |error| BenchError::setup(format!("connecting to {address} over gRPC"), detailed(error));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(wrong)?;
        let endpoint = endpoint.tcp_nodelay(true).connect_timeout(CONNECT_MAX);
        let channel = endpoint.connect().await.map_err(wrong)?;
        let client = MenagerieClient::new(channel).max_decoding_message_size(MESSAGE_LEN_MAX);
        callers.push(Caller { client, plan: plan.clone(), data: data.clone() });
    }
    Ok(callers)
}

/// tonic's own text says "transport error" and leaves the reason to the source.
fn detailed(error: tonic::transport::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

async fn prepare(caller: &Caller) -> Result<()> {
    let plan = &*caller.plan;
    let prefix = vec![(plan.target.prefix.clone(), Bytes::new())];
    each(caller, prefix, Doing::Create).await?;
    if plan.uses_keys() {
        let keys = (0..u64::from(plan.args.nodes)).map(|n| (plan.key(n), caller.data.clone())).collect();
        each(caller, keys, Doing::Create).await?;
    }
    if plan.args.mix.has(Kind::Children) {
        each(caller, vec![(plan.parent(), Bytes::new())], Doing::Create).await?;
        each(caller, children(plan), Doing::Create).await?;
    }
    Ok(())
}

async fn clean(caller: &Caller, made: Vec<u64>) -> Result<()> {
    let plan = &*caller.plan;
    let named = |path| (path, Bytes::new());
    each(caller, made.into_iter().map(|n| named(plan.made(false, n))).collect(), Doing::Delete).await?;
    if plan.uses_keys() {
        let keys = (0..u64::from(plan.args.nodes)).map(|n| named(plan.key(n))).collect();
        each(caller, keys, Doing::Delete).await?;
    }
    if plan.args.mix.has(Kind::Children) {
        each(caller, children(plan), Doing::Delete).await?;
        each(caller, vec![named(plan.parent())], Doing::Delete).await?;
    }
    each(caller, vec![named(plan.target.prefix.clone())], Doing::Delete).await
}

fn children(plan: &Plan) -> Vec<(String, Bytes)> {
    let parent = plan.parent();
    (0..u64::from(plan.args.children)).map(|n| (path(&parent, 'n', n), Bytes::new())).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Create,
    Delete,
}

/// Does it to all of them, several at once.
async fn each(caller: &Caller, paths: Vec<(String, Bytes)>, doing: Doing) -> Result<()> {
    let queue = Rc::new(RefCell::new(VecDeque::from(paths)));
    let lanes = (0..PREPARE_DEPTH).map(|_| {
        let (queue, mut caller) = (queue.clone(), caller.clone());
        tokio::task::spawn_local(async move {
            loop {
                let next = queue.borrow_mut().pop_front();
                let Some((path, data)) = next else { return Ok::<_, Fault>(()) };
                match doing {
                    Doing::Create => caller.create(path, data).await?,
                    Doing::Delete => caller.delete(path).await?,
                }
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        let outcome = lane.await.map_err(|error| BenchError::setup("a task of the generator", error))?;
        outcome.map_err(|fault| BenchError::setup(format!("{doing:?} over gRPC"), fault))?;
    }
    Ok(())
}

/// What the workers have in common.
struct State {
    plan: Rc<Plan>,
    base: Instant,
    window: Window,
    tally: RefCell<Tally>,
    random: RefCell<SmallRng>,
    pace: RefCell<Option<Pace>>,
    made: RefCell<Vec<u64>>,
    next_made: Cell<u64>,
}

impl State {
    fn new(plan: Rc<Plan>, base: Instant, window: Window) -> Self {
        let (rate, seed) = (plan.args.rate, plan.args.seed);
        Self {
            plan,
            base,
            window,
            tally: RefCell::new(Tally::new(window, rate.is_some(), true)),
            random: RefCell::new(SmallRng::seed_from_u64(seed)),
            pace: RefCell::new(rate.map(|rate| Pace::new(rate, window.to_ns))),
            made: RefCell::default(),
            next_made: Cell::new(0),
        }
    }

    fn now_ns(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    /// When the next call counts from, once it may be made; `None` when there are no more.
    ///
    /// In an open loop a call waits for its time to the millisecond, which is as exact as the runtime's timer; its latency
    /// counts from its time all the same.
    async fn next(&self) -> Option<u64> {
        if self.plan.args.rate.is_none() {
            return Some(self.now_ns()).filter(|now| *now < self.window.to_ns);
        }
        let meant = self.pace.borrow_mut().as_mut().and_then(|pace| pace.due(u64::MAX))?;
        if meant > self.now_ns() {
            tokio::time::sleep_until((self.base + Duration::from_nanos(meant)).into()).await;
        }
        Some(meant)
    }

    fn key(&self) -> u64 {
        self.plan.keys.pick(&mut self.random.borrow_mut())
    }

    fn line(&self, elapsed: Duration) -> String {
        let mut tally = self.tally.borrow_mut();
        let errors = tally.faults.errors;
        let Some(recent) = &mut tally.recent else { return String::new() };
        let (ops, summary) = (recent.len() as f64 / elapsed.as_secs_f64(), recent.summary());
        recent.clear();
        let (p50, p99) = (summary.p50_us / 1e3, summary.p99_us / 1e3);
        format!("{ops:.0} calls/s, p50 {p50:.2} ms, p99 {p99:.2} ms, errors {errors}")
    }
}

async fn worker(mut caller: Caller, state: Rc<State>) {
    while let Some(from_ns) = state.next().await {
        let kind = state.plan.args.mix.pick(&mut state.random.borrow_mut());
        let outcome = one(&mut caller, &state, kind).await;
        let mut tally = state.tally.borrow_mut();
        match outcome {
            Ok(kind) => tally.record(kind, from_ns, state.now_ns()),
            Err(fault) => tally.faults.add(|| fault),
        }
    }
}

/// Makes one call; returns what it was in the end.
async fn one(caller: &mut Caller, state: &State, kind: Kind) -> std::result::Result<Kind, Fault> {
    match kind {
        Kind::Get => caller.get(state.key()).await?,
        Kind::Set => caller.set(state.key()).await?,
        Kind::Exists => caller.exists(state.key()).await?,
        Kind::Children => caller.children().await?,
        Kind::Multi => {
            let keys: Vec<_> = (0..state.plan.args.multi_ops).map(|_| state.key()).collect();
            caller.multi(keys.into_iter()).await?;
        }
        Kind::Delete => {
            let last = state.made.borrow_mut().pop();
            if let Some(number) = last {
                caller.delete(state.plan.made(false, number)).await?;
                return Ok(Kind::Delete);
            }
            return create(caller, state).await;
        }
        Kind::Create | Kind::Ephemeral | Kind::Sync => return create(caller, state).await,
    }
    Ok(kind)
}

async fn create(caller: &mut Caller, state: &State) -> std::result::Result<Kind, Fault> {
    let number = state.next_made.replace(state.next_made.get() + 1);
    let data = caller.data.clone();
    caller.create(state.plan.made(false, number), data).await?;
    state.made.borrow_mut().push(number);
    Ok(Kind::Create)
}
