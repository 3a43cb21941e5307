//! Logs to stderr, metrics into a recorder that the admin server shows.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::cli::{LogFormat, Logging};

/// Libraries that say much and concern the operator only when something is wrong; openraft warns of a member that is
/// down at every attempt to reach it. What the operator writes comes later in the filter and so wins.
const QUIET: &str = "openraft=error,h2=warn,hyper=warn,hyper_util=warn,tower=warn,sled=warn,tonic=warn";

/// From 50 µs, below one sync, to 10 s, beyond which everything is the same failure.
const SECONDS_BUCKETS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];
const BYTES_BUCKETS: &[f64] =
    &[64.0, 256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];
/// Sizes of batches and queues.
const COUNT_BUCKETS: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16_384.0];

/// How often the recorder folds what it has gathered.
const UPKEEP: Duration = Duration::from_secs(5);

/// The log filter for `level`: a level, or directives as in RUST_LOG.
pub fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!("{QUIET},{level}"))
}

/// Starts logging; RUST_LOG replaces the level if it is set and not empty.
pub fn start_logging(logging: &Logging) -> Result<(), ParseError> {
    let level = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let filter = filter(level.as_deref().unwrap_or(&logging.log_level))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in one process (tests) is no fault: the first one stays.
    let _ = match logging.log_format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Installs the recorder of metrics. Histograms have buckets, so that they can be summed over processes.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".into()), BYTES_BUCKETS)?
        .set_buckets(COUNT_BUCKETS)?
        .install_recorder()
}

/// Keeps the recorder small; runs until it is dropped.
pub async fn upkeep(recorder: PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP);
    loop {
        interval.tick().await;
        recorder.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_filters_and_nonsense_is_not() {
        for level in ["info", "WARN", "debug,openraft=info", "menagerie_gateway=trace"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["a=b=c", "menagerie=loud"] {
            assert!(filter(level).is_err(), "{level}");
        }
    }
}
