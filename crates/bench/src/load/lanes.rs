//! The sessions of a load: what they ask next, and what they wait for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use menagerie_jute::{Reader, ReplyHeader};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::plan::{Plan, Window};
use super::replies::Expected;
use super::requests::Requests;
use super::tally::Tally;
use crate::mix::Kind;
use crate::target::describe;
use crate::wire::{Fault, Handler, Output};

/// A request without its reply.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    xid: i32,
    pub kind: Kind,
    /// Whether the znode that is created or deleted is an ephemeral one.
    pub ephemeral: bool,
    /// Number of that znode.
    pub number: u64,
    /// When it was sent or, in an open loop, was meant to be.
    from_ns: u64,
}

/// A znode that a session has created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub ephemeral: bool,
    pub number: u64,
}

/// One session.
#[derive(Debug, Default)]
struct Lane {
    asked: VecDeque<Asked>,
    /// Times of requests that are due but do not fit into the depth yet.
    backlog: VecDeque<u64>,
    made: VecDeque<Made>,
    next_xid: i32,
    last_zxid: i64,
    lost: bool,
}

/// All sessions of one thread.
pub struct Lanes<'a> {
    plan: &'a Plan,
    requests: Requests,
    expected: Expected<'a>,
    lanes: Vec<Lane>,
    random: SmallRng,
    /// Numbers of created znodes, of all threads.
    next_made: &'a AtomicU64,
    window: Window,
    outstanding: usize,
    waiting: usize,
    pub tally: Tally,
}

impl<'a> Lanes<'a> {
    /// `count` sessions of the thread `thread`.
    pub fn new(
        plan: &'a Plan,
        thread: u64,
        count: usize,
        next_made: &'a AtomicU64,
        tally: Tally,
        window: Window,
    ) -> Self {
        Self {
            requests: Requests::new(plan),
            expected: Expected::new(plan),
            lanes: (0..count).map(|_| Lane::default()).collect(),
            random: SmallRng::seed_from_u64(plan.args.seed.wrapping_add(thread)),
            next_made,
            window,
            outstanding: 0,
            waiting: 0,
            tally,
            plan,
        }
    }

    /// Requests sent and not answered, and those that are due and not sent.
    pub fn unfinished(&self) -> usize {
        self.outstanding + self.waiting
    }

    /// A request of an open loop has become due. False if its session is gone.
    pub fn due(&mut self, id: usize, meant_ns: u64) -> bool {
        let lane = &mut self.lanes[id];
        if lane.lost {
            return false;
        }
        lane.backlog.push_back(meant_ns);
        self.waiting += 1;
        true
    }

    /// What was created and is still there.
    pub fn into_made(self) -> (Tally, Vec<Made>) {
        (self.tally, self.lanes.into_iter().flat_map(|lane| lane.made).collect())
    }

    fn ask(&mut self, id: usize, from_ns: u64, out: &mut Output) {
        let Self { plan, requests, random, next_made, .. } = self;
        let lane = &mut self.lanes[id];
        let mut kind = plan.args.mix.pick(random);
        let mut made = Made { ephemeral: kind == Kind::Ephemeral, number: 0 };
        if kind == Kind::Delete {
            match lane.made.pop_front() {
                Some(oldest) => made = oldest,
                None => kind = Kind::Create,
            }
        }
        if matches!(kind, Kind::Create | Kind::Ephemeral) {
            made.number = next_made.fetch_add(1, Ordering::Relaxed);
        }
        lane.next_xid = lane.next_xid.checked_add(1).unwrap_or(1);
        let xid = lane.next_xid;
        let which = usize::from(made.ephemeral);
        match kind {
            Kind::Get => requests.get.put(out, xid, plan.keys.pick(random)),
            Kind::Set => requests.set.put(out, xid, plan.keys.pick(random)),
            Kind::Exists => requests.exists.put(out, xid, plan.keys.pick(random)),
            Kind::Children => requests.children.put(out, xid, 0),
            Kind::Sync => requests.sync.put(out, xid, 0),
            Kind::Create | Kind::Ephemeral => requests.create[which].put(out, xid, made.number),
            Kind::Delete => requests.delete[which].put(out, xid, made.number),
            Kind::Multi => {
                let ops = plan.args.multi_ops as usize;
                requests.multi.put(out, xid, ops, || plan.keys.pick(random));
            }
        }
        lane.asked.push_back(Asked { xid, kind, ephemeral: made.ephemeral, number: made.number, from_ns });
        self.outstanding += 1;
    }
}

impl Handler for Lanes<'_> {
    fn frame(&mut self, id: usize, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        let mut reader = Reader::new(payload);
        let header = ReplyHeader::decode(&mut reader).map_err(|error| error.to_string())?;
        let lane = &mut self.lanes[id];
        let Some(asked) = lane.asked.front().copied() else {
            return Err(format!("reply {} to no request", header.xid));
        };
        if header.xid != asked.xid {
            return Err(format!("reply {} where {} was due", header.xid, asked.xid));
        }
        lane.asked.pop_front();
        self.outstanding -= 1;
        if header.zxid < lane.last_zxid {
            self.tally.zxid_regress += 1;
        }
        lane.last_zxid = lane.last_zxid.max(header.zxid);
        if header.err != 0 {
            self.tally.faults.add(|| format!("{}: {}", asked.kind.name(), describe(header.err)));
            return Ok(());
        }
        self.expected.check(&asked, reader.remaining())?;
        if matches!(asked.kind, Kind::Create | Kind::Ephemeral) {
            lane.made.push_back(Made { ephemeral: asked.ephemeral, number: asked.number });
        }
        self.tally.record(asked.kind, asked.from_ns, now_ns);
        Ok(())
    }

    fn drained(&mut self, id: usize, now_ns: u64, out: &mut Output) -> Result<(), Fault> {
        let depth = self.plan.args.depth as usize;
        if self.plan.args.rate.is_some() {
            while self.lanes[id].asked.len() < depth
                && let Some(meant_ns) = self.lanes[id].backlog.pop_front()
            {
                self.waiting -= 1;
                self.ask(id, meant_ns, out);
            }
        } else if now_ns < self.window.to_ns {
            while self.lanes[id].asked.len() < depth {
                self.ask(id, now_ns, out);
            }
        }
        Ok(())
    }

    fn lost(&mut self, id: usize, why: Fault) {
        let lane = &mut self.lanes[id];
        let (asked, waiting) = (lane.asked.len(), lane.backlog.len());
        lane.lost = true;
        lane.asked.clear();
        lane.backlog.clear();
        self.outstanding -= asked;
        self.waiting -= waiting;
        self.tally.faults.add(|| format!("session {id} with {asked} requests outstanding: {why}"));
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use clap::Parser;
    use menagerie_jute::{GetDataResponse, RequestHeader, frame};
    use menagerie_types::{ErrorCode, Stat};

    use super::*;
    use crate::cli::{BenchArgs, Command, Measured};

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: BenchArgs,
    }

    const WINDOW: Window = Window { begin_ns: 0, from_ns: 0, to_ns: 1_000_000 };

    fn plan(flags: &str) -> Plan {
        let line = format!("bench load --hosts 127.0.0.1:1 --payload 4 {flags}");
        let Command::Measured(Measured::Load(args)) = Program::parse_from(line.split(' ')).args.command
        else {
            panic!("no load")
        };
        Plan::new(&args).expect("a plan")
    }

    fn lanes<'a>(plan: &'a Plan, numbers: &'a AtomicU64) -> Lanes<'a> {
        Lanes::new(plan, 0, 1, numbers, Tally::new(WINDOW, plan.args.rate.is_some(), false), WINDOW)
    }

    /// The xids of what is sent next.
    fn sent(lanes: &mut Lanes<'_>, now_ns: u64) -> Vec<i32> {
        let (mut out, mut bytes, mut xids) = (Output::default(), Vec::new(), Vec::new());
        lanes.drained(0, now_ns, &mut out).expect("no fault");
        out.write_to(&mut bytes, b"").expect("a vector takes everything");
        let mut rest = &bytes[..];
        while let Ok(Some(whole)) = frame::peek(rest, 1 << 20) {
            let header = RequestHeader::decode(&mut Reader::new(&rest[frame::PREFIX_LEN..]));
            xids.push(header.expect("a header").xid);
            rest = &rest[whole..];
        }
        xids
    }

    fn reply(xid: i32, err: i32, data: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        ReplyHeader { xid, zxid: 1, err }.encode(&mut out);
        if err == 0 {
            let stat = Stat { data_length: data.len() as i32, ..Stat::default() };
            GetDataResponse { data: Some(data), stat }.encode(&mut out);
        }
        out
    }

    #[test]
    fn a_closed_loop_keeps_its_depth_until_the_time_is_over() {
        let (plan, numbers) = (plan("--depth 3"), AtomicU64::new(0));
        let mut lanes = lanes(&plan, &numbers);
        assert_eq!(sent(&mut lanes, 10), [1, 2, 3]);
        lanes.frame(0, &reply(1, 0, &plan.payload), 500).expect("a good reply");
        assert_eq!(sent(&mut lanes, 500), [4]);
        lanes.frame(0, &reply(2, 0, &plan.payload), 1_000_000).expect("a good reply");
        assert!(sent(&mut lanes, 1_000_000).is_empty());
        // The second one came too late to count.
        assert_eq!((lanes.tally.ops(), lanes.tally.all, lanes.unfinished()), (1, 2, 2));
    }

    #[test]
    fn an_open_loop_counts_from_the_time_a_request_was_meant_for() {
        let (plan, numbers) = (plan("--depth 1 --rate 1000"), AtomicU64::new(0));
        let mut lanes = lanes(&plan, &numbers);
        assert!(lanes.due(0, 0) && lanes.due(0, 1_000));
        assert_eq!((sent(&mut lanes, 1_000), lanes.unfinished()), (vec![1], 2));
        lanes.frame(0, &reply(1, 0, &plan.payload), 900_000).expect("a good reply");
        assert_eq!(sent(&mut lanes, 900_000), [2]);
        // It was sent at 900 us, meant for 1 us, and answered after the window, where nothing is lost by that.
        lanes.frame(0, &reply(2, 0, &plan.payload), 5_000_000).expect("a good reply");
        assert_eq!((lanes.tally.ops(), lanes.unfinished()), (2, 0));
        lanes.lost(0, "closed".to_owned());
        assert!(!lanes.due(0, 2_000));
    }

    #[test]
    fn what_is_not_the_reply_is_found() {
        let (plan, numbers) = (plan("--depth 4"), AtomicU64::new(0));
        let mut lanes = lanes(&plan, &numbers);
        sent(&mut lanes, 0);
        assert!(lanes.frame(0, &reply(2, 0, &plan.payload), 1).is_err(), "another one's");
        lanes.frame(0, &reply(1, ErrorCode::NoNode.code(), b""), 1).expect("an error goes to the tally");
        assert_eq!(lanes.tally.faults.errors, 1);
        assert!(lanes.frame(0, &reply(2, 0, b"else"), 1).is_err(), "other data");
        assert!(lanes.frame(0, &reply(3, 0, &plan.payload)[..20], 1).is_err(), "half of it");
        assert_eq!(lanes.tally.ops(), 0);
        lanes.lost(0, "closed".to_owned());
        assert_eq!((lanes.unfinished(), lanes.tally.faults.errors), (0, 2));
    }
}
