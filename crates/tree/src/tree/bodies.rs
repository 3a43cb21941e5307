//! Names and data of znodes, packed.
//!
//! ```text
//! body      owner u32 | name_len | name | data_len + 1, or 0 for none | data | padding up to the size of its class
//! length    u8, or 255 and a u32
//! ```
//! Little-endian. Bodies of one size class stand in the same chunks without gaps: the last one moves to where one
//! was removed, and its owner is told. Longer ones than the classes go to have a chunk of their own.

use super::arena::Id;

/// Where a body stands: a chunk's number and, in the low bits, the place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyId(u32);

const PLACE_BITS: u32 = 8;
/// Small, so that it fits where the index's tables were before they grew.
const CHUNK_LEN: usize = 16 << 10;
/// Up to here a class for every multiple of 8, then 16 for each doubling.
const SMALL_MAX: usize = 256;
const SMALL_CLASSES: usize = SMALL_MAX / 8;
const CLASS_LEN_MAX: usize = 4 << 10;
const CLASSES: usize = SMALL_CLASSES + 16 * (CLASS_LEN_MAX / SMALL_MAX).ilog2() as usize;
const OWNER_LEN: usize = size_of::<Id>();
/// Stands before a length that takes a `u32`.
const LONG: u8 = u8::MAX;

/// Bodies of one size, one after the other; or one that is longer than any class.
#[derive(Clone, Debug, Default)]
struct Chunk {
    /// 0 for a body of its own.
    body_len: usize,
    bytes: Vec<u8>,
}

/// All bodies.
#[derive(Clone, Debug)]
pub(super) struct Bodies {
    chunks: Vec<Chunk>,
    unused: Vec<u32>,
    /// The chunks of each class. All are full but the last.
    classes: Vec<Vec<u32>>,
}

impl Bodies {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), unused: Vec::new(), classes: vec![Vec::new(); CLASSES] }
    }

    #[inline]
    pub(super) fn name(&self, id: BodyId) -> &[u8] {
        split_name(self.body(id)).0
    }

    #[inline]
    pub(super) fn data(&self, id: BodyId) -> Option<&[u8]> {
        let (_, rest) = split_name(self.body(id));
        let (len, data) = split_len(rest);
        Some(&data[..len.checked_sub(1)?])
    }

    #[inline]
    pub(super) fn data_len(&self, id: BodyId) -> Option<usize> {
        let (_, rest) = split_name(self.body(id));
        split_len(rest).0.checked_sub(1)
    }

    fn body(&self, id: BodyId) -> &[u8] {
        let chunk = &self.chunks[id.chunk()];
        &chunk.bytes[id.place() * chunk.body_len..]
    }

    pub(super) fn insert(&mut self, owner: Id, name: &[u8], data: Option<&[u8]>) -> BodyId {
        let len = body_len(name, data);
        let Some((class, body_len)) = class_of(len) else {
            let chunk = self.add_chunk(Chunk { body_len: 0, bytes: Vec::with_capacity(len) });
            write_body(&mut self.chunks[chunk as usize].bytes, owner, name, data);
            return BodyId::new(chunk, 0);
        };
        let chunk_len = chunk_len(body_len);
        let last = self.classes[class].last().copied();
        let chunk = match last.filter(|last| self.chunks[*last as usize].bytes.len() < chunk_len) {
            Some(chunk) => chunk,
            None => {
                // Most classes have few bodies: a first chunk grows.
                let bytes = if last.is_some() { Vec::with_capacity(chunk_len) } else { Vec::new() };
                let chunk = self.add_chunk(Chunk { body_len, bytes });
                self.classes[class].push(chunk);
                chunk
            }
        };
        let bytes = &mut self.chunks[chunk as usize].bytes;
        let start = bytes.len();
        if bytes.capacity() < start + body_len {
            bytes.reserve_exact((2 * start).clamp(body_len, chunk_len) - start);
        }
        write_body(bytes, owner, name, data);
        bytes.resize(start + body_len, 0);
        BodyId::new(chunk, start / body_len)
    }

    fn add_chunk(&mut self, chunk: Chunk) -> u32 {
        match self.unused.pop() {
            Some(number) => {
                self.chunks[number as usize] = chunk;
                number
            }
            None => {
                self.chunks.push(chunk);
                (self.chunks.len() - 1) as u32
            }
        }
    }

    /// Replaces the data where the body stands, if its class allows; returns whether.
    pub(super) fn rewrite(&mut self, id: BodyId, data: Option<&[u8]>) -> bool {
        let chunk = &mut self.chunks[id.chunk()];
        let start = id.place() * chunk.body_len;
        let (name, rest) = split_name(&chunk.bytes[start..]);
        let to_data = chunk.bytes.len() - start - rest.len();
        let new_len = body_len(name, data);
        let same_class = class_of(new_len).map_or(0, |(_, len)| len) == chunk.body_len;
        if !same_class {
            return false;
        }
        if chunk.body_len == 0 {
            chunk.bytes.truncate(to_data);
            chunk.bytes.reserve_exact(new_len - to_data);
            put_data(&mut chunk.bytes, data);
            chunk.bytes.shrink_to(new_len + new_len / 8);
            return true;
        }
        let (len, len_len) = encode_len(data.map_or(0, |data| data.len() + 1));
        let (head, tail) = chunk.bytes[start + to_data..start + chunk.body_len].split_at_mut(len_len);
        head.copy_from_slice(&len[..len_len]);
        if let Some(data) = data {
            tail[..data.len()].copy_from_slice(data);
        }
        true
    }

    /// Removes a body. Another one may come to stand in its place; returns that one's owner.
    pub(super) fn remove(&mut self, id: BodyId) -> Option<Id> {
        let number = id.chunk() as u32;
        let body_len = self.chunks[id.chunk()].body_len;
        let Some((class, _)) = class_of(body_len).filter(|_| body_len > 0) else {
            self.drop_chunk(number);
            return None;
        };
        let last = *self.classes[class].last()?;
        let from = self.chunks[last as usize].bytes.len() - body_len;
        let to = id.place() * body_len;
        let moved = if last != number {
            let chunks = self.chunks.get_disjoint_mut([id.chunk(), last as usize]).ok()?;
            let [chunk, last] = chunks;
            chunk.bytes[to..to + body_len].copy_from_slice(&last.bytes[from..]);
            true
        } else {
            self.chunks[id.chunk()].bytes.copy_within(from.., to);
            from != to
        };
        self.chunks[last as usize].bytes.truncate(from);
        if from == 0 {
            self.classes[class].pop();
            self.drop_chunk(last);
        }
        moved.then(|| owner(self.body(id)))
    }

    fn drop_chunk(&mut self, number: u32) {
        self.chunks[number as usize] = Chunk::default();
        self.unused.push(number);
    }
}

impl BodyId {
    fn new(chunk: u32, place: usize) -> Self {
        Self(chunk << PLACE_BITS | place as u32)
    }

    fn chunk(self) -> usize {
        (self.0 >> PLACE_BITS) as usize
    }

    fn place(self) -> usize {
        self.0 as usize % (1 << PLACE_BITS)
    }
}

/// The class of a body of so many bytes, and how many it gets there.
fn class_of(len: usize) -> Option<(usize, usize)> {
    match len {
        0..=SMALL_MAX => {
            let class = len.div_ceil(8).max(1) - 1;
            Some((class, (class + 1) * 8))
        }
        _ if len > CLASS_LEN_MAX => None,
        _ => {
            let doubling = (len - 1).ilog2();
            let (base, step) = (1 << doubling, 1 << (doubling - 4));
            let steps = (len - base).div_ceil(step);
            let doublings = (doubling - SMALL_MAX.ilog2()) as usize;
            Some((SMALL_CLASSES + 16 * doublings + steps - 1, base + steps * step))
        }
    }
}

/// As many whole bodies as fit, and as their places have numbers.
fn chunk_len(body_len: usize) -> usize {
    (CHUNK_LEN / body_len).min(1 << PLACE_BITS) * body_len
}

fn body_len(name: &[u8], data: Option<&[u8]>) -> usize {
    let data_len = data.map_or(0, <[u8]>::len);
    OWNER_LEN
        + encode_len(name.len()).1
        + name.len()
        + encode_len(data.map_or(0, |_| data_len + 1)).1
        + data_len
}

fn write_body(out: &mut Vec<u8>, owner: Id, name: &[u8], data: Option<&[u8]>) {
    out.extend_from_slice(&owner.to_le_bytes());
    let (len, len_len) = encode_len(name.len());
    out.extend_from_slice(&len[..len_len]);
    out.extend_from_slice(name);
    put_data(out, data);
}

fn put_data(out: &mut Vec<u8>, data: Option<&[u8]>) {
    let (len, len_len) = encode_len(data.map_or(0, |data| data.len() + 1));
    out.extend_from_slice(&len[..len_len]);
    out.extend_from_slice(data.unwrap_or_default());
}

/// A length's bytes, and how many of them there are.
fn encode_len(len: usize) -> ([u8; 5], usize) {
    if len < usize::from(LONG) {
        return ([len as u8, 0, 0, 0, 0], 1);
    }
    let [a, b, c, d] = (len as u32).to_le_bytes();
    ([LONG, a, b, c, d], 5)
}

fn split_len(bytes: &[u8]) -> (usize, &[u8]) {
    match bytes {
        [LONG, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        [len, rest @ ..] => (usize::from(*len), rest),
        [] => (0, bytes),
    }
}

fn split_name(body: &[u8]) -> (&[u8], &[u8]) {
    let (len, rest) = split_len(&body[OWNER_LEN..]);
    rest.split_at(len)
}

fn owner(body: &[u8]) -> Id {
    body.first_chunk().map_or(Id::MAX, |owner| Id::from_le_bytes(*owner))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn classes_follow_each_other_and_waste_little() {
        let mut last = (0, 8);
        for len in 1..=CLASS_LEN_MAX {
            let (class, size) = class_of(len).expect("a class");
            assert!(size >= len && (size - len < 8 || (size - len) * 16 <= len), "{len}: {size}");
            assert!(
                (class, size) == last || class == last.0 + 1 && size > last.1,
                "{len}: class {class}, {size}"
            );
            assert_eq!(class_of(size), Some((class, size)));
            last = (class, size);
        }
        assert_eq!((last, class_of(CLASS_LEN_MAX + 1)), ((CLASSES - 1, CLASS_LEN_MAX), None));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(usize, Option<usize>),
        Rewrite(usize, Option<usize>),
        Remove(usize),
    }

    fn data_len() -> impl Strategy<Value = Option<usize>> {
        prop_oneof![
            Just(None),
            (0..40_usize).prop_map(Some),
            (200..300_usize).prop_map(Some),
            (1..40_000_usize).prop_map(Some)
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        let name_len = prop_oneof![8 => 0..20_usize, 1 => 250..260_usize, 1 => 20_000..20_010_usize];
        prop_oneof![
            4 => (name_len, data_len()).prop_map(|(name, data)| Step::Insert(name, data)),
            2 => (any::<usize>(), data_len()).prop_map(|(at, data)| Step::Rewrite(at, data)),
            3 => any::<usize>().prop_map(Step::Remove),
        ]
    }

    /// What is different for each `seed`.
    fn bytes(seed: usize, len: usize) -> Vec<u8> {
        (0..len).map(|at| (seed.wrapping_mul(31) + at) as u8).collect()
    }

    /// A body removed and another one in its place, as the arena does it.
    fn remove(bodies: &mut Bodies, places: &mut HashMap<Id, BodyId>, owner: Id) {
        let id = places.remove(&owner).expect("a body");
        if let Some(moved) = bodies.remove(id) {
            assert!(places.insert(moved, id).is_some(), "owner {moved} has a body");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_body_is_what_was_put_there(steps in proptest::collection::vec(step(), 1..300)) {
            let mut bodies = Bodies::new();
            let mut places: HashMap<Id, BodyId> = HashMap::new();
            let mut expected: HashMap<Id, (Vec<u8>, Option<Vec<u8>>)> = HashMap::new();
            for (seed, step) in steps.into_iter().enumerate() {
                let mut owners: Vec<Id> = places.keys().copied().collect();
                owners.sort_unstable();
                let pick = |at: usize| owners.get(at % owners.len().max(1)).copied();
                match step {
                    Step::Insert(name, data) => {
                        let body = (bytes(seed, name), data.map(|len| bytes(seed + 1, len)));
                        places.insert(seed as Id, bodies.insert(seed as Id, &body.0, body.1.as_deref()));
                        expected.insert(seed as Id, body);
                    }
                    Step::Rewrite(at, data) => if let Some(owner) = pick(at) {
                        let data = data.map(|len| bytes(seed, len));
                        let body = expected.get_mut(&owner).expect("a body");
                        body.1 = data;
                        if !bodies.rewrite(places[&owner], body.1.as_deref()) {
                            remove(&mut bodies, &mut places, owner);
                            places.insert(owner, bodies.insert(owner, &body.0, body.1.as_deref()));
                        }
                    },
                    Step::Remove(at) => if let Some(owner) = pick(at) {
                        remove(&mut bodies, &mut places, owner);
                        expected.remove(&owner);
                    },
                }
                for (owner, (name, data)) in &expected {
                    let id = places[owner];
                    prop_assert_eq!(bodies.name(id), &name[..]);
                    prop_assert_eq!(bodies.data(id), data.as_deref());
                    prop_assert_eq!(bodies.data_len(id), data.as_ref().map(Vec::len));
                }
            }
            for owner in expected.into_keys() {
                remove(&mut bodies, &mut places, owner);
            }
            prop_assert_eq!(bodies.chunks.len(), bodies.unused.len(), "no chunk is kept");
        }
    }
}
