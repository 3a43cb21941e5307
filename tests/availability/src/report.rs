//! The figures as a table, as Markdown and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::cluster::System;
use crate::round::Round;
use crate::scenario::{Scenario, Target};

/// All rounds of a run, with what they were measured on.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Processors, load average when the run began and when it ended.
    pub machine: Vec<String>,
    /// The rounds of each scenario.
    pub rounds: Vec<Measured>,
}

/// One round and what it is a round of.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// What happened.
    pub scenario: Scenario,
    /// To what.
    pub system: System,
    /// What clients saw.
    #[serde(flatten)]
    pub round: Round,
}

/// One row of the table.
struct Row {
    rounds: usize,
    write: (f64, f64),
    read: (f64, f64),
    open: (f64, f64),
    moved: Option<(f64, f64)>,
    before: f64,
    errors: usize,
    connections: usize,
    sessions: usize,
    problems: Vec<String>,
}

type Key = (Scenario, Option<String>, System);

impl Report {
    /// Adds what the machine is doing now.
    pub fn note_machine(&mut self, when: &str) {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        self.machine.push(format!("{when}: {processors} processors, load average {load}"));
    }

    /// Writes `availability.md` and `availability.json`.
    pub fn write(&self, directory: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("availability.md"), self.table())?;
        fs::write(directory.join("availability.json"), serde_json::to_string_pretty(self)?)?;
        Ok(())
    }

    /// What missed its target, or went wrong otherwise, of Menagerie.
    pub fn failures(&self) -> Vec<String> {
        let rows = self.rows();
        let mut failures = Vec::new();
        for (key, row) in rows.iter().filter(|((_, _, system), _)| *system != System::Zookeeper) {
            let name = name_of(key);
            let mut fail = |what: String| failures.push(format!("{name}: {what}"));
            if row.errors + row.connections + row.sessions > 0 {
                let (e, c, s) = (row.errors, row.connections, row.sessions);
                fail(format!("{e} errors, {c} connections lost, {s} sessions lost"));
            }
            row.problems.iter().for_each(|problem| fail(problem.clone()));
            if let Some(limit) = limit(key, &rows)
                && row.write.0 > limit
            {
                fail(format!("median write stall {:.0} ms, the target is {limit:.0} ms", row.write.0));
            }
        }
        failures
    }

    fn rows(&self) -> BTreeMap<Key, Row> {
        let mut groups: BTreeMap<Key, Vec<&Round>> = BTreeMap::new();
        for Measured { scenario, system, round } in &self.rounds {
            groups.entry((*scenario, round.step.clone(), *system)).or_default().push(round);
        }
        groups.into_iter().map(|(key, rounds)| (key, row(&rounds))).collect()
    }

    /// As Markdown. Times are ms, "median / worst" of the rounds.
    pub fn table(&self) -> String {
        let rows = self.rows();
        let mut text = String::from(
            "| scenario | system | rounds | write stall | of ZooKeeper's | target | read stall | no new session | clients that move | before | errors | connections lost | sessions lost |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for (key, row) in &rows {
            let peer = zookeepers(key, &rows);
            let ratio = peer.filter(|_| key.2 != System::Zookeeper).map(|peer| row.write.0 / peer.write.0);
            let limit = limit(key, &rows).filter(|_| key.2 != System::Zookeeper);
            let pair = |(median, worst): (f64, f64)| format!("{median:.0} / {worst:.0}");
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {} | {:?} | {} | {} | {} | {} | {} | {} | {} | {:.0} | {} | {} | {} |",
                title(key),
                key.2,
                row.rounds,
                pair(row.write),
                ratio.map_or("–".into(), |ratio| format!("{ratio:.2}")),
                limit.map_or("–".into(), |limit| format!("{limit:.0}")),
                pair(row.read),
                pair(row.open),
                row.moved.map_or("–".into(), pair),
                row.before,
                row.errors,
                row.connections,
                row.sessions,
            );
        }
        let _ = write!(text, "\nms, median / worst of the rounds. {}\n", self.machine.join("; "));
        text
    }
}

fn title((scenario, step, _): &Key) -> String {
    match step {
        Some(step) => format!("{} {step}", scenario.title()),
        None => scenario.title().to_owned(),
    }
}

fn name_of(key: &Key) -> String {
    format!("{} ({:?})", title(key), key.2)
}

fn zookeepers<'a>((scenario, step, _): &Key, rows: &'a BTreeMap<Key, Row>) -> Option<&'a Row> {
    // Members of a split cluster's log stand beside ZooKeeper's servers.
    let step = step.as_ref().map(|step| step.replace("consensus", "server"));
    rows.get(&(*scenario, step, System::Zookeeper))
}

fn limit(key: &Key, rows: &BTreeMap<Key, Row>) -> Option<f64> {
    match key.0.target() {
        Target::Ms(ms) => Some(ms as f64),
        Target::HalfOfZooKeepers => zookeepers(key, rows).map(|peer| peer.write.0 / 2.0),
    }
}

fn row(rounds: &[&Round]) -> Row {
    let summary = |of: &dyn Fn(&Round) -> Option<f64>| {
        let values: Vec<f64> = rounds.iter().filter_map(|round| of(round)).collect();
        (!values.is_empty()).then(|| median_and_worst(values))
    };
    let sum = |of: fn(&Round) -> usize| rounds.iter().map(|round| of(round)).sum();
    Row {
        rounds: rounds.len(),
        write: summary(&|round| Some(round.write_stall_ms)).unwrap_or_default(),
        read: summary(&|round| Some(round.read_stall_ms)).unwrap_or_default(),
        open: summary(&|round| Some(round.open_stall_ms)).unwrap_or_default(),
        moved: summary(&|round| round.moved_stall_ms),
        before: summary(&|round| Some(round.before_ms)).unwrap_or_default().0,
        errors: sum(|round| round.errors),
        connections: sum(|round| round.connections_lost),
        sessions: sum(|round| round.sessions_lost),
        problems: rounds.iter().flat_map(|round| round.problems.iter().cloned()).collect(),
    }
}

fn median_and_worst(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    };
    (median, values.last().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(system: System, write_stall_ms: f64, errors: usize) -> Measured {
        let round = Round {
            step: None,
            write_stall_ms,
            read_stall_ms: 1.0,
            open_stall_ms: 1.0,
            moved_stall_ms: None,
            before_ms: 1.0,
            errors,
            connections_lost: 0,
            sessions_lost: 0,
            terms: None,
            problems: Vec::new(),
        };
        Measured { scenario: Scenario::LeaderKilled, system, round }
    }

    #[test]
    fn the_median_is_held_against_half_of_zookeepers() {
        let mut report = Report::default();
        for stall in [100.0, 600.0, 800.0] {
            report.rounds.push(measured(System::Zookeeper, stall, 3));
            report.rounds.push(measured(System::Ensemble, stall / 2.0, 0));
        }
        assert_eq!(report.failures(), Vec::<String>::new());
        assert!(report.table().contains("| Ensemble | 3 | 300 / 400 | 0.50 | 300 |"), "{}", report.table());
        for _ in 0..3 {
            report.rounds.push(measured(System::Split, 301.0, 1));
        }
        assert_eq!(report.failures().len(), 2, "{:?}", report.failures());
    }
}
