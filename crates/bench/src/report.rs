//! The result of a measurement, as JSON, as a table, and as figures that can be compared.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::Value;

use crate::error::{BenchError, Result};
use crate::faults::Faults;
use crate::latency::Summary;
use crate::usage::Usage;

/// What one measurement has given.
#[derive(Clone, Debug)]
pub struct Report {
    /// All of it.
    pub value: Value,
    /// What a comparison is about: names with units, and values.
    pub figures: Vec<(&'static str, f64)>,
    /// For people.
    pub text: String,
    /// Errors among the replies.
    pub errors: u64,
}

impl Report {
    /// From a value that serialises, its figures, and its faults.
    pub fn new(
        value: &impl Serialize,
        figures: Vec<(&'static str, f64)>,
        text: String,
        faults: &Faults,
    ) -> Result<Self> {
        let value = serde_json::to_value(value).map_err(|error| BenchError::setup("the report", error))?;
        let mut report = Self { value, figures, text, errors: faults.errors };
        for (n, error) in faults.first_errors.iter().enumerate() {
            let mark = if n == 0 { "errors" } else { "" };
            // Writing to a string does not fail.
            let _ = writeln!(report.text, "{mark:12}{error}");
        }
        Ok(report)
    }

    /// Prints it on stdout.
    pub fn print(&self, json: bool) -> Result<()> {
        if json { to_stdout(&format!("{}\n", self.value)) } else { to_stdout(&self.text) }
    }

    /// An error if there were errors.
    pub fn verdict(&self) -> Result<()> {
        if self.errors == 0 { Ok(()) } else { Err(BenchError::Errors(self.errors)) }
    }
}

/// Prints a result. Whoever has read enough and closed the pipe is no error.
pub fn to_stdout(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(BenchError::System { what: "writing the result".into(), source })
        }
        _ => Ok(()),
    }
}

/// A line of a table.
pub fn line(name: &str, latency: &Summary, ops: u64, per_s: f64) -> String {
    let ms = |us: f64| format!("{:.3}", us / 1e3);
    format!(
        "{name:12}{ops:>10} {per_s:>11.0} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
        ms(latency.p50_us),
        ms(latency.p95_us),
        ms(latency.p99_us),
        ms(latency.p999_us),
        ms(latency.max_us)
    )
}

/// The head above such lines.
pub fn head(first: &str) -> String {
    format!(
        "{first:12}{:>10} {:>11} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
        "ops", "ops/s", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms"
    )
}

/// What it cost.
pub fn cost(usage: &Usage) -> String {
    let mut text = format!(
        "{:12}client {:.2} us/op ({:.2} s in {:.1} s)",
        "processor", usage.client_us_per_op, usage.client_cpu_s, usage.window_s
    );
    if !usage.server_rss_kib.is_empty() {
        let rss: Vec<_> =
            usage.server_rss_kib.iter().map(|kib| format!("{:.0}", *kib as f64 / 1024.0)).collect();
        let _ = write!(
            text,
            ", servers {:.2} us/op ({:.2} s), resident {} MiB",
            usage.server_us_per_op,
            usage.server_cpu_s,
            rss.join(" + ")
        );
    }
    let _ = writeln!(text, ", others {:.2} s", usage.other_cpu_s);
    text
}
