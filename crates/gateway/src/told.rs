//! What sessions have been told, for when their clients come back.
//!
//! Clients say what they have seen by the zxid of the last reply; some do not count watch events. So whoever told them
//! must know, lest what persistent watches missed be told twice. The workers of a gateway share what they know.

use std::collections::{HashMap, HashSet, VecDeque};

use menagerie_types::{IncarnationId, SessionId, Zxid};

/// Sessions remembered, the latest ones.
const SESSIONS_MAX: usize = 64 * 1024;

/// Up to which transaction sessions without a connection were told every event of their persistent watches.
#[derive(Debug, Default)]
pub struct Told {
    by_session: HashMap<SessionId, Entry>,
    order: VecDeque<(u64, SessionId)>,
    last_number: u64,
    workers: HashSet<IncarnationId>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    by: IncarnationId,
    zxid: Zxid,
}

impl Told {
    /// A worker that shares this.
    pub fn join(&mut self, worker: IncarnationId) {
        self.workers.insert(worker);
    }

    /// The session's connection to worker `by` has ended.
    pub fn note(&mut self, session: SessionId, by: IncarnationId, zxid: Zxid) {
        self.last_number += 1;
        let number = self.last_number;
        self.by_session.insert(session, Entry { number, by, zxid });
        self.order.push_back((number, session));
        while self.order.len() > SESSIONS_MAX {
            let Some((number, session)) = self.order.pop_front() else { break };
            if self.by_session.get(&session).is_some_and(|entry| entry.number == number) {
                self.by_session.remove(&session);
            }
        }
    }

    /// The session's client is here again.
    pub fn take(&mut self, session: SessionId) -> Option<Zxid> {
        self.by_session.remove(&session).map(|entry| entry.zxid)
    }

    /// The session has ended.
    pub fn forget(&mut self, session: SessionId) {
        self.by_session.remove(&session);
    }

    /// The session has another owner; one that is no worker here does not say what it tells.
    pub fn moved(&mut self, session: SessionId, owner: IncarnationId) {
        if !self.workers.contains(&owner) {
            self.forget(session);
        }
    }

    /// Of the sessions that worker `by` has noted, it owns only these now; what became of the others is not known.
    pub fn keep(&mut self, by: IncarnationId, owned: &HashSet<SessionId>) {
        self.by_session.retain(|session, entry| entry.by != by || owned.contains(session));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKERS: [IncarnationId; 2] = [IncarnationId(1), IncarnationId(2)];

    fn told(sessions: impl IntoIterator<Item = i64>) -> Told {
        let mut told = Told::default();
        WORKERS.into_iter().for_each(|worker| told.join(worker));
        sessions.into_iter().for_each(|id| told.note(SessionId(id), WORKERS[0], Zxid(id)));
        told
    }

    #[test]
    fn a_session_is_remembered_until_it_comes_back_ends_or_leaves() {
        let mut told = told(1..=6);
        assert_eq!((told.take(SessionId(1)), told.take(SessionId(1))), (Some(Zxid(1)), None));
        told.forget(SessionId(2));
        told.moved(SessionId(3), IncarnationId(9));
        told.moved(SessionId(4), WORKERS[1]);
        told.note(SessionId(6), WORKERS[1], Zxid(66));
        told.keep(WORKERS[0], &HashSet::from([SessionId(4)]));
        let left = (1..=6).map(|id| told.take(SessionId(id)));
        assert_eq!(left.flatten().collect::<Vec<_>>(), [Zxid(4), Zxid(66)]);
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let most = SESSIONS_MAX as i64;
        let mut told = told((1..=most).chain([1]));
        told.note(SessionId(most + 1), WORKERS[0], Zxid(7));
        assert_eq!(told.take(SessionId(2)), None);
        assert_eq!(told.take(SessionId(1)), Some(Zxid(1)), "noted again since");
        assert!(told.by_session.len() < SESSIONS_MAX && told.order.len() <= SESSIONS_MAX);
    }
}
