//! What a load has given so far, and the report of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::{Plan, Window};
use crate::cli::Protocol;
use crate::error::Result;
use crate::faults::Faults;
use crate::latency::{Latencies, Summary};
use crate::mix::Kind;
use crate::report::{self, Report};
use crate::usage::Usage;

/// Latencies by kind, and errors.
#[derive(Clone, Debug)]
pub struct Tally {
    kinds: Vec<Option<Latencies>>,
    /// Replies that came within the window.
    completed: u64,
    /// All replies, for the progress line.
    pub all: u64,
    /// Those since the last line, if there is one.
    pub recent: Option<Latencies>,
    /// What went wrong.
    pub faults: Faults,
    /// Replies with a zxid below an earlier one's of the same session.
    pub zxid_regress: u64,
    window: Window,
    /// Whether latencies count from when requests were meant to start.
    open_loop: bool,
}

impl Tally {
    /// Of the replies within `window`, or, in an open loop, to requests meant to start within it.
    pub fn new(window: Window, open_loop: bool, watched: bool) -> Self {
        Self {
            kinds: vec![None; Kind::ALL.len()],
            completed: 0,
            all: 0,
            recent: watched.then(Latencies::new),
            faults: Faults::default(),
            zxid_regress: 0,
            window,
            open_loop,
        }
    }

    /// Counts a good reply.
    pub fn record(&mut self, kind: Kind, from_ns: u64, now_ns: u64) {
        self.all += 1;
        let latency = now_ns.saturating_sub(from_ns);
        if let Some(recent) = &mut self.recent {
            recent.record(latency);
        }
        let within = self.window.has(now_ns);
        self.completed += u64::from(within);
        if if self.open_loop { self.window.has(from_ns) } else { within } {
            self.kinds[kind as usize].get_or_insert_with(Latencies::new).record(latency);
        }
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: Self) {
        for (kind, theirs) in self.kinds.iter_mut().zip(other.kinds) {
            if let Some(theirs) = theirs {
                kind.get_or_insert_with(Latencies::new).add(&theirs);
            }
        }
        self.completed += other.completed;
        self.all += other.all;
        self.zxid_regress += other.zxid_regress;
        self.faults.extend(other.faults);
    }

    /// Replies that count.
    pub fn ops(&self) -> u64 {
        self.kinds.iter().flatten().map(Latencies::len).sum()
    }

    /// Makes the report.
    pub fn report(self, plan: &Plan, usage: Usage) -> Result<Report> {
        let seconds = self.window.seconds();
        let mut all = Latencies::new();
        let mut by_kind = BTreeMap::new();
        let mut lines = String::new();
        for (kind, latencies) in Kind::ALL.into_iter().zip(&self.kinds) {
            let Some(latencies) = latencies else { continue };
            all.add(latencies);
            let of_kind = OfKind { ops: latencies.len(), latency: latencies.summary() };
            lines += &report::line(kind.name(), &of_kind.latency, of_kind.ops, of_kind.ops as f64 / seconds);
            by_kind.insert(kind.name(), of_kind);
        }
        let args = &plan.args;
        let load = LoadReport {
            label: args.target.label.clone(),
            workload: "load",
            hosts: args.target.hosts.clone(),
            protocol: match args.protocol {
                Protocol::Zookeeper => "zookeeper",
                Protocol::Grpc => "grpc",
            },
            mix: args.mix.to_string(),
            sessions: args.sessions,
            depth: args.depth,
            payload: args.payload,
            nodes: args.nodes,
            rate: args.rate,
            seconds,
            ops: all.len(),
            ops_s: if seconds > 0.0 { (self.completed as f64 / seconds).round() } else { 0.0 },
            latency: all.summary(),
            by_kind,
            zxid_regress: self.zxid_regress,
            faults: self.faults.clone(),
            usage,
        };
        let mut text = report::head("load");
        if load.by_kind.len() > 1 {
            text += &lines;
        }
        let name = if load.by_kind.len() > 1 { "all" } else { args.mix.text() };
        text += &report::line(name, &load.latency, load.ops, load.ops_s);
        text += &report::cost(&load.usage);
        Report::new(&load, load.figures(), text, &self.faults)
    }
}

/// Of one kind of request.
#[derive(Clone, Debug, Serialize)]
pub struct OfKind {
    ops: u64,
    latency: Summary,
}

/// The report.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    label: String,
    workload: &'static str,
    hosts: Vec<String>,
    protocol: &'static str,
    mix: String,
    sessions: u32,
    depth: u32,
    payload: u32,
    nodes: u32,
    /// Intended requests a second; null in a closed loop.
    rate: Option<f64>,
    seconds: f64,
    /// Requests whose latencies are counted.
    ops: u64,
    /// Replies within the window, for each second of it.
    ops_s: f64,
    latency: Summary,
    by_kind: BTreeMap<&'static str, OfKind>,
    zxid_regress: u64,
    #[serde(flatten)]
    faults: Faults,
    usage: Usage,
}

impl LoadReport {
    fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut figures = vec![
            ("ops/s", self.ops_s),
            ("p50 us", self.latency.p50_us),
            ("p95 us", self.latency.p95_us),
            ("p99 us", self.latency.p99_us),
            ("p99.9 us", self.latency.p999_us),
            ("max us", self.latency.max_us),
            ("client us/op", self.usage.client_us_per_op),
        ];
        if !self.usage.server_rss_kib.is_empty() {
            figures.push(("server us/op", self.usage.server_us_per_op));
            figures.push(("server RSS KiB", self.usage.server_rss_kib.iter().sum::<u64>() as f64));
        }
        figures
    }
}
