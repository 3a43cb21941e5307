//! Many sessions: opened, kept idle, and ended or abandoned.

use std::time::{Duration, Instant};

use menagerie_jute::{AclList, CreateRequest, PathWatchRequest, Reader, StatResponse};
use menagerie_types::{CreateMode, OpCode};
use serde::Serialize;

use crate::cli::SessionsArgs;
use crate::error::{BenchError, Result};
use crate::faults::Faults;
use crate::latency::{Latencies, Summary};
use crate::load::accept;
use crate::report::{self, Report};
use crate::target::{Target, describe, ensure, payload, remove};
use crate::usage::{Snapshot, Usage, rss_kib};
use crate::wire::{
    Bulk, Fault, Fleet, Handler, Opened, Output, SILENCE_MAX, Template, call, close_all, path, run_bulk,
};

/// Depth of the pipeline that creates ephemerals.
const DEPTH: usize = 16;
/// How often the number of ephemerals left is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// `menagerie bench sessions`.
pub fn run(args: &SessionsArgs) -> Result<Report> {
    let target = Target::new(&args.target)?;
    let pids = &args.target.server_pids;
    let base = Instant::now();
    alone(&target, |session| ensure(session, 0, &target.prefix))?;
    let rss_before_kib = rss_kib(pids);
    let before = Snapshot::take(pids);
    let (mut fleet, opened) = target.try_open(args.count as usize, payload(0), base)?;
    let open_usage = before.until(&Snapshot::take(pids), opened.latencies.len(), pids);
    let mut report = SessionsReport::new(args, &opened, open_usage, rss_before_kib);
    if report.faults.is_empty() {
        report.ephemerals_s = ephemerals(&mut fleet, &target, args)?;
        hold(&mut fleet, &target, args, &mut report)?;
        report.rss_after_kib = rss_kib(pids);
        alone(&target, |observer| {
            report.ended_s = end(&mut fleet, observer, &target, args)?;
            if args.target.keep { Ok(()) } else { remove(observer, 0, &target.prefix) }
        })?;
    }
    report.finish()
}

/// With a session that lives no longer than it is used: nobody would ping for it meanwhile.
fn alone(target: &Target, work: impl FnOnce(&mut Fleet) -> Result<()>) -> Result<()> {
    let mut fleet = target.open(1, payload(0), Instant::now())?;
    work(&mut fleet)?;
    close_all(&mut fleet)
}

/// Creates them; returns how long it took.
fn ephemerals(fleet: &mut Fleet, target: &Target, args: &SessionsArgs) -> Result<f64> {
    let began = Instant::now();
    let total = u64::from(args.count) * u64::from(args.ephemerals);
    let first = path(&target.prefix, 'e', 0);
    let template = Template::new(OpCode::Create, Some(first.len()), None, |out| {
        let (data, acl) = (Some(&b""[..]), Some(AclList::open()));
        CreateRequest { path: &first, data, acl, flags: CreateMode::Ephemeral as i32 }.encode(out);
    });
    // Every session creates its share: each takes as many as fit into its pipeline, in turns.
    let depth = DEPTH.min(args.ephemerals.max(1) as usize);
    let mut progress = target.progress();
    run_bulk(
        fleet,
        Bulk::new(&template, 0..total, args.count as usize, depth, accept),
        "creating ephemerals",
        |done| {
            if progress.is_due() {
                progress.show(&format!("{done} of {total} ephemerals"));
            }
        },
    )?;
    Ok(began.elapsed().as_secs_f64())
}

/// Keeps the sessions with pings alone.
fn hold(fleet: &mut Fleet, target: &Target, args: &SessionsArgs, report: &mut SessionsReport) -> Result<()> {
    let pids = &args.target.server_pids;
    let _ = fleet.take_ping_latencies();
    let mut idle = Idle(Faults::default());
    let mut progress = target.progress();
    let before = Snapshot::take(pids);
    let until = Instant::now() + Duration::from_secs_f64(args.hold);
    while Instant::now() < until {
        if progress.is_due() {
            let left = until.saturating_duration_since(Instant::now()).as_secs();
            progress.show(&format!("{} idle sessions, {left} s left", args.count));
        }
        fleet.turn(until.min(Instant::now() + Duration::from_secs(1)), &mut idle)?;
    }
    let pings = fleet.take_ping_latencies();
    report.pings = pings.len();
    report.ping = pings.summary();
    report.hold_usage = before.until(&Snapshot::take(pids), pings.len(), pids);
    report.faults.extend(idle.0);
    Ok(())
}

/// Ends the sessions one way or the other; returns how long it took until the last ephemeral was gone.
fn end(fleet: &mut Fleet, observer: &mut Fleet, target: &Target, args: &SessionsArgs) -> Result<f64> {
    let began = Instant::now();
    if args.abandon {
        (0..fleet.len()).for_each(|id| fleet.abandon(id));
    } else {
        close_all(fleet)?;
    }
    let patience = SILENCE_MAX + Duration::from_millis(u64::from(args.target.timeout_ms));
    let mut progress = target.progress();
    loop {
        let left = children(observer, &target.prefix)?;
        if left == 0 {
            return Ok(began.elapsed().as_secs_f64());
        }
        if began.elapsed() > patience {
            return Err(BenchError::setup(
                "ending sessions",
                format!("{left} ephemerals left after {patience:?}"),
            ));
        }
        if progress.is_due() {
            progress.show(&format!("{left} ephemerals left"));
        }
        let until = Instant::now() + LOOK;
        while Instant::now() < until {
            observer.turn(until, &mut Idle(Faults::default()))?;
        }
    }
}

fn children(observer: &mut Fleet, path: &str) -> Result<i32> {
    let (err, body) =
        call(observer, 0, OpCode::Exists, |out| PathWatchRequest { path, watch: false }.encode(out))?;
    if err != 0 {
        return Err(BenchError::setup(format!("exists {path}"), describe(err)));
    }
    let reply = StatResponse::decode(&mut Reader::new(&body));
    Ok(reply.map_err(|error| BenchError::setup(format!("exists {path}"), error))?.stat.num_children)
}

/// Expects nothing but answers to pings, which the fleet keeps to itself.
struct Idle(Faults);

impl Handler for Idle {
    fn frame(&mut self, _id: usize, _payload: &[u8], _now_ns: u64) -> std::result::Result<(), Fault> {
        Err("a reply to no request".to_owned())
    }

    fn drained(&mut self, _id: usize, _now_ns: u64, _out: &mut Output) -> std::result::Result<(), Fault> {
        Ok(())
    }

    fn lost(&mut self, id: usize, why: Fault) {
        self.0.add(|| format!("session {id}: {why}"));
    }
}

#[derive(Clone, Debug, Serialize)]
struct SessionsReport {
    label: String,
    workload: &'static str,
    count: u32,
    opened: u64,
    at_once: usize,
    /// Until all were open.
    open_s: f64,
    sessions_s: f64,
    handshake: Summary,
    /// Of the opening; an operation is one session.
    usage: Usage,
    rss_before_kib: Vec<u64>,
    rss_after_kib: Vec<u64>,
    /// What the ephemerals took to create.
    ephemerals_s: f64,
    pings: u64,
    ping: Summary,
    hold_usage: Usage,
    /// Until all had ended, the ephemerals with them.
    ended_s: f64,
    #[serde(flatten)]
    faults: Faults,
}

impl SessionsReport {
    fn new(args: &SessionsArgs, opened: &Opened, usage: Usage, rss_before_kib: Vec<u64>) -> Self {
        let handshakes: &Latencies = &opened.latencies;
        Self {
            label: args.target.label.clone(),
            workload: "sessions",
            count: args.count,
            opened: handshakes.len(),
            at_once: args.target.connect_at_once,
            open_s: opened.seconds,
            sessions_s: (handshakes.len() as f64 / opened.seconds.max(1e-9)).round(),
            handshake: handshakes.summary(),
            usage,
            rss_after_kib: rss_before_kib.clone(),
            rss_before_kib,
            ephemerals_s: 0.0,
            pings: 0,
            ping: Summary::default(),
            hold_usage: Usage::default(),
            ended_s: 0.0,
            faults: opened.faults.clone(),
        }
    }

    fn finish(self) -> Result<Report> {
        let sum = |kib: &[u64]| kib.iter().sum::<u64>() as f64;
        let grown_kib = sum(&self.rss_after_kib) - sum(&self.rss_before_kib);
        let figures = vec![
            ("open all s", self.open_s),
            ("handshake p99 us", self.handshake.p99_us),
            ("server us/session", self.usage.server_us_per_op),
            ("memory grown KiB", grown_kib),
            ("idle server cpu s", self.hold_usage.server_cpu_s),
            ("ping p99 us", self.ping.p99_us),
            ("ping max us", self.ping.max_us),
            ("ended s", self.ended_s),
        ];
        let mut text = report::head("sessions");
        text += &report::line("handshake", &self.handshake, self.opened, self.sessions_s);
        if self.pings > 0 {
            text += &report::line("ping", &self.ping, self.pings, 0.0);
        }
        text += &format!(
            "{:12}all open after {:.3} s, memory grown by {grown_kib:.0} KiB, idle {:.2} s of processor, ended in {:.3} s\n",
            "", self.open_s, self.hold_usage.server_cpu_s, self.ended_s
        );
        text += &report::cost(&self.usage);
        Report::new(&self, figures, text, &self.faults)
    }
}
