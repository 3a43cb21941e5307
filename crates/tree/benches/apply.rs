//! What a command costs the state machine, in entries of 100, and a read; over 1,000 and 200,000 znodes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use menagerie_jute::{AclList, CreateRequest, DeleteRequest, PathWatchRequest, SetDataRequest};
use menagerie_tree::{Effects, Lease, Session, State};
use menagerie_types::command::{
    CHUNK_HEADER_LEN, ChunkHeader, Command, Policy, put_command, write_chunk_header,
};
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, OpCode, SessionId, Zxid};

const BATCH: u64 = 100;
const DATA: [u8; 100] = [7; 100];
const OURS: IncarnationId = IncarnationId(1);

/// Keeps nothing but the buffer.
struct Sink(BytesMut);

impl Effects for Sink {
    fn chunk(&mut self, _: &ChunkHeader, _: u64) {}
    fn replies(&mut self) -> &mut BytesMut {
        &mut self.0
    }
    fn result(&mut self, _: u64, _: Zxid) {}
    fn chunk_end(&mut self) {
        self.0.clear();
    }
    fn refused(&mut self, _: IncarnationId, _: u64) {}
    fn watch_event(&mut self, _: Zxid, _: EventType, _: &str, _: Option<&Bytes>) {}
    fn session_attached(&mut self, _: Zxid, _: SessionId, _: &Session, _: Option<IncarnationId>) {}
    fn session_closed(&mut self, _: SessionId, _: IncarnationId, _: bool) {}
    fn lease(&mut self, _: &Lease) {}
    fn replica(&mut self, _: NodeId, _: LogIndex) {}
}

fn body(op: OpCode, number: u64) -> BytesMut {
    let path = format!("/bench/n{number:010}");
    let (path, mut body) = (path.as_str(), BytesMut::new());
    match op {
        OpCode::Create => {
            CreateRequest { path, data: Some(&DATA), acl: Some(AclList::open()), flags: 0 }.encode(&mut body);
        }
        OpCode::SetData => SetDataRequest { path, data: Some(&DATA), version: -1 }.encode(&mut body),
        OpCode::Delete => DeleteRequest { path, version: -1 }.encode(&mut body),
        _ => PathWatchRequest { path, watch: false }.encode(&mut body),
    }
    body
}

fn command(op: OpCode, body: &[u8]) -> Command<'_> {
    Command { op, session: SessionId::NONE, xid: 1, auth: &[], body }
}

/// A state with a sink, and the number of the next command.
struct Machine {
    state: State,
    sink: Sink,
    seq: u64,
}

impl Machine {
    fn with_znodes(count: u64) -> Self {
        let mut machine = Self { state: State::new(), sink: Sink(BytesMut::with_capacity(1 << 20)), seq: 1 };
        let mut root = BytesMut::new();
        CreateRequest { path: "/bench", data: None, acl: Some(AclList::open()), flags: 0 }.encode(&mut root);
        machine.apply(OpCode::Create, &[root]);
        for first in (0..count).step_by(BATCH as usize) {
            machine.batch(OpCode::Create, first..(first + BATCH).min(count));
        }
        machine
    }

    /// Applies one entry with these commands; returns how long that took.
    fn apply(&mut self, op: OpCode, bodies: &[BytesMut]) -> Duration {
        let mut chunk = BytesMut::zeroed(CHUNK_HEADER_LEN);
        for body in bodies {
            put_command(&mut chunk, &command(op, body));
        }
        let count = bodies.len() as u32;
        let header =
            ChunkHeader { policy: Policy::NONE, incarnation: OURS, first_seq: self.seq, acked_seq: 0, count };
        write_chunk_header(&mut chunk, &header);
        self.seq += u64::from(count);
        let (index, chunks) = (self.state.index().next(), [chunk.freeze()]);
        let began = Instant::now();
        let outcome = self.state.apply_entry(index, 1, &chunks, &mut self.sink);
        let took = began.elapsed();
        outcome.expect("the entry applies");
        took
    }

    fn batch(&mut self, op: OpCode, numbers: impl Iterator<Item = u64>) -> Duration {
        let bodies: Vec<_> = numbers.map(|number| body(op, number)).collect();
        self.apply(op, &bodies)
    }
}

/// Numbers in an order that caches cannot guess.
fn scattered(from: u64, count: u64) -> impl Iterator<Item = u64> {
    (from..from + BATCH).map(move |n| n.wrapping_mul(7_919 * 31 + 2) % count)
}

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    group.throughput(Throughput::Elements(BATCH));
    for count in [1_000, 200_000] {
        let mut machine = Machine::with_znodes(count);
        group.bench_function(BenchmarkId::new("set", count), |b| {
            b.iter_custom(|rounds| {
                (0..rounds).map(|n| machine.batch(OpCode::SetData, scattered(n * BATCH, count))).sum()
            });
        });
        group.bench_function(BenchmarkId::new("create", count), |b| {
            b.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    spent += machine.batch(OpCode::Create, count..count + BATCH);
                    machine.batch(OpCode::Delete, count..count + BATCH);
                }
                spent
            });
        });
        let reads: Vec<_> = scattered(0, count).map(|number| body(OpCode::GetData, number)).collect();
        let mut out = BytesMut::with_capacity(1 << 20);
        group.bench_function(BenchmarkId::new("get", count), |b| {
            b.iter(|| {
                out.clear();
                for read in &reads {
                    black_box(machine.state.read(&command(OpCode::GetData, read), &mut out));
                }
            });
        });
    }
    group.finish();
}

/// What a checkpoint costs the thread that applies: all slices, after every znode has changed.
fn slices(c: &mut Criterion) {
    const COUNT: u64 = 20_000;
    let mut machine = Machine::with_znodes(COUNT);
    let mut group = c.benchmark_group("checkpoint slices");
    group.throughput(Throughput::Elements(COUNT)).sample_size(20);
    group.bench_function("of 1000", |b| {
        b.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                for first in (0..COUNT).step_by(BATCH as usize) {
                    machine.batch(OpCode::SetData, first..first + BATCH);
                }
                let began = Instant::now();
                let _ = machine.state.begin_checkpoint();
                let mut records = Vec::new();
                while machine.state.checkpoint_slice(1_000, &mut records) {}
                spent += began.elapsed();
                black_box(records);
            }
            spent
        });
    });
    group.finish();
}

criterion_group!(benches, apply, slices);
criterion_main!(benches);
