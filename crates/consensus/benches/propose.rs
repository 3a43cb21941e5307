//! From a proposed chunk to the committed entry in the tail, of a single member: one `fdatasync` for each group, on the
//! disk of the build directory.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::StreamExt;
use menagerie_consensus::{ConsensusOptions, LocalConsensus, start};
use menagerie_proto::consensus::{Consensus, Member, Proposals, Tail};
use menagerie_types::NodeId;
use tokio::runtime::{Builder, Runtime};

const CHUNK_BYTES: usize = 1024;

/// The log on a thread of its own, as in a server; ends when `stopped` does.
fn serve(
    dir: &Path,
    ready: &std::sync::mpsc::Sender<LocalConsensus>,
    stopped: tokio::sync::oneshot::Receiver<()>,
) {
    let member = Member { id: NodeId(1), address: "127.0.0.1:1".into(), voter: true, info: String::new() };
    let options = ConsensusOptions::new(NodeId(1), dir.to_path_buf(), vec![member]);
    runtime().block_on(async {
        let (consensus, _) = start(options).await.expect("consensus starts");
        ready.send(consensus.clone()).expect("the benchmark waits");
        let _ = stopped.await;
        consensus.shutdown().await;
    });
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn open(consensus: &LocalConsensus) -> (Proposals, Tail) {
    loop {
        match consensus.propose().await {
            Ok(proposals) => {
                let from = consensus.barrier().await.expect("a leader").next();
                return (proposals, consensus.tail(from).await.expect("the tail"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Sends `count` chunks at once and waits until all are committed.
async fn round(proposals: &Proposals, tail: &mut Tail, chunk: &Bytes, count: usize) {
    for _ in 0..count {
        proposals.chunks.send(chunk.clone()).await.expect("the leader takes chunks");
    }
    let mut left = count;
    while left > 0 {
        let batch = tail.next().await.expect("the tail goes on").expect("entries");
        left -= batch.entries.iter().map(|entry| entry.chunks.len()).sum::<usize>();
    }
}

fn propose(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let (ready, started) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let path = dir.path().to_path_buf();
    let log = std::thread::spawn(move || serve(&path, &ready, stopped));
    let consensus = started.recv().expect("consensus starts");
    let (runtime, chunk) = (runtime(), Bytes::from(vec![7; CHUNK_BYTES]));
    let (proposals, mut tail) = runtime.block_on(open(&consensus));
    let mut group = c.benchmark_group("propose to commit");
    for outstanding in [1, 16, 256] {
        group.throughput(Throughput::Elements(outstanding as u64));
        group.bench_function(BenchmarkId::new("1 KiB chunks at once", outstanding), |b| {
            b.iter_custom(|rounds| {
                runtime.block_on(async {
                    let began = Instant::now();
                    for _ in 0..rounds {
                        round(&proposals, &mut tail, &chunk, outstanding).await;
                    }
                    began.elapsed()
                })
            });
        });
    }
    group.finish();
    drop((proposals, tail, stop));
    log.join().expect("the log's thread ends");
}

criterion_group!(benches, propose);
criterion_main!(benches);
