//! Creates many znodes: for memory, restarts, and loads over many keys (`load --prepared`).

use std::time::Instant;

use serde::Serialize;

use crate::cli::FillArgs;
use crate::error::Result;
use crate::faults::Faults;
use crate::load::{accept, creation, deletion};
use crate::report::{self, Report};
use crate::target::{Target, ensure, payload, remove};
use crate::usage::{Snapshot, Usage, rss_kib};
use crate::wire::{Bulk, close_all, path, run_bulk};

/// `menagerie bench fill`.
pub fn run(args: &FillArgs) -> Result<Report> {
    let target = Target::new(&args.target)?;
    let (nodes, pids) = (u64::from(args.nodes), &args.target.server_pids);
    let (sessions, depth) = (args.sessions as usize, args.depth as usize);
    let data = payload(args.payload);
    let mut fleet = target.open(sessions, data.clone(), Instant::now())?;
    ensure(&mut fleet, 0, &target.prefix)?;
    let first = path(&target.prefix, 'k', 0);
    let mut progress = target.progress();
    let rss_before_kib = rss_kib(pids);
    let (before, began) = (Snapshot::take(pids), Instant::now());
    run_bulk(
        &mut fleet,
        Bulk::new(&creation(&first, &data), 0..nodes, sessions, depth, accept),
        "creating znodes",
        |done| {
            if progress.is_due() {
                progress.show(&format!("{done} of {nodes} znodes"));
            }
        },
    )?;
    let seconds = began.elapsed().as_secs_f64();
    let usage = before.until(&Snapshot::take(pids), nodes, pids);
    if !args.target.keep {
        run_bulk(
            &mut fleet,
            Bulk::new(&deletion(&first), 0..nodes, sessions, depth, accept),
            "removing znodes",
            |_| {},
        )?;
        remove(&mut fleet, 0, &target.prefix)?;
    }
    close_all(&mut fleet)?;
    drop(progress);
    let report = FillReport {
        label: args.target.label.clone(),
        workload: "fill",
        nodes,
        payload: args.payload,
        prefix: target.prefix.clone(),
        last_path: path(&target.prefix, 'k', nodes - 1),
        seconds,
        creates_s: (nodes as f64 / seconds).round(),
        rss_before_kib,
        faults: Faults::default(),
        usage,
    };
    let sum = |kib: &[u64]| kib.iter().sum::<u64>() as f64 * 1024.0;
    let bytes = (sum(&report.usage.server_rss_kib) - sum(&report.rss_before_kib)) / nodes as f64;
    let figures = vec![
        ("creates/s", report.creates_s),
        ("server us/create", report.usage.server_us_per_op),
        ("resident bytes/znode", bytes),
    ];
    let text = format!(
        "{:12}{nodes} znodes under {} in {seconds:.2} s, {:.0}/s, resident memory grown by {bytes:.0} bytes a znode\n{}",
        "fill",
        report.prefix,
        report.creates_s,
        report::cost(&report.usage)
    );
    Report::new(&report, figures, text, &report.faults)
}

#[derive(Clone, Debug, Serialize)]
struct FillReport {
    label: String,
    workload: &'static str,
    nodes: u64,
    payload: u32,
    prefix: String,
    /// The znode created last: what `probe` waits for after a restart.
    last_path: String,
    seconds: f64,
    creates_s: f64,
    rss_before_kib: Vec<u64>,
    #[serde(flatten)]
    faults: Faults,
    usage: Usage,
}
