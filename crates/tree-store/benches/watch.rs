//! From a committed set to the event at every link that watches the znode, watches being set again in between.

#[allow(dead_code)] // shared with the tests
#[path = "../tests/replica/bench.rs"]
mod bench;
#[allow(dead_code)] // shared with the tests
#[path = "../tests/replica/log.rs"]
mod log;

use std::time::{Duration, Instant};

use bench::{Bench, Gateway, Linked};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use log::FakeLog;
use menagerie_proto::tree_store::LinkItem;
use menagerie_types::OpCode;

const PATH: &str = "/watched";

fn is_event(item: &LinkItem) -> bool {
    matches!(item, LinkItem::Event { .. })
}

async fn watch(rounds: u64, count: u64) -> Duration {
    let log = FakeLog::new();
    let bench = Bench::start(&log).await;
    let mut writer = Gateway::new(&log, 1);
    writer.create(PATH);
    bench.reach(writer.commit()).await;
    let mut links = Vec::new();
    for n in 0..count {
        links.push(Gateway::new(&log, 100 + n).link(&bench.store).await);
    }
    let mut spent = Duration::ZERO;
    for _ in 0..rounds {
        for link in &mut links {
            link.watch(OpCode::GetData, PATH);
        }
        writer.set(PATH);
        let began = Instant::now();
        writer.commit();
        for link in &mut links {
            Linked::until(link, "the event", |items| items.iter().any(is_event)).await;
        }
        spent += began.elapsed();
    }
    drop(links);
    bench.stop().await;
    spent
}

fn trigger(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = c.benchmark_group("watch trigger");
    for count in [1, 16, 256] {
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::new("links", count), |b| {
            b.iter_custom(|rounds| runtime.block_on(watch(rounds, count)));
        });
    }
    group.finish();
}

criterion_group!(benches, trigger);
criterion_main!(benches);
