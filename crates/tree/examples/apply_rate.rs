//! Prints what creates, sets and gets cost, and how much memory a znode takes.
//!
//! `cargo run --release -p menagerie-tree --example apply_rate [znodes]`

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use menagerie_jute::{AclList, CreateRequest, PathWatchRequest, SetDataRequest};
use menagerie_tree::{Effects, Lease, Session, State};
use menagerie_types::command::{
    CHUNK_HEADER_LEN, ChunkHeader, Command, Policy, put_command, write_chunk_header,
};
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, OpCode, SessionId, Zxid};

const BATCH: usize = 1000;
const DATA_LEN: usize = 100;

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

fn path(number: usize) -> String {
    format!("/bench/n{:010}", number)
}

fn command(op: OpCode, body: &[u8]) -> Command<'_> {
    Command { op, session: SessionId::NONE, xid: 1, auth: &[], body }
}

fn create(path: &str) -> BytesMut {
    let mut body = BytesMut::new();
    CreateRequest { path, data: Some(&[7; DATA_LEN]), acl: Some(AclList::open()), flags: 0 }
        .encode(&mut body);
    body
}

fn set(path: &str) -> BytesMut {
    let mut body = BytesMut::new();
    SetDataRequest { path, data: Some(&[8; DATA_LEN]), version: -1 }.encode(&mut body);
    body
}

/// A chunk of commands.
fn chunk(first_seq: u64, op: OpCode, bodies: &[BytesMut]) -> Bytes {
    let mut out = BytesMut::zeroed(CHUNK_HEADER_LEN);
    for body in bodies {
        put_command(&mut out, &command(op, body));
    }
    let count = bodies.len() as u32;
    let header =
        ChunkHeader { policy: Policy::NONE, incarnation: IncarnationId(1), first_seq, acked_seq: 0, count };
    write_chunk_header(&mut out, &header);
    out.freeze()
}

/// Applies the commands in entries of [`BATCH`], made one after the other so that the memory that they take is
/// taken once; gives ns per command.
fn apply(state: &mut State, op: OpCode, mut bodies: impl Iterator<Item = BytesMut>) -> f64 {
    let mut sink = Sink(BytesMut::with_capacity(1 << 20));
    let mut spent = Duration::ZERO;
    let mut count = 0;
    loop {
        let batch: Vec<_> = bodies.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return spent.as_nanos() as f64 / f64::from(count);
        }
        count += batch.len() as u32;
        let seq = state.last_seq(IncarnationId(1)).unwrap_or(0) + 1;
        let (index, chunks) = (state.index().next(), [chunk(seq, op, &batch)]);
        let start = Instant::now();
        if let Err(error) = state.apply_entry(index, 1, &chunks, &mut sink) {
            println!("apply failed: {error}");
        }
        spent += start.elapsed();
    }
}

fn resident_bytes() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm.split_whitespace().nth(1)?.parse::<f64>().ok().map(|pages| pages * 4096.0)
}

/// Visits all numbers in an order that caches cannot guess.
fn shuffled(count: usize) -> impl Iterator<Item = usize> {
    let step = 7_919 * 31 + 2;
    (0..count).map(move |i| i.wrapping_mul(step) % count)
}

fn main() {
    let count = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(200_000);
    let mut state = State::new();
    apply(&mut state, OpCode::Create, std::iter::once(create("/bench")));
    let before = resident_bytes();
    let create_ns = apply(&mut state, OpCode::Create, (0..count).map(|n| create(&path(n))));
    let bytes = before.zip(resident_bytes()).map(|(before, after)| (after - before) / count as f64);
    let set_ns = apply(&mut state, OpCode::SetData, shuffled(count).map(|n| set(&path(n))));

    let reads: Vec<_> = shuffled(count)
        .map(|n| {
            let mut body = BytesMut::new();
            PathWatchRequest { path: &path(n), watch: false }.encode(&mut body);
            body
        })
        .collect();
    let mut out = BytesMut::with_capacity(1 << 20);
    let start = Instant::now();
    for body in &reads {
        if out.len() > 500_000 {
            out.clear();
        }
        state.read(&command(OpCode::GetData, body), &mut out);
    }
    let get_ns = start.elapsed().as_nanos() as f64 / count as f64;

    println!("{} znodes, {DATA_LEN} bytes of data each", state.znode_count());
    println!("create {create_ns:.0} ns, set {set_ns:.0} ns, get {get_ns:.0} ns");
    if let Some(bytes) = bytes {
        println!("{bytes:.0} bytes per znode");
    }
    checkpoint(&mut state);
}

/// A whole checkpoint, and the state from it.
fn checkpoint(state: &mut State) {
    let start = Instant::now();
    let meta = state.begin_checkpoint();
    let begin = start.elapsed();
    let mut records = Vec::new();
    while state.checkpoint_slice(BATCH, &mut records) {}
    let slices = start.elapsed();
    records.sort_unstable();
    let start = Instant::now();
    let mut loader = State::loader();
    for (key, value) in &records {
        if let Err(error) = loader.record(key, value.as_deref().unwrap_or_default()) {
            println!("load failed: {error}");
        }
    }
    let loaded = loader.finish(&meta).map(|state| state.znode_count());
    println!("checkpoint: begin {begin:?}, all slices {slices:?}, load {:?} ({loaded:?})", start.elapsed());
}
