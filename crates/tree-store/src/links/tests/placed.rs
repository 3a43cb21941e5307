//! Reads that are placed while later writes are already on their way.

use menagerie_jute::PathWatchRequest;
use menagerie_proto::tree_store::ReadPlacement;

use super::*;

/// Offsets in the reply to exists: length, xid, then zxid; error; Stat with its version behind four long numbers.
const ZXID_AT: usize = 8;
const VERSION_AT: usize = 20 + 32;

#[derive(Clone, Copy, Debug)]
enum Act {
    Set,
    Read,
    /// What was proposed becomes an entry; so many chunks before it are sealed.
    Commit,
    Seal,
    Take,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Set),
        6 => Just(Act::Read),
        1 => Just(Act::Commit),
        1 => Just(Act::Seal),
        1 => Just(Act::Take),
    ]
}

/// A session that pipelines, alone on its link.
struct Session {
    world: World,
    chunks: Vec<Bytes>,
    /// Number of the last write.
    seq: u64,
    /// By token: after which write each read was placed.
    placed: Vec<u64>,
    /// Twice the number of each result, and that plus 1 for a reply behind it.
    order: Vec<u64>,
    answered: Vec<usize>,
}

impl Session {
    fn new() -> Self {
        let mut world = World::new(0);
        world.step(Step::Open(0));
        world.step(Step::Write(vec![Change::Create(0)]));
        world.step(Step::Take);
        Self { world, chunks: vec![], seq: 1, placed: vec![], order: vec![], answered: vec![] }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Set => {
                let (op, body) = encode(Change::Set(0));
                let command = Command { op, session: SessionId::NONE, xid: 0, auth: &[], body: &body };
                self.seq = self.world.outbox.push(&command);
            }
            Act::Read => self.read(),
            Act::Seal => self.chunks.extend(self.world.outbox.next_chunk()),
            Act::Commit => {
                self.act(Act::Seal);
                self.world.log.push(std::mem::take(&mut self.chunks));
                self.world.stores[0].apply(&self.world.log);
            }
            Act::Take => self.take(),
        }
    }

    fn read(&mut self) {
        let mut body = BytesMut::new();
        PathWatchRequest { path: PATHS[0], watch: false }.encode(&mut body);
        let read = Command { op: OpCode::Exists, session: SessionId(1), xid: 9, auth: &[], body: &body };
        let (at, key, _) = self.world.moving.link.as_ref().expect("it stands");
        let Store { state, links } = &mut self.world.stores[*at];
        let placement = links.read_after(*key, state, (self.seq, self.placed.len() as u64), &read);
        links.drain_touched(&mut Vec::new());
        assert_eq!(placement, ReadPlacement::Placed);
        self.placed.push(self.seq);
    }

    fn take(&mut self) {
        let (_, _, queue) = self.world.moving.link.as_ref().expect("it stands");
        let mut items = Vec::new();
        queue.take(&mut items).expect("the link stands");
        for item in items {
            match item {
                LinkItem::Results { first_seq, count, .. } => {
                    self.order.extend((first_seq..first_seq + u64::from(count)).map(|seq| seq * 2));
                }
                LinkItem::ReadReply { token, frames, .. } => self.replied(token as usize, &frames),
                _ => {}
            }
        }
    }

    /// There is one writer, so numbers, zxids and versions go together.
    fn replied(&mut self, token: usize, frames: &[u8]) {
        let seq = self.placed[token];
        self.answered.push(token);
        self.order.push(seq * 2 + 1);
        let zxid = u64::from_be_bytes(*frames[ZXID_AT..].first_chunk().expect("a zxid"));
        let version = u32::from_be_bytes(*frames[VERSION_AT..].first_chunk().expect("a version"));
        assert_eq!((zxid, u64::from(version)), (seq, seq - 1), "as of its own place, not of a later write");
    }
}

proptest! {
    #[test]
    fn a_session_that_pipelines_reads_its_own_writes_and_none_too_early(acts in prop::collection::vec(act(), 0..80)) {
        let mut session = Session::new();
        for act in acts.into_iter().chain([Act::Commit, Act::Take]) {
            session.act(act);
        }
        prop_assert!(session.order.is_sorted(), "{:?}", session.order);
        prop_assert_eq!(session.answered, (0..session.placed.len()).collect::<Vec<_>>());
        let results = session.order.iter().filter(|at| *at % 2 == 0).count() as u64;
        prop_assert_eq!(results, session.seq - 1, "the first was taken before");
    }
}
