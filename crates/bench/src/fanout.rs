//! Many watchers of one znode: how long until all are told of a change.

use std::time::{Duration, Instant};

use menagerie_jute::{
    AclList, CreateRequest, GetDataResponse, PathWatchRequest, Reader, ReplyHeader, SetDataRequest,
    StatResponse, WatcherEvent, xid,
};
use menagerie_types::{CreateMode, ErrorCode, EventType, OpCode};
use serde::Serialize;

use crate::cli::WatchArgs;
use crate::error::{BenchError, Result};
use crate::faults::Faults;
use crate::latency::{Latencies, Summary};
use crate::report::{self, Report};
use crate::target::{Target, describe, payload, remove, sync};
use crate::usage::{Snapshot, Usage};
use crate::wire::{Fault, Fleet, Handler, Output, SILENCE_MAX, Template, call, close_all};

/// `menagerie bench watch`.
pub fn run(args: &WatchArgs) -> Result<Report> {
    let target = Target::new(&args.target)?;
    let data = payload(args.payload);
    let base = Instant::now();
    let watchers = args.watchers as usize;
    // The writer is the last one.
    let mut fleet = target.open(watchers + 1, data.clone(), base)?;
    let path = target.prefix.as_str();
    create(&mut fleet, watchers, path, &data)?;
    for id in 0..watchers {
        sync(&mut fleet, id, path)?;
    }
    let mut fanout = Fanout::new(path, &data, watchers);
    let before = Snapshot::take(&args.target.server_pids);
    let mut progress = target.progress();
    for round in 0..args.rounds {
        fanout.round(&mut fleet)?;
        if !fanout.faults.is_empty() {
            break;
        }
        if progress.is_due() {
            progress.show(&format!("{} of {} changes told", round + 1, args.rounds));
        }
    }
    let told = fanout.each.len();
    let usage = before.until(&Snapshot::take(&args.target.server_pids), told, &args.target.server_pids);
    if !args.target.keep && fanout.faults.is_empty() {
        remove(&mut fleet, watchers, path)?;
    }
    close_all(&mut fleet)?;
    drop(progress);
    fanout.report(args, usage)
}

fn create(fleet: &mut Fleet, id: usize, path: &str, data: &[u8]) -> Result<()> {
    let (err, _) = call(fleet, id, OpCode::Create, |out| {
        let (data, acl) = (Some(data), Some(AclList::open()));
        CreateRequest { path, data, acl, flags: CreateMode::Persistent as i32 }.encode(out);
    })?;
    if err == 0 || err == ErrorCode::NodeExists.code() {
        return Ok(());
    }
    Err(BenchError::setup(format!("create {path}"), describe(err)))
}

struct Fanout<'a> {
    path: &'a str,
    data: &'a [u8],
    arm: Template,
    set: Template,
    watchers: usize,
    /// By connection: whether the next request is to be sent.
    to_send: Vec<bool>,
    armed: Vec<bool>,
    armed_count: usize,
    told: usize,
    /// When the change was sent, and when it was acknowledged.
    sent_ns: u64,
    acknowledged: bool,
    last_told_ns: u64,
    all: Latencies,
    each: Latencies,
    faults: Faults,
}

impl<'a> Fanout<'a> {
    fn new(path: &'a str, data: &'a [u8], watchers: usize) -> Self {
        Self {
            path,
            data,
            arm: Template::new(OpCode::GetData, None, None, |out| {
                PathWatchRequest { path, watch: true }.encode(out);
            }),
            set: Template::new(OpCode::SetData, None, None, |out| {
                SetDataRequest { path, data: Some(data), version: -1 }.encode(out);
            }),
            watchers,
            to_send: vec![false; watchers + 1],
            armed: vec![false; watchers],
            armed_count: 0,
            told: 0,
            sent_ns: 0,
            acknowledged: false,
            last_told_ns: 0,
            all: Latencies::new(),
            each: Latencies::new(),
            faults: Faults::default(),
        }
    }

    /// Sets all watches, changes the znode, and waits until everybody has been told.
    fn round(&mut self, fleet: &mut Fleet) -> Result<()> {
        self.told = 0;
        for id in 0..self.watchers {
            self.to_send[id] = true;
            fleet.drive(id, self);
        }
        self.wait(fleet, |fanout| fanout.armed_count == fanout.watchers)?;
        self.acknowledged = false;
        self.to_send[self.watchers] = true;
        self.sent_ns = fleet.now_ns();
        fleet.drive(self.watchers, self);
        self.wait(fleet, |fanout| fanout.told == fanout.watchers && fanout.acknowledged)?;
        if self.faults.is_empty() {
            self.all.record(self.last_told_ns - self.sent_ns);
        }
        Ok(())
    }

    /// Until it is so, or something is wrong.
    fn wait(&mut self, fleet: &mut Fleet, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + SILENCE_MAX;
        while !is_so(self) && self.faults.is_empty() {
            if Instant::now() > deadline {
                let (armed, told) = (self.armed_count, self.told);
                self.faults
                    .add(|| format!("after {SILENCE_MAX:?} {armed} watches are set, {told} watchers told"));
            }
            fleet.turn(Instant::now() + Duration::from_secs(1), self)?;
        }
        Ok(())
    }

    fn event(&mut self, id: usize, reader: &mut Reader<'_>, now_ns: u64) -> std::result::Result<(), Fault> {
        let event = WatcherEvent::decode(reader).map_err(|error| error.to_string())?;
        let right = event.event_type == EventType::NodeDataChanged as i32
            && event.state == WatcherEvent::CONNECTED
            && event.path == self.path
            && self.armed.get(id).copied().unwrap_or(false);
        if !right {
            return Err(format!("an event that was not asked for: {event:?}"));
        }
        self.armed[id] = false;
        self.armed_count -= 1;
        self.told += 1;
        self.last_told_ns = now_ns;
        self.each.record(now_ns - self.sent_ns);
        Ok(())
    }

    fn report(self, args: &WatchArgs, usage: Usage) -> Result<Report> {
        let report = WatchReport {
            label: args.target.label.clone(),
            workload: "watch",
            watchers: args.watchers,
            rounds: self.all.len(),
            all_told: self.all.summary(),
            each_told: self.each.summary(),
            faults: self.faults.clone(),
            usage,
        };
        let figures = vec![
            ("all told p50 us", report.all_told.p50_us),
            ("all told max us", report.all_told.max_us),
            ("each told p50 us", report.each_told.p50_us),
            ("each told p99 us", report.each_told.p99_us),
            ("server us/watch", report.usage.server_us_per_op),
        ];
        let text = report::head("watch")
            + &report::line("all told", &report.all_told, report.rounds, 0.0)
            + &report::line("each told", &report.each_told, self.each.len(), 0.0)
            + &report::cost(&report.usage);
        Report::new(&report, figures, text, &self.faults)
    }
}

impl Handler for Fanout<'_> {
    fn frame(&mut self, id: usize, payload: &[u8], now_ns: u64) -> std::result::Result<(), Fault> {
        let mut reader = Reader::new(payload);
        let header = ReplyHeader::decode(&mut reader).map_err(|error| error.to_string())?;
        if header.xid == xid::NOTIFICATION {
            return self.event(id, &mut reader, now_ns);
        }
        if header.err != 0 {
            return Err(describe(header.err));
        }
        if id == self.watchers {
            StatResponse::decode(&mut reader).map_err(|error| error.to_string())?;
            self.acknowledged = true;
            return Ok(());
        }
        let reply = GetDataResponse::decode(&mut reader).map_err(|error| error.to_string())?;
        if reply.data != Some(self.data) || self.armed[id] {
            return Err("other data, or a watch set twice".to_owned());
        }
        self.armed[id] = true;
        self.armed_count += 1;
        Ok(())
    }

    fn drained(&mut self, id: usize, _now_ns: u64, out: &mut Output) -> std::result::Result<(), Fault> {
        if std::mem::take(&mut self.to_send[id]) {
            let template = if id == self.watchers { &self.set } else { &self.arm };
            template.put(out, 1, 0);
        }
        Ok(())
    }

    fn lost(&mut self, id: usize, why: Fault) {
        self.faults.add(|| format!("session {id}: {why}"));
    }
}

#[derive(Clone, Debug, Serialize)]
struct WatchReport {
    label: String,
    workload: &'static str,
    watchers: u32,
    rounds: u64,
    /// From the change being sent until the last watcher was told.
    all_told: Summary,
    /// Until each was.
    each_told: Summary,
    #[serde(flatten)]
    faults: Faults,
    /// Of setting the watches and telling; an operation is one watcher told.
    usage: Usage,
}
