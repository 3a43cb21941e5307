//! Two targets, measured in turns, so that what else the machine does hits both alike.

use serde::Serialize;
use serde_json::Value;

use crate::cli::{CompareArgs, Measured, Named};
use crate::error::{BenchError, Result};
use crate::ratio::Compared;
use crate::report::{Report, to_stdout};

/// `menagerie bench compare`.
pub fn run(args: &CompareArgs, json: bool) -> Result<()> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for run in 1..=args.runs {
        a.push(measure(args, &args.a, &args.a_pids, run)?);
        b.push(measure(args, &args.b, &args.b_pids, run)?);
    }
    let errors = a.iter().chain(&b).map(|report| report.errors).sum();
    let comparison = Comparison::new(args, &a, &b);
    if json {
        let text =
            serde_json::to_string(&comparison).map_err(|error| BenchError::setup("the report", error))?;
        to_stdout(&format!("{text}\n"))?;
    } else {
        to_stdout(&comparison.table())?;
    }
    if errors == 0 { Ok(()) } else { Err(BenchError::Errors(errors)) }
}

fn measure(args: &CompareArgs, whom: &Named, pids: &[u32], run: u32) -> Result<Report> {
    let mut measured: Measured = args.measured.clone();
    let target = measured.target_mut();
    target.hosts.clone_from(&whom.hosts);
    target.server_pids = pids.to_vec();
    target.label = format!("{} run {run} of {}", whom.name, args.runs);
    crate::measure(&measured)
}

/// The result.
#[derive(Clone, Debug, Serialize)]
struct Comparison {
    a: String,
    b: String,
    figures: Vec<Compared>,
    a_runs: Vec<Value>,
    b_runs: Vec<Value>,
}

impl Comparison {
    fn new(args: &CompareArgs, a: &[Report], b: &[Report]) -> Self {
        let names = a.first().map_or(&[][..], |report| &report.figures);
        let values = |reports: &[Report], n: usize| {
            reports.iter().filter_map(|report| report.figures.get(n)).map(|(_, value)| *value).collect()
        };
        let compared = names
            .iter()
            .enumerate()
            .filter_map(|(n, (name, _))| Compared::new(name, values(a, n), values(b, n)));
        Self {
            a: args.a.name.clone(),
            b: args.b.name.clone(),
            figures: compared.collect(),
            a_runs: a.iter().map(|report| report.value.clone()).collect(),
            b_runs: b.iter().map(|report| report.value.clone()).collect(),
        }
    }

    fn table(&self) -> String {
        let ratio = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        let mut text = format!("{:22}{:>14}{:>14}{:>9}  pair by pair\n", "median", self.a, self.b, "ratio");
        for figure in &self.figures {
            let pairs: Vec<_> = figure.pairs.iter().map(|pair| ratio(*pair)).collect();
            text += &format!(
                "{:22}{:>14.1}{:>14.1}{:>9}  {}\n",
                figure.figure,
                figure.median_a,
                figure.median_b,
                ratio(figure.ratio),
                pairs.join(" ")
            );
        }
        text
    }
}
