//! Things that some znodes have.

/// Names a place in a [`Slab`].
pub(super) type SlabId = u32;

/// Nothing there.
pub(super) const NOTHING: SlabId = SlabId::MAX;

const CHUNK_LEN: usize = 1024;

/// Places in chunks, so that growing moves nothing, used again once they are free.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<SlabId>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new() }
    }

    #[inline]
    pub(super) fn get(&self, id: SlabId) -> &T {
        &self.chunks[id as usize / CHUNK_LEN][id as usize % CHUNK_LEN]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: SlabId) -> &mut T {
        &mut self.chunks[id as usize / CHUNK_LEN][id as usize % CHUNK_LEN]
    }

    pub(super) fn insert(&mut self, item: T) -> SlabId {
        if let Some(id) = self.free.pop() {
            *self.get_mut(id) = item;
            return id;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_LEN) {
            // A small tree takes little: only the first chunk grows.
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK_LEN };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let at = self.chunks.len() - 1;
        self.chunks[at].push(item);
        (at * CHUNK_LEN + self.chunks[at].len() - 1) as SlabId
    }

    /// Frees a place.
    pub(super) fn remove(&mut self, id: SlabId) {
        self.free.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_places_are_used_again() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..3 * CHUNK_LEN).map(|item| slab.insert(item)).collect();
        for id in ids.iter().step_by(3) {
            slab.remove(*id);
        }
        let again: Vec<_> = (0..CHUNK_LEN).map(|item| slab.insert(item)).collect();
        assert!(again.iter().all(|id| id % 3 == 0));
        assert_eq!(slab.insert(0) as usize, 3 * CHUNK_LEN);
        *slab.get_mut(1) += 5;
        assert_eq!((*slab.get(1), *slab.get(2)), (6, 2));
    }
}
