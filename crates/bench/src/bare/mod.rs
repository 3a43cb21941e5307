//! What this machine's sockets and disk take by themselves: the same system calls as a server's, and nothing else.
//!
//! A server that tells each watcher over its own socket cannot do it in less than that many `send`s take, nor
//! acknowledge a write before a sync has returned. Beside a server's figures these say how much of them is its own.

mod connects;
mod fanout;
mod log;
mod sockets;

use std::time::Duration;

use serde::Serialize;

use crate::cli::BareArgs;
use crate::error::{BenchError, Result};
use crate::faults::Faults;
use crate::limits::make_room;
use crate::progress::Progress;
use crate::report::Report;

/// Nothing here is silent for so long, unless it is broken.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// `menagerie bench bare`.
pub fn run(args: &BareArgs) -> Result<Report> {
    make_room(2 * args.sockets as usize)?;
    let mut progress = Progress::new("bare", !args.quiet);
    let mut step = |what: &str| progress.show(what);
    step("writing and syncing");
    let (sync_us, write_us) = log::alone(&args.dir, args.writes)?;
    step("three logs");
    let replicated_us = log::replicated(&args.dir, args.writes)?;
    step("many sockets");
    let told = fanout::measure(args.sockets as usize, args.rounds)?;
    step("connecting");
    let connects = connects::measure(args.sockets as usize, args.at_once as usize, args.pings)?;
    drop(progress);
    let report = BareReport {
        workload: "bare",
        sockets: args.sockets,
        sync_us,
        write_us,
        replicated_us,
        told_us: told,
        told_each_us: told / f64::from(args.sockets),
        connect_each_us: connects.connect_us,
        ping_server_us: connects.ping_us,
    };
    Report::new(&report, report.figures(), report.text(), &Faults::default())
}

fn broke(doing: &str) -> impl FnOnce(std::io::Error) -> BenchError {
    move |problem| BenchError::setup(doing, problem)
}

#[derive(Clone, Debug, Serialize)]
struct BareReport {
    workload: &'static str,
    sockets: u32,
    /// Median of writing a page past the cache and syncing it.
    sync_us: f64,
    /// The same for a client of a thread that does this.
    write_us: f64,
    /// With two others that do it too, when one of them and the first have: three threads, three files.
    replicated_us: f64,
    /// Median until a message to each of the sockets has been received, sent by one thread and received by another.
    told_us: f64,
    told_each_us: f64,
    /// Opening all connections, with one message each way; for each.
    connect_each_us: f64,
    /// Processor time of the thread that answers one message on one of many sockets, one at a time.
    ping_server_us: f64,
}

impl BareReport {
    fn figures(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("sync us", self.sync_us),
            ("write us", self.write_us),
            ("replicated us", self.replicated_us),
            ("told us", self.told_us),
            ("told each us", self.told_each_us),
            ("connect each us", self.connect_each_us),
            ("ping server us", self.ping_server_us),
        ]
    }

    fn text(&self) -> String {
        let lines = [
            ("a page written and synced".to_owned(), self.sync_us),
            ("the same, for a client".to_owned(), self.write_us),
            ("the same, on two of three".to_owned(), self.replicated_us),
            (format!("{} sockets told, each", self.sockets), self.told_each_us),
            (format!("{} connections opened, each", self.sockets), self.connect_each_us),
            ("one of them answered, processor".to_owned(), self.ping_server_us),
        ];
        lines.iter().map(|(what, us)| format!("{what:36}{us:>10.2} us\n")).collect()
    }
}
