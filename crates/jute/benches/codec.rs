//! What reading and writing the protocol's records costs.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use menagerie_jute::{
    AclList, CreateRequest, GetChildrenResponse, GetDataResponse, MultiOp, Reader, RequestHeader,
    SetDataRequest, begin_reply, encode_multi, end_reply, frame, multi_ops,
};
use menagerie_types::{OpCode, Stat, Zxid};

const PATH: &str = "/service/members/n0000000042";

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec/decode");
    let data = vec![7; 1024];
    let mut set = BytesMut::new();
    RequestHeader { xid: 1, op: OpCode::SetData.code() }.encode(&mut set);
    SetDataRequest { path: PATH, data: Some(&data), version: -1 }.encode(&mut set);
    group.bench_function("setData 1 KiB", |b| {
        b.iter(|| {
            let mut reader = Reader::new(black_box(&set));
            (RequestHeader::decode(&mut reader), SetDataRequest::decode(&mut reader).map(|r| r.version))
        });
    });
    let mut create = BytesMut::new();
    CreateRequest { path: PATH, data: Some(&data), acl: Some(AclList::open()), flags: 0 }.encode(&mut create);
    group.bench_function("create 1 KiB", |b| {
        b.iter(|| CreateRequest::decode(&mut Reader::new(black_box(&create))).map(|r| r.flags));
    });
    let mut multi = BytesMut::new();
    let op = MultiOp::SetData(SetDataRequest { path: PATH, data: Some(&data[..100]), version: -1 });
    encode_multi(&mut multi, &[op; 100]);
    group.throughput(Throughput::Elements(100));
    group.bench_function("multi of 100", |b| b.iter(|| multi_ops(black_box(&multi)).count()));
    group.finish();
}

fn replies(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec/encode");
    let data = vec![7; 1024];
    let mut out = BytesMut::with_capacity(1 << 20);
    group.bench_function("getData 1 KiB", |b| {
        b.iter(|| {
            out.clear();
            let mark = begin_reply(&mut out, 1, Zxid(2), 0);
            GetDataResponse { data: Some(black_box(&data)), stat: Stat::default() }.encode(&mut out);
            end_reply(&mut out, mark);
        });
    });
    for count in [10, 1_000] {
        let names: Vec<String> = (0..count).map(|n| format!("n{n:010}")).collect();
        let reply = GetChildrenResponse { children: names.iter().map(String::as_str).collect() };
        group.throughput(Throughput::Elements(count));
        group.bench_with_input(BenchmarkId::new("getChildren", count), &reply, |b, reply| {
            b.iter(|| {
                out.clear();
                black_box(reply).encode(&mut out);
            });
        });
    }
    group.finish();
    let mut frames = BytesMut::new();
    for _ in 0..64 {
        let mark = frame::begin(&mut frames);
        frames.extend_from_slice(&data[..100]);
        frame::end(&mut frames, mark);
    }
    c.bench_function("codec/split 64 frames", |b| {
        b.iter(|| {
            let (mut rest, mut count) = (black_box(&frames[..]), 0);
            while let Ok(Some(whole)) = frame::peek(rest, 1 << 20) {
                rest = &rest[whole..];
                count += 1;
            }
            count
        });
    });
}

criterion_group!(benches, requests, replies);
criterion_main!(benches);
