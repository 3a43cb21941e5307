//! How applying an entry reports what it did.

use bytes::{Bytes, BytesMut};
use menagerie_types::command::ChunkHeader;
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, SessionId, Zxid};

use crate::{Lease, Session, State};

/// Receives what applying does, strictly in order.
///
/// For each chunk with at least one new command: [`chunk`](Self::chunk); then per new command its watch, session,
/// lease and replica events, its reply frame in [`replies`](Self::replies), [`result`](Self::result) and
/// [`applied`](Self::applied); at last [`chunk_end`](Self::chunk_end). Nothing of a command's reply is in the buffer when
/// its events are reported.
pub trait Effects {
    /// Results of this chunk's commands from number `first_new_seq` on follow; those before it were repeats.
    fn chunk(&mut self, header: &ChunkHeader, first_new_seq: u64);

    /// Where reply frames are appended. The receiver may take what is complete at any call.
    fn replies(&mut self) -> &mut BytesMut;

    /// The reply of command `seq` is complete in the buffer.
    fn result(&mut self, seq: u64, zxid: Zxid);

    /// Command `seq` has been applied and its result reported; `state` is as it left it.
    fn applied(&mut self, _seq: u64, _state: &State) {}

    /// The chunk's last result was reported.
    fn chunk_end(&mut self);

    /// A chunk was refused whole, because commands from `expected_seq` on are missing.
    fn refused(&mut self, incarnation: IncarnationId, expected_seq: u64);

    /// Something happened that watches at `path` or above may wait for. `acl`: whose READ permission it takes to be
    /// told, in its jute encoding with its count; `None` when anyone may.
    fn watch_event(&mut self, zxid: Zxid, event: EventType, path: &str, acl: Option<&Bytes>);

    /// Transaction `zxid` has made a session (no previous owner) or moved it.
    fn session_attached(
        &mut self,
        zxid: Zxid,
        id: SessionId,
        session: &Session,
        previous_owner: Option<IncarnationId>,
    );

    /// A session ended, by its client or because its client was gone. The events of its ephemerals came before.
    fn session_closed(&mut self, id: SessionId, owner: IncarnationId, expired: bool);

    /// The lease has another holder or epoch. Renewals are not reported.
    fn lease(&mut self, lease: &Lease);

    /// A tree store registered, or its durable checkpoint moved.
    fn replica(&mut self, replica: NodeId, checkpoint: LogIndex);
}
