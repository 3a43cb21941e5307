//! From a committed change of so many znodes to their durable checkpoint, on the disk of the build directory.

#[allow(dead_code)] // shared with the tests
#[path = "../tests/replica/bench.rs"]
mod bench;
#[allow(dead_code)] // shared with the tests
#[path = "../tests/replica/log.rs"]
mod log;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::{Bench, Gateway};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use log::FakeLog;
use menagerie_tree_store::TreeStoreOptions;
use menagerie_types::NodeId;

/// The znodes that there are; so many change, or only some.
const ZNODES: u64 = 10_000;

async fn checkpoints(rounds: u64, changed: u64) -> Duration {
    let log = FakeLog::new();
    let dir = Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory"));
    // Whatever is applied is reason enough for a checkpoint.
    let options = TreeStoreOptions { checkpoint_bytes: 1, ..TreeStoreOptions::new(NodeId(1), dir.path()) };
    let bench = Bench::start_with(&log, dir, options, vec![]).await;
    let mut writer = Gateway::new(&log, 1);
    writer.create("/many");
    (0..ZNODES).for_each(|n| writer.create(&format!("/many/n{n:010}")));
    durable(&bench, &mut writer).await;
    let mut spent = Duration::ZERO;
    for _ in 0..rounds {
        (0..changed).for_each(|n| writer.set(&format!("/many/n{n:010}")));
        let began = Instant::now();
        durable(&bench, &mut writer).await;
        spent += began.elapsed();
    }
    bench.stop().await;
    spent
}

/// Commits what was pushed and waits until a checkpoint covers it.
async fn durable(bench: &Bench, writer: &mut Gateway) {
    let index = writer.commit();
    bench.status_when("a checkpoint covers it", |status| status.checkpoint_index >= index).await;
}

fn checkpoint(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut group = c.benchmark_group("checkpoint");
    group.sample_size(10);
    for changed in [1, 1_000, ZNODES] {
        group.throughput(Throughput::Elements(changed));
        group.bench_function(BenchmarkId::new("changed znodes", changed), |b| {
            b.iter_custom(|rounds| runtime.block_on(checkpoints(rounds, changed)));
        });
    }
    group.finish();
}

criterion_group!(benches, checkpoint);
criterion_main!(benches);
