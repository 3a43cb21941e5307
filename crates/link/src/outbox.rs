//! Numbered commands waiting for their results. A plain value: what is pushed comes out as chunks, in order, and
//! again after [`Outbox::resend`], until it is acknowledged.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use menagerie_types::IncarnationId;
use menagerie_types::command::{
    CHUNK_HEADER_LEN, ChunkHeader, Command, Policy, put_command, write_chunk_header,
};

/// A chunk is sealed when it has grown to this; one command may make it larger. No entry of the log is made of less than a
/// chunk, so this is also the least that can be applied and told while what follows is still on its way.
const CHUNK_BYTES: usize = 64 * 1024;

/// The commands of one incarnation whose results are not known yet.
#[derive(Debug)]
pub struct Outbox {
    incarnation: IncarnationId,
    policy: Policy,
    next_seq: u64,
    acked_seq: u64,
    open: BytesMut,
    open_count: u32,
    sealed: VecDeque<Sealed>,
    /// How many of `sealed` have been handed out since the last resend.
    sent: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Sealed {
    last_seq: u64,
    chunk: Bytes,
}

impl Outbox {
    /// An empty outbox; its first command is number 1. `policy` goes with every command.
    pub fn new(incarnation: IncarnationId, policy: Policy) -> Self {
        Self {
            incarnation,
            policy,
            next_seq: 1,
            acked_seq: 0,
            open: BytesMut::new(),
            open_count: 0,
            sealed: VecDeque::new(),
            sent: 0,
            bytes: 0,
        }
    }

    /// Whose commands these are.
    pub fn incarnation(&self) -> IncarnationId {
        self.incarnation
    }

    /// Adds a command and returns its number.
    pub fn push(&mut self, command: &Command<'_>) -> u64 {
        if self.open.is_empty() {
            self.open.resize(CHUNK_HEADER_LEN, 0);
        }
        let before = self.open.len();
        put_command(&mut self.open, command);
        self.bytes += self.open.len() - before;
        self.open_count += 1;
        let seq = self.next_seq;
        self.next_seq += 1;
        if self.open.len() >= CHUNK_BYTES {
            self.seal();
        }
        seq
    }

    /// The next chunk to hand on, if there is one.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        if self.sent == self.sealed.len() && self.open_count > 0 {
            self.seal();
        }
        let chunk = self.sealed.get(self.sent)?.chunk.clone();
        self.sent += 1;
        Some(chunk)
    }

    /// The results up to `seq` are known: those commands are not sent again.
    pub fn acknowledge(&mut self, seq: u64) {
        self.acked_seq = self.acked_seq.max(seq);
        while let Some(first) = self.sealed.front()
            && first.last_seq <= seq
        {
            self.bytes = self.bytes.saturating_sub(first.chunk.len() - CHUNK_HEADER_LEN);
            self.sealed.pop_front();
            self.sent = self.sent.saturating_sub(1);
        }
    }

    /// Everything unacknowledged comes out again, oldest first.
    pub fn resend(&mut self) {
        self.sent = 0;
    }

    /// The last number whose result is known.
    pub fn acked_seq(&self) -> u64 {
        self.acked_seq
    }

    /// The number the next command gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Bytes of commands not acknowledged; whoever pushes stops when it is too much.
    pub fn unacknowledged_bytes(&self) -> usize {
        self.bytes
    }

    fn seal(&mut self) {
        let last_seq = self.next_seq - 1;
        let header = ChunkHeader {
            policy: self.policy,
            incarnation: self.incarnation,
            first_seq: self.next_seq - u64::from(self.open_count),
            acked_seq: self.acked_seq,
            count: self.open_count,
        };
        write_chunk_header(&mut self.open, &header);
        self.sealed.push_back(Sealed { last_seq, chunk: self.open.split().freeze() });
        self.open_count = 0;
    }
}

#[cfg(test)]
mod tests {
    use menagerie_types::command::read_chunk;
    use menagerie_types::{OpCode, SessionId};
    use proptest::prelude::*;

    use super::*;

    fn command(body: &[u8]) -> Command<'_> {
        Command { op: OpCode::Noop, session: SessionId::NONE, xid: 0, auth: &[], body }
    }

    fn numbers(chunk: &Bytes) -> std::ops::Range<u64> {
        let (header, commands) = read_chunk(chunk).expect("an outbox makes whole chunks");
        assert_eq!(commands.count() as u32, header.count);
        header.first_seq..header.first_seq + u64::from(header.count)
    }

    #[test]
    fn what_is_queued_together_goes_in_one_chunk() {
        let mut outbox = Outbox::new(IncarnationId(1), Policy::NONE);
        for _ in 0..3 {
            outbox.push(&command(b"x"));
        }
        assert_eq!(numbers(&outbox.next_chunk().expect("a chunk")), 1..4);
        assert_eq!(outbox.next_chunk(), None);
    }

    #[test]
    fn a_large_chunk_is_sealed() {
        let mut outbox = Outbox::new(IncarnationId(1), Policy::NONE);
        let big = vec![0; CHUNK_BYTES];
        outbox.push(&command(&big));
        outbox.push(&command(b"x"));
        assert_eq!(numbers(&outbox.next_chunk().expect("first")), 1..2);
        assert_eq!(numbers(&outbox.next_chunk().expect("second")), 2..3);
    }

    proptest! {
        /// Whatever is lost on the way, a receiver that drops repeats and refuses gaps sees each command once, in order.
        #[test]
        fn resending_loses_nothing_and_keeps_the_order(steps in prop::collection::vec(0..5u8, 1..200)) {
            let mut outbox = Outbox::new(IncarnationId(1), Policy::NONE);
            let (mut pushed, mut applied, mut losing) = (0, 0, false);
            for step in steps.into_iter().chain([4, 2, 2, 2]) {
                match step {
                    0 | 1 => pushed = outbox.push(&command(b"x")),
                    2 => while let Some(chunk) = outbox.next_chunk() {
                        if losing { continue; }
                        let numbers = numbers(&chunk);
                        prop_assert!(numbers.start <= applied + 1, "no gap");
                        applied = applied.max(numbers.end - 1);
                    },
                    3 => losing = true,
                    _ => { losing = false; outbox.acknowledge(applied); outbox.resend(); }
                }
            }
            prop_assert_eq!(applied, pushed);
            outbox.acknowledge(applied);
            prop_assert_eq!(outbox.unacknowledged_bytes(), 0);
        }
    }
}
