//! How fast one member takes 1 KiB chunks, with 1 and with 512 outstanding, on the disk of the given directory.
//!
//! `cargo run --release -p menagerie-consensus --example propose_rate [directory]`

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use menagerie_consensus::{ConsensusOptions, LocalConsensus, start};
use menagerie_proto::consensus::{Consensus, Member, Proposals, Tail};
use menagerie_types::NodeId;

const CHUNK_BYTES: usize = 1024;
const DURATION: Duration = Duration::from_secs(3);

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let place = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let dir = tempfile::tempdir_in(place)?;
    let (ready, started) = std::sync::mpsc::channel();
    let path = dir.path().to_path_buf();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    // The log has a thread of its own, as in a server.
    let log = std::thread::spawn(move || serve(&path, &ready, stopped));
    let consensus = started.recv()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for outstanding in [1, 512] {
            measure(&consensus, outstanding).await?;
        }
        Ok::<_, Failure>(())
    })?;
    drop(stop);
    log.join().map_err(|_| "the log's thread failed")?
}

fn serve(
    dir: &Path,
    ready: &std::sync::mpsc::Sender<LocalConsensus>,
    stopped: tokio::sync::oneshot::Receiver<()>,
) -> Result<(), Failure> {
    let member = Member { id: NodeId(1), address: "127.0.0.1:1".into(), voter: true, info: String::new() };
    let options = ConsensusOptions::new(NodeId(1), dir.to_path_buf(), vec![member]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (consensus, _) = start(options).await?;
        ready.send(consensus.clone())?;
        let _ = stopped.await;
        consensus.shutdown().await;
        Ok(())
    })
}

async fn open(consensus: &LocalConsensus) -> Proposals {
    loop {
        match consensus.propose().await {
            Ok(proposals) => return proposals,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn measure(consensus: &LocalConsensus, outstanding: usize) -> Result<(), Failure> {
    let proposals = open(consensus).await;
    let from = consensus.barrier().await?.next();
    let mut tail = consensus.tail(from).await?;
    let chunk = Bytes::from(vec![7; CHUNK_BYTES]);
    let mut sent = VecDeque::new();
    let mut latencies = Vec::new();
    let start = Instant::now();
    let mut entries = 0u64;
    while start.elapsed() < DURATION {
        while sent.len() < outstanding {
            proposals.chunks.send(chunk.clone()).await?;
            sent.push_back(Instant::now());
        }
        entries += receive(&mut tail, &mut sent, &mut latencies).await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    while !sent.is_empty() {
        receive(&mut tail, &mut sent, &mut Vec::new()).await?;
    }
    latencies.sort_unstable();
    let at = |share: usize| latencies[latencies.len() * share / 100].as_micros();
    let rate = latencies.len() as f64 / seconds;
    let per_entry = latencies.len() as f64 / entries as f64;
    println!(
        "{outstanding:>4} outstanding: {rate:.0} chunks/s, p50 {} us, p99 {} us, {per_entry:.1} chunks an entry",
        at(50),
        at(99)
    );
    Ok(())
}

/// Waits for the next committed entries and notes how long their chunks took.
async fn receive(
    tail: &mut Tail,
    sent: &mut VecDeque<Instant>,
    latencies: &mut Vec<Duration>,
) -> Result<u64, Failure> {
    let batch = tail.next().await.ok_or("the tail has ended")??;
    let chunks: usize = batch.entries.iter().map(|entry| entry.chunks.len()).sum();
    latencies.extend(sent.drain(..chunks).map(|at| at.elapsed()));
    Ok(batch.entries.len() as u64)
}
