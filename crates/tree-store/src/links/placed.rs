//! Reads that wait for a command of their link's own incarnation.

use std::collections::BTreeMap;

use bytes::BytesMut;
use menagerie_proto::tree_store::{LinkItem, ReadPlacement};
use menagerie_tree::State;
use menagerie_types::command::Command;
use menagerie_types::{OpCode, SessionId};

use super::{LinkKey, Links};

/// Reads that wait, on one link.
const READS_MAX: usize = 1 << 16;
const BYTES_MAX: usize = 64 << 20;
/// What one costs beside its bytes.
const READ_OVERHEAD: usize = 128;

/// The waiting reads of one link, by the command that they wait for.
#[derive(Debug, Default)]
pub(super) struct PlacedReads {
    by_seq: BTreeMap<u64, Vec<PlacedRead>>,
    count: usize,
    bytes: usize,
}

#[derive(Debug)]
struct PlacedRead {
    token: u64,
    op: OpCode,
    session: SessionId,
    xid: i32,
    auth_len: usize,
    auth_and_body: Box<[u8]>,
}

impl PlacedReads {
    /// False if there is no room.
    fn push(&mut self, seq: u64, token: u64, read: &Command<'_>) -> bool {
        let read = PlacedRead {
            token,
            op: read.op,
            session: read.session,
            xid: read.xid,
            auth_len: read.auth.len(),
            auth_and_body: [read.auth, read.body].concat().into(),
        };
        if self.count >= READS_MAX || self.bytes + read.weight() > BYTES_MAX {
            return false;
        }
        self.count += 1;
        self.bytes += read.weight();
        self.by_seq.entry(seq).or_default().push(read);
        true
    }

    /// The first command that a read waits for.
    pub(super) fn next_seq(&self) -> Option<u64> {
        self.by_seq.first_key_value().map(|(seq, _)| *seq)
    }

    /// The next reads that wait for a command up to `seq`: those of the first such command.
    fn pop_up_to(&mut self, seq: u64) -> Option<Vec<PlacedRead>> {
        let first = self.by_seq.first_entry().filter(|first| *first.key() <= seq)?;
        let reads = first.remove();
        self.count -= reads.len();
        self.bytes -= reads.iter().map(PlacedRead::weight).sum::<usize>();
        Some(reads)
    }
}

impl PlacedRead {
    fn weight(&self) -> usize {
        READ_OVERHEAD + self.auth_and_body.len()
    }

    fn command(&self) -> Command<'_> {
        let (auth, body) = self.auth_and_body.split_at(self.auth_len);
        Command { op: self.op, session: self.session, xid: self.xid, auth, body }
    }
}

impl Links {
    /// Gives a read its place after command `seq` of the link's incarnation; at once, if that has been applied. The
    /// caller holds the state's lock.
    pub(crate) fn read_after(
        &mut self,
        key: LinkKey,
        state: &State,
        (seq, token): (u64, u64),
        read: &Command<'_>,
    ) -> ReadPlacement {
        let Some(link) = self.links.get_mut(&key) else { return ReadPlacement::Closed };
        if state.last_seq(link.incarnation).is_some_and(|last| last >= seq) {
            self.answer(key, state, token, read);
        } else if !link.placed.push(seq, token, read) {
            return ReadPlacement::Refused;
        }
        ReadPlacement::Placed
    }

    /// Answers the reads that waited for command `seq`, which has just been applied.
    pub(super) fn answer_placed(&mut self, key: LinkKey, seq: u64, state: &State) {
        while let Some(reads) = self.links.get_mut(&key).and_then(|link| link.placed.pop_up_to(seq)) {
            for read in reads {
                self.answer(key, state, read.token, &read.command());
            }
        }
    }

    fn answer(&mut self, key: LinkKey, state: &State, token: u64, read: &Command<'_>) {
        let mut frames = BytesMut::new();
        let watches = state.read(read, &mut frames);
        self.watch(key, &watches);
        self.push(key, LinkItem::ReadReply { token, frames: frames.freeze(), watches });
    }
}
