//! What applying an entry does, on its way to the links that it concerns.

use bytes::{Bytes, BytesMut};
use menagerie_proto::tree_store::{LinkItem, SessionEvent};
use menagerie_tree::{Effects, Lease, Session, State};
use menagerie_types::command::ChunkHeader;
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, SessionId, Zxid};

use super::history::Block;
use super::{LinkKey, Links, lease, session_info};

/// The results of one chunk that were not handed on yet: one buffer, cut only where something else must come between.
#[derive(Debug)]
pub(super) struct Run {
    incarnation: IncarnationId,
    /// The incarnation's link, if it has one here.
    link: Option<LinkKey>,
    first_seq: u64,
    count: u32,
    /// Bytes of complete results in the reply buffer.
    len: usize,
    /// The first command that a read of the link waits for.
    next_placed: Option<u64>,
}

impl Links {
    /// Hands the results so far to the history and to the link.
    fn cut(&mut self) {
        let Some(run) = &mut self.run else { return };
        if run.count == 0 {
            return;
        }
        let frames: Bytes = self.replies.split_to(run.len).freeze();
        let (incarnation, link) = (run.incarnation, run.link);
        let block = Block { first_seq: run.first_seq, count: run.count, frames };
        run.first_seq += u64::from(run.count);
        run.count = 0;
        run.len = 0;
        if let Some(link) = link {
            let frames = block.frames.clone();
            self.push(link, LinkItem::Results { first_seq: block.first_seq, count: block.count, frames });
        }
        if incarnation != self.own.incarnation() {
            self.history.push(incarnation, block);
        }
    }

    fn next_placed(&self, link: Option<LinkKey>) -> Option<u64> {
        self.links.get(&link?)?.placed.next_seq()
    }

    /// Pushes an item after the results that came before it.
    fn push_in_order(&mut self, key: LinkKey, item: LinkItem) {
        if self.run.as_ref().is_some_and(|run| run.link == Some(key)) {
            self.cut();
        }
        self.push(key, item);
    }

    /// Tells a session event to the owners' links and to those who follow all sessions, each once.
    fn tell_session(&mut self, owners: [Option<IncarnationId>; 2], event: SessionEvent) {
        let mut told = None;
        for owner in owners.into_iter().flatten() {
            let Some(key) = self.by_incarnation.get(&owner).copied() else { continue };
            if told != Some(key) && !self.links[&key].follows_sessions {
                self.push_in_order(key, LinkItem::Session(event));
                told = Some(key);
            }
        }
        for at in 0..self.followers.len() {
            self.push_in_order(self.followers[at], LinkItem::Session(event));
        }
    }
}

impl Effects for Links {
    fn chunk(&mut self, header: &ChunkHeader, first_new_seq: u64) {
        self.history.acknowledge(header.incarnation, header.acked_seq);
        let link = self.by_incarnation.get(&header.incarnation).copied();
        self.run = Some(Run {
            incarnation: header.incarnation,
            link,
            first_seq: first_new_seq,
            count: 0,
            len: 0,
            next_placed: self.next_placed(link),
        });
    }

    fn replies(&mut self) -> &mut BytesMut {
        &mut self.replies
    }

    fn result(&mut self, _seq: u64, _zxid: Zxid) {
        if let Some(run) = &mut self.run {
            run.count += 1;
            run.len = self.replies.len();
        }
    }

    fn applied(&mut self, seq: u64, state: &State) {
        let Some(run) = &self.run else { return };
        let (Some(link), true) = (run.link, run.next_placed.is_some_and(|next| next <= seq)) else { return };
        self.cut();
        self.answer_placed(link, seq, state);
        let next_placed = self.next_placed(Some(link));
        if let Some(run) = &mut self.run {
            run.next_placed = next_placed;
        }
    }

    fn chunk_end(&mut self) {
        self.cut();
        if let Some(run) = self.run.take()
            && run.incarnation == self.own.incarnation()
        {
            self.own.acknowledge(run.first_seq - 1);
        }
    }

    fn refused(&mut self, incarnation: IncarnationId, expected_seq: u64) {
        if incarnation == self.own.incarnation() {
            self.own.send_again();
            return;
        }
        self.history.refuse(incarnation, expected_seq);
        if let Some(key) = self.by_incarnation.get(&incarnation).copied() {
            self.push(key, LinkItem::Refused { expected_seq });
        }
    }

    fn watch_event(&mut self, zxid: Zxid, event: EventType, path: &str, acl: Option<&Bytes>) {
        let mut fired = std::mem::take(&mut self.fired);
        self.watches.fire(path, event, &mut fired);
        for key in fired.drain(..) {
            self.push_in_order(key, LinkItem::Event { zxid, event, path: path.into(), acl: acl.cloned() });
        }
        self.fired = fired;
    }

    fn session_attached(
        &mut self,
        zxid: Zxid,
        id: SessionId,
        session: &Session,
        previous_owner: Option<IncarnationId>,
    ) {
        let event = SessionEvent::Attached(session_info(id, session), zxid);
        self.tell_session([Some(session.owner), previous_owner], event);
    }

    fn session_closed(&mut self, id: SessionId, owner: IncarnationId, expired: bool) {
        self.tell_session([Some(owner), None], SessionEvent::Closed { session: id, expired });
    }

    fn lease(&mut self, changed: &Lease) {
        for key in self.links.keys().copied().collect::<Vec<_>>() {
            self.push_in_order(key, LinkItem::Lease(lease(changed)));
        }
    }

    fn replica(&mut self, _replica: NodeId, _checkpoint: LogIndex) {}
}
