//! The same request for many znodes, as fast as they are answered; and one request alone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use menagerie_jute::{Reader, ReplyHeader};
use menagerie_types::OpCode;

use super::{Fault, Fleet, Handler, Output, Template};
use crate::error::{BenchError, Result};
use crate::faults::Faults;

/// Nothing for so long is a failure.
pub const SILENCE_MAX: Duration = Duration::from_secs(120);

/// A template, sent once for each number over all connections, so many outstanding on each.
pub struct Bulk<'a, I, C> {
    /// The request.
    pub template: &'a Template,
    /// Its numbers.
    pub numbers: I,
    /// Outstanding on each connection.
    pub depth: usize,
    /// Judges a reply by number, error code and body.
    pub check: C,
    /// Replies so far.
    pub done: u64,
    lanes: Vec<Lane>,
    outstanding: usize,
    faults: Faults,
}

#[derive(Clone, Debug, Default)]
struct Lane {
    xid: i32,
    pending: VecDeque<u64>,
}

impl<'a, I, C> Bulk<'a, I, C>
where
    I: Iterator<Item = u64>,
    C: FnMut(u64, i32, &[u8]) -> std::result::Result<(), Fault>,
{
    /// Over the first `lanes` connections of a fleet.
    pub fn new(template: &'a Template, numbers: I, lanes: usize, depth: usize, check: C) -> Self {
        let lanes = vec![Lane::default(); lanes];
        Self { template, numbers, depth, check, done: 0, lanes, outstanding: 0, faults: Faults::default() }
    }
}

impl<I, C> Handler for Bulk<'_, I, C>
where
    I: Iterator<Item = u64>,
    C: FnMut(u64, i32, &[u8]) -> std::result::Result<(), Fault>,
{
    fn frame(&mut self, id: usize, payload: &[u8], _now_ns: u64) -> std::result::Result<(), Fault> {
        let mut reader = Reader::new(payload);
        let header = ReplyHeader::decode(&mut reader).map_err(|error| error.to_string())?;
        let lane = self.lanes.get_mut(id).ok_or("a reply to no request")?;
        let expected = lane.xid - lane.pending.len() as i32 + 1;
        let number = lane.pending.pop_front().ok_or("a reply to no request")?;
        if header.xid != expected {
            return Err(format!("reply {} where {expected} was due", header.xid));
        }
        self.outstanding -= 1;
        self.done += 1;
        (self.check)(number, header.err, reader.remaining())
    }

    fn drained(&mut self, id: usize, _now_ns: u64, out: &mut Output) -> std::result::Result<(), Fault> {
        let Some(lane) = self.lanes.get_mut(id) else { return Ok(()) };
        // In halves, so that one write carries many requests.
        if lane.pending.len() > self.depth / 2 {
            return Ok(());
        }
        while lane.pending.len() < self.depth.max(1) {
            let Some(number) = self.numbers.next() else { break };
            lane.xid += 1;
            lane.pending.push_back(number);
            self.outstanding += 1;
            self.template.put(out, lane.xid, number);
        }
        Ok(())
    }

    fn lost(&mut self, id: usize, why: Fault) {
        if let Some(lane) = self.lanes.get_mut(id) {
            self.outstanding -= lane.pending.len();
            lane.pending.clear();
        }
        self.faults.add(|| why);
    }
}

/// Runs it to its end and tells `report` how many are done now and then.
///
/// # Errors
/// The first fault: what is done in bulk is preparation, and nothing is to be measured without it.
pub fn run_bulk<I, C>(
    fleet: &mut Fleet,
    mut bulk: Bulk<'_, I, C>,
    doing: &str,
    mut report: impl FnMut(u64),
) -> Result<()>
where
    I: Iterator<Item = u64>,
    C: FnMut(u64, i32, &[u8]) -> std::result::Result<(), Fault>,
{
    for id in 0..bulk.lanes.len() {
        fleet.drive(id, &mut bulk);
    }
    let mut last_change = (0, Instant::now());
    while bulk.outstanding > 0 && bulk.faults.is_empty() {
        fleet.turn(Instant::now() + Duration::from_secs(1), &mut bulk)?;
        report(bulk.done);
        if bulk.done != last_change.0 {
            last_change = (bulk.done, Instant::now());
        } else if last_change.1.elapsed() > SILENCE_MAX {
            return Err(BenchError::setup(doing, format!("no reply for {SILENCE_MAX:?}")));
        }
    }
    match bulk.faults.first_errors.into_iter().next() {
        Some(fault) => Err(BenchError::setup(doing, fault)),
        None => Ok(()),
    }
}

/// One request alone over a connection; returns the error code and the body.
pub fn call(
    fleet: &mut Fleet,
    id: usize,
    op: OpCode,
    body: impl FnOnce(&mut BytesMut),
) -> Result<(i32, Vec<u8>)> {
    let template = Template::new(op, None, None, body);
    let mut single = Single { template: Some(&template), id, reply: None };
    fleet.drive(id, &mut single);
    let began = Instant::now();
    loop {
        match single.reply.take() {
            Some(Ok(reply)) => return Ok(reply),
            Some(Err(why)) => return Err(BenchError::setup(format!("{op:?}"), why)),
            None if began.elapsed() > SILENCE_MAX => {
                return Err(BenchError::setup(format!("{op:?}"), format!("no reply for {SILENCE_MAX:?}")));
            }
            None => fleet.turn(Instant::now() + Duration::from_secs(1), &mut single)?,
        }
    }
}

struct Single<'a> {
    template: Option<&'a Template>,
    id: usize,
    reply: Option<std::result::Result<(i32, Vec<u8>), Fault>>,
}

impl Handler for Single<'_> {
    fn frame(&mut self, id: usize, payload: &[u8], _now_ns: u64) -> std::result::Result<(), Fault> {
        let mut reader = Reader::new(payload);
        let header = ReplyHeader::decode(&mut reader).map_err(|error| error.to_string())?;
        if id != self.id || header.xid != 1 {
            return Err(format!("reply {} to no request", header.xid));
        }
        self.reply = Some(Ok((header.err, reader.remaining().to_vec())));
        Ok(())
    }

    fn drained(&mut self, id: usize, _now_ns: u64, out: &mut Output) -> std::result::Result<(), Fault> {
        if id == self.id
            && let Some(template) = self.template.take()
        {
            template.put(out, 1, 0);
        }
        Ok(())
    }

    fn lost(&mut self, id: usize, why: Fault) {
        if id == self.id {
            self.reply = Some(Err(why));
        }
    }
}

/// Ends all sessions. One that is lost on the way has ended, too, as far as this process can tell.
pub fn close_all(fleet: &mut Fleet) -> Result<()> {
    let template = Template::new(OpCode::CloseSession, None, None, |_| {});
    let mut closing = Closing { template: &template, phases: vec![Ending::Open; fleet.len()], left: 0 };
    for id in 0..fleet.len() {
        fleet.drive(id, &mut closing);
    }
    let mut last_change = (closing.left, Instant::now());
    while closing.left > 0 {
        fleet.turn(Instant::now() + Duration::from_secs(1), &mut closing)?;
        if closing.left != last_change.0 {
            last_change = (closing.left, Instant::now());
        } else if last_change.1.elapsed() > SILENCE_MAX {
            return Err(BenchError::setup("closing sessions", format!("no reply for {SILENCE_MAX:?}")));
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    Asked,
    Ended,
}

struct Closing<'a> {
    template: &'a Template,
    phases: Vec<Ending>,
    /// Asked and not ended.
    left: usize,
}

impl Closing<'_> {
    fn end(&mut self, id: usize) {
        if std::mem::replace(&mut self.phases[id], Ending::Ended) == Ending::Asked {
            self.left -= 1;
        }
    }
}

impl Handler for Closing<'_> {
    fn frame(&mut self, id: usize, _payload: &[u8], _now_ns: u64) -> std::result::Result<(), Fault> {
        self.end(id);
        Ok(())
    }

    fn drained(&mut self, id: usize, _now_ns: u64, out: &mut Output) -> std::result::Result<(), Fault> {
        if self.phases[id] == Ending::Open {
            self.phases[id] = Ending::Asked;
            self.left += 1;
            self.template.put(out, 1, 0);
        }
        Ok(())
    }

    fn lost(&mut self, id: usize, _why: Fault) {
        self.end(id);
    }
}
