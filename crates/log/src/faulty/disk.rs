//! The disk behind the faulty file system.

use super::Crash;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

const SECTOR_BYTES: u64 = 512;

/// A file: what is read, what is durable, and the writes in between.
#[derive(Default, Clone)]
pub(super) struct Node {
    pub content: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(u64, Vec<u8>)>,
}

impl Node {
    pub(super) fn flip(&mut self, offset: u64, bit: u8) -> io::Result<()> {
        for bytes in [&mut self.content, &mut self.durable] {
            *bytes.get_mut(offset as usize).ok_or(io::ErrorKind::UnexpectedEof)? ^= 1 << (bit % 8);
        }
        Ok(())
    }
}

#[derive(Clone)]
enum NameChange {
    Add(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// Files by number, names for them, and the faults to come.
#[derive(Clone)]
pub(super) struct Disk {
    nodes: BTreeMap<u64, Node>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// In order, as a journal keeps them.
    unsynced_names: Vec<NameChange>,
    next_node: u64,
    random: u64,
    /// Counts crashes.
    pub life: u64,
    pub syncs: u64,
    pub syncs_left: Option<u64>,
    pub space: Option<u64>,
    pub refuses_direct: bool,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Disk {
        Disk {
            nodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            next_node: 0,
            random: seed,
            life: 0,
            syncs: 0,
            syncs_left: None,
            space: None,
            refuses_direct: false,
        }
    }

    /// splitmix64.
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn node(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn by_number(&self, node: u64) -> io::Result<&Node> {
        self.nodes.get(&node).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn file(&mut self, path: &Path) -> io::Result<&mut Node> {
        let node = self.node(path)?;
        self.nodes.get_mut(&node).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn create(&mut self, path: &Path) -> u64 {
        if let Some(node) = self.names.get(path) {
            return *node;
        }
        self.next_node += 1;
        self.nodes.insert(self.next_node, Node::default());
        self.change_name(NameChange::Add(path.to_path_buf(), self.next_node));
        self.next_node
    }

    pub(super) fn put(&mut self, path: &Path, content: Vec<u8>) {
        let number = self.create(path);
        self.durable_names.insert(path.to_path_buf(), number);
        self.nodes.insert(number, Node { durable: content.clone(), content, unsynced: Vec::new() });
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.node(from)?;
        self.change_name(NameChange::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.node(path)?;
        self.change_name(NameChange::Remove(path.to_path_buf()));
        Ok(())
    }

    fn change_name(&mut self, change: NameChange) {
        apply(&change, &mut self.names);
        self.unsynced_names.push(change);
    }

    /// Writes, or on a full disk only as much as there is room for.
    pub(super) fn write(&mut self, node: u64, offset: u64, mut bytes: Vec<u8>) -> io::Result<()> {
        let file = self.nodes.get_mut(&node).ok_or(io::ErrorKind::NotFound)?;
        let mut result = Ok(());
        if let Some(space) = &mut self.space {
            if (bytes.len() as u64) > *space {
                bytes.truncate(*space as usize);
                result = Err(io::ErrorKind::StorageFull.into());
            }
            *space -= bytes.len() as u64;
        }
        overwrite(&mut file.content, offset, &bytes);
        file.unsynced.push((offset, bytes));
        result
    }

    pub(super) fn sync(&mut self, node: u64) -> io::Result<()> {
        let failed = self.count_sync();
        let file = self.nodes.get_mut(&node).ok_or(io::ErrorKind::NotFound)?;
        let unsynced = std::mem::take(&mut file.unsynced);
        if failed {
            return Err(io::Error::other("sync failed"));
        }
        for (offset, bytes) in unsynced {
            overwrite(&mut file.durable, offset, &bytes);
        }
        self.syncs += 1;
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        if self.count_sync() {
            return Err(io::Error::other("sync failed"));
        }
        // The journal is one for all directories, so syncing any makes every earlier change durable.
        if self.unsynced_names.iter().any(|change| change.is_in(dir)) {
            for change in self.unsynced_names.drain(..) {
                apply(&change, &mut self.durable_names);
            }
        }
        Ok(())
    }

    fn count_sync(&mut self) -> bool {
        match &mut self.syncs_left {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    pub(super) fn crash(&mut self, crash: Crash) {
        self.life += 1;
        self.syncs_left = None;
        let changes = std::mem::take(&mut self.unsynced_names);
        let kept = match crash {
            Crash::KeepAll => changes.len(),
            Crash::LoseAll => 0,
            Crash::Tear => self.random(changes.len() as u64 + 1) as usize,
        };
        for change in &changes[..kept] {
            apply(change, &mut self.durable_names);
        }
        self.names = self.durable_names.clone();
        let named: Vec<u64> = self.names.values().copied().collect();
        self.nodes.retain(|number, _| named.contains(number));
        for number in named {
            let Some(mut node) = self.nodes.remove(&number) else { continue };
            self.crash_file(&mut node, crash);
            self.nodes.insert(number, node);
        }
    }

    fn crash_file(&mut self, node: &mut Node, crash: Crash) {
        let mut writes = std::mem::take(&mut node.unsynced);
        match crash {
            Crash::KeepAll => {}
            Crash::LoseAll => writes.clear(),
            Crash::Tear => {
                // From everything lost to everything kept, with holes in between.
                let kept_of_eight = [0, 4, 7, 8][self.random(4) as usize];
                writes = sectors(writes);
                writes.retain(|_| self.random(8) < kept_of_eight);
                if let Some((_, bytes)) = writes.last_mut() {
                    let kept = self.random(bytes.len() as u64 + 1) as usize;
                    bytes.truncate(kept);
                }
            }
        }
        for (offset, bytes) in writes {
            overwrite(&mut node.durable, offset, &bytes);
        }
        node.content = node.durable.clone();
    }
}

impl NameChange {
    fn is_in(&self, dir: &Path) -> bool {
        let (NameChange::Add(path, _) | NameChange::Rename(_, path) | NameChange::Remove(path)) = self;
        path.parent() == Some(dir)
    }
}

fn apply(change: &NameChange, names: &mut BTreeMap<PathBuf, u64>) {
    match change {
        NameChange::Add(path, node) => {
            names.insert(path.clone(), *node);
        }
        NameChange::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
    }
}

/// Cuts writes where a disk does: each sector reaches it or does not.
fn sectors(writes: Vec<(u64, Vec<u8>)>) -> Vec<(u64, Vec<u8>)> {
    let mut pieces = Vec::new();
    for (mut offset, mut bytes) in writes {
        while !bytes.is_empty() {
            let room = (SECTOR_BYTES - offset % SECTOR_BYTES) as usize;
            let rest = bytes.split_off(room.min(bytes.len()));
            let next = offset + bytes.len() as u64;
            pieces.push((offset, std::mem::replace(&mut bytes, rest)));
            offset = next;
        }
    }
    pieces
}

fn overwrite(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    if content.len() < end && !bytes.is_empty() {
        content.resize(end, 0);
    }
    if !bytes.is_empty() {
        content[offset as usize..end].copy_from_slice(bytes);
    }
}
