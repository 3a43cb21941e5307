//! Runs a load: one thread, or several alike that start together.

use std::sync::Barrier;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::lanes::{Lanes, Made};
use super::plan::{Plan, Window};
use super::prepare;
use super::tally::Tally;
use crate::cli::{LoadArgs, Protocol};
use crate::error::{BenchError, Result};
use crate::mix::Kind;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::report::Report;
use crate::target::sync;
use crate::usage::{Snapshot, Usage};
use crate::wire::{Fleet, SILENCE_MAX, close_all};

/// Connections that prepare the znodes.
const PREPARERS: usize = 8;
/// Requests bigger than this are refused by a server with ZooKeeper's default limit.
const FRAME_LEN_DEFAULT: usize = menagerie_jute::frame::LEN_MAX_DEFAULT;

/// `menagerie bench load`.
pub fn run(args: &LoadArgs) -> Result<Report> {
    let plan = Plan::new(args)?;
    let args = &plan.args;
    if args.protocol == Protocol::Grpc {
        return crate::grpc::run(&plan);
    }
    check_multi(&plan)?;
    let base = Instant::now();
    let mut progress = plan.target.progress();
    if !args.prepared {
        with_preparers(&plan, base, |fleet| prepare::create(fleet, &plan, &mut progress))?;
    }
    let shared = Shared {
        plan: &plan,
        base,
        barrier: Barrier::new(args.threads as usize),
        begin_ns: OnceLock::new(),
        next_made: AtomicU64::new(0),
    };
    let mut outcomes = std::thread::scope(|scope| {
        let others: Vec<_> = (1..args.threads)
            .map(|n| {
                scope.spawn({
                    let shared = &shared;
                    move || shared.thread(n, None)
                })
            })
            .collect();
        let mut outcomes = vec![shared.thread(0, Some(&mut progress))];
        for other in others {
            let failed = |_| Err(BenchError::setup("a thread of the generator", "it has panicked"));
            outcomes.push(other.join().unwrap_or_else(failed));
        }
        outcomes.into_iter().collect::<Result<Vec<_>>>()
    })?;
    let mut first = outcomes.remove(0);
    for other in outcomes {
        first.tally.add(other.tally);
        first.made.extend(other.made);
    }
    let usage = first.usage(first.tally.ops(), &args.target.server_pids);
    if !args.target.keep && first.tally.faults.is_empty() {
        with_preparers(&plan, base, |fleet| prepare::clean(fleet, &plan, &first.made, &mut progress))?;
    }
    drop(progress);
    first.tally.report(&plan, usage)
}

/// Sessions that live no longer than they are used: nobody would ping for them meanwhile.
fn with_preparers(plan: &Plan, base: Instant, work: impl FnOnce(&mut Fleet) -> Result<()>) -> Result<()> {
    let mut fleet = plan.target.open(PREPARERS, plan.payload.clone(), base)?;
    work(&mut fleet)?;
    close_all(&mut fleet)
}

fn check_multi(plan: &Plan) -> Result<()> {
    let len = super::requests::Requests::new(plan).multi.frame_len(plan.args.multi_ops as usize);
    if plan.args.mix.has(Kind::Multi) && len > FRAME_LEN_DEFAULT {
        let problem = format!(
            "a multi of {} operations with --payload {} has {len} bytes, more than servers take by default (jute.maxbuffer)",
            plan.args.multi_ops, plan.args.payload
        );
        return Err(BenchError::Usage(problem));
    }
    Ok(())
}

/// What the threads have in common.
struct Shared<'a> {
    plan: &'a Plan,
    base: Instant,
    barrier: Barrier,
    begin_ns: OnceLock<u64>,
    next_made: AtomicU64,
}

struct Outcome {
    tally: Tally,
    made: Vec<Made>,
    snapshots: Snapshots,
}

impl Outcome {
    fn usage(&self, ops: u64, pids: &[u32]) -> Usage {
        match (&self.snapshots.from, &self.snapshots.to) {
            (Some(from), Some(to)) => from.until(to, ops, pids),
            _ => Usage::default(),
        }
    }
}

/// At the begin and end of the window.
#[derive(Default)]
struct Snapshots {
    from: Option<Snapshot>,
    to: Option<Snapshot>,
}

impl Snapshots {
    fn look(&mut self, now_ns: u64, window: &Window, pids: &[u32]) {
        if self.from.is_none() && now_ns >= window.from_ns {
            self.from = Some(Snapshot::take(pids));
        }
        if self.to.is_none() && now_ns >= window.to_ns {
            self.to = Some(Snapshot::take(pids));
        }
    }
}

impl Shared<'_> {
    /// One thread's share. Every thread comes to the barrier, also one that failed before it.
    fn thread(&self, number: u32, progress: Option<&mut Progress>) -> Result<Outcome> {
        let args = &self.plan.args;
        let sessions = share(args.sessions, args.threads, number);
        let ready = self.open(sessions as usize);
        self.barrier.wait();
        let mut fleet = ready?;
        let begin_ns = *self.begin_ns.get_or_init(|| fleet.now_ns());
        let window = Window::new(begin_ns, args.warmup, args.seconds);
        let tally = Tally::new(window, args.rate.is_some(), progress.is_some());
        let lanes =
            Lanes::new(self.plan, u64::from(number), sessions as usize, &self.next_made, tally, window);
        let rate = args.rate.map(|rate| rate * f64::from(sessions) / f64::from(args.sessions));
        let mut engine =
            Engine { base: self.base, window, lanes, pace: rate.map(|rate| paced(rate, &window)), next: 0 };
        let snapshots = engine.run(&mut fleet, &args.target.server_pids, progress)?;
        let (tally, mut made) = engine.lanes.into_made();
        // Ephemerals go with their sessions.
        made.retain(|made| !made.ephemeral);
        close_all(&mut fleet)?;
        Ok(Outcome { tally, made, snapshots })
    }

    fn open(&self, sessions: usize) -> Result<Fleet> {
        let mut fleet = self.plan.target.open(sessions, self.plan.payload.clone(), self.base)?;
        for id in 0..fleet.len() {
            sync(&mut fleet, id, &self.plan.target.prefix)?;
        }
        Ok(fleet)
    }
}

/// As evenly as it goes.
fn share(sessions: u32, threads: u32, number: u32) -> u32 {
    sessions / threads + u32::from(number < sessions % threads)
}

fn paced(rate: f64, window: &Window) -> Pace {
    Pace::new(rate, window.to_ns - window.begin_ns)
}

struct Engine<'a> {
    base: Instant,
    window: Window,
    lanes: Lanes<'a>,
    /// Of an open loop; its time 0 is the begin of the window.
    pace: Option<Pace>,
    next: usize,
}

impl Engine<'_> {
    fn run(
        &mut self,
        fleet: &mut Fleet,
        pids: &[u32],
        mut progress: Option<&mut Progress>,
    ) -> Result<Snapshots> {
        let mut snapshots = Snapshots::default();
        if self.pace.is_none() {
            (0..fleet.len()).for_each(|id| fleet.drive(id, &mut self.lanes));
        }
        loop {
            let now = fleet.now_ns();
            snapshots.look(now, &self.window, pids);
            self.release(fleet, now);
            if now >= self.window.to_ns && self.lanes.unfinished() == 0 {
                return Ok(snapshots);
            }
            if now > self.window.to_ns + SILENCE_MAX.as_nanos() as u64 {
                let unfinished = self.lanes.unfinished();
                self.lanes
                    .tally
                    .faults
                    .add(|| format!("{unfinished} requests not answered after {SILENCE_MAX:?}"));
                return Ok(snapshots);
            }
            if let Some(progress) = progress.as_deref_mut().filter(|progress| progress.is_due()) {
                self.show(progress, now);
            }
            fleet.turn(self.base + Duration::from_nanos(self.wake_ns(now)), &mut self.lanes)?;
        }
    }

    /// Sends the requests of an open loop whose time has come, to the sessions in turns.
    fn release(&mut self, fleet: &mut Fleet, now_ns: u64) {
        let Some(pace) = &mut self.pace else { return };
        let since = now_ns - self.window.begin_ns;
        let mut touched = 0;
        let first = self.next;
        while let Some(meant) = pace.due(since) {
            let id = self.next % fleet.len();
            self.next += 1;
            touched += 1;
            if !self.lanes.due(id, self.window.begin_ns + meant) {
                self.lanes.tally.faults.add(|| format!("no session {id} to send over"));
            }
        }
        for id in first..first + touched.min(fleet.len()) {
            fleet.drive(id % fleet.len(), &mut self.lanes);
        }
    }

    /// When to look again if nothing happens.
    fn wake_ns(&self, now_ns: u64) -> u64 {
        let boundary = if now_ns < self.window.from_ns { self.window.from_ns } else { self.window.to_ns };
        let boundary = if now_ns < boundary { boundary } else { now_ns + 1_000_000_000 };
        let paced = self.pace.as_ref().and_then(Pace::peek).map(|at| at + self.window.begin_ns);
        paced.map_or(boundary, |at| at.min(boundary))
    }

    fn show(&mut self, progress: &mut Progress, now_ns: u64) {
        let tally = &mut self.lanes.tally;
        let (Some(recent), elapsed) = (&mut tally.recent, progress.since().as_secs_f64()) else { return };
        let summary = recent.summary();
        let phase = if now_ns < self.window.from_ns { "warming up" } else { "measuring" };
        progress.show(&format!(
            "{phase}, {:.0} of {:.0} s: {:.0} ops/s, p50 {:.2} ms, p99 {:.2} ms, errors {}",
            (now_ns - self.window.begin_ns) as f64 / 1e9,
            (self.window.to_ns - self.window.begin_ns) as f64 / 1e9,
            recent.len() as f64 / elapsed,
            summary.p50_us / 1e3,
            summary.p99_us / 1e3,
            tally.faults.errors,
        ));
        recent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_shared_out_to_the_last_one() {
        for (sessions, threads) in [(1, 1), (64, 1), (5, 2), (7, 3), (2, 4)] {
            let shares: Vec<u32> = (0..threads).map(|n| share(sessions, threads, n)).collect();
            assert_eq!(shares.iter().sum::<u32>(), sessions);
            assert!(shares.iter().max() <= shares.iter().min().map(|min| min + 1).as_ref());
        }
    }
}
