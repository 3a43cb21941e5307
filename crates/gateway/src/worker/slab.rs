//! Connections by token.

use super::conn::{Conn, ConnToken};

/// Slots that are used again, each time under another token.
#[derive(Debug, Default)]
pub struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    conn: Option<Box<Conn>>,
}

impl Slab {
    /// Makes a connection with a fresh token.
    pub fn insert(&mut self, make: impl FnOnce(ConnToken) -> Conn) -> ConnToken {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[at as usize];
        slot.generation = slot.generation.wrapping_add(1);
        let token = ConnToken(u64::from(slot.generation) << 32 | u64::from(at));
        slot.conn = Some(Box::new(make(token)));
        self.len += 1;
        token
    }

    /// The connection, if it is still there and not taken out.
    pub fn get_mut(&mut self, token: ConnToken) -> Option<&mut Conn> {
        self.slot(token)?.conn.as_deref_mut()
    }

    /// Takes a connection out, to work on it beside the rest of the worker; give it back with [`Self::put`].
    pub fn take(&mut self, token: ConnToken) -> Option<Box<Conn>> {
        self.slot(token)?.conn.take()
    }

    /// Gives back what [`Self::take`] took.
    pub fn put(&mut self, conn: Box<Conn>) {
        if let Some(slot) = self.slot(conn.token) {
            slot.conn = Some(conn);
        }
    }

    /// Forgets a connection that was taken out.
    pub fn remove(&mut self, token: ConnToken) {
        if let Some(slot) = self.slot(token) {
            slot.conn = None;
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(token.0 as u32);
            self.len -= 1;
        }
    }

    /// All connections.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Conn> {
        self.slots.iter_mut().filter_map(|slot| slot.conn.as_deref_mut())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    fn slot(&mut self, token: ConnToken) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(token.0 as u32 as usize)?;
        (slot.generation == (token.0 >> 32) as u32).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::worker::conn::Peer;
    use crate::worker::identities::Identities;

    fn conn(token: ConnToken) -> Conn {
        Conn::new(token, Peer::Socket(([127, 0, 0, 1], 1).into()), Identities::default(), Instant::now())
    }

    #[test]
    fn a_token_never_names_a_later_connection() {
        let mut slab = Slab::default();
        let first = slab.insert(conn);
        slab.remove(first);
        let second = slab.insert(conn);
        assert_ne!(first, second);
        assert!(slab.get_mut(first).is_none());
        assert!(slab.get_mut(second).is_some());
        assert_eq!(slab.len(), 1);
    }
}
