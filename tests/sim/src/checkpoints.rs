//! Where a simulated replica keeps its checkpoints: one file on the faulty disk, replaced as a whole. sled has threads
//! and timers of its own and cannot run in virtual time; it is tested in its own crate.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use menagerie_log::Fs;
use menagerie_tree::Meta;
use menagerie_tree::checkpoint::put_record;
use menagerie_tree_store::{
    ChangeSource, CheckpointDirectory, CheckpointStorage, CheckpointStore, Pieces, RecordVisitor,
    TreeStoreError, TreeStoreOptions,
};
use menagerie_types::LogIndex;
use parking_lot::Mutex;

use crate::disk::{Disk, Mounted};
use crate::event::Event;
use crate::world::World;

const CURRENT: &str = "checkpoint";
const NEXT: &str = "checkpoint.next";
const UNFINISHED: &str = "checkpoint.unfinished";

/// Checkpoints of one life of a machine.
pub struct SimCheckpoints {
    pub world: World,
    pub disk: Disk,
    pub fs: Arc<Mounted>,
}

impl fmt::Debug for SimCheckpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimCheckpoints")
    }
}

impl CheckpointStorage for SimCheckpoints {
    fn open(&self, options: &TreeStoreOptions) -> Result<Box<dyn CheckpointDirectory>, TreeStoreError> {
        Ok(Box::new(Directory {
            world: self.world.clone(),
            store: options.id.0,
            disk: self.disk.clone(),
            fs: Arc::clone(&self.fs),
            path: options.data_dir.clone(),
            next: None,
        }))
    }
}

struct Directory {
    world: World,
    store: u64,
    disk: Disk,
    fs: Arc<Mounted>,
    path: PathBuf,
    /// What the next checkpoint takes itself for; it is the current one once it is adopted.
    next: Option<Arc<Mutex<&'static str>>>,
}

impl Directory {
    fn store(&self, name: Arc<Mutex<&'static str>>) -> Store {
        Store {
            fs: Arc::clone(&self.fs),
            disk: self.disk.clone(),
            path: self.path.clone(),
            name,
            records: BTreeMap::new(),
            meta: None,
        }
    }
}

impl CheckpointDirectory for Directory {
    fn current(&mut self) -> Result<Box<dyn CheckpointStore>, TreeStoreError> {
        let mut store = self.store(Arc::new(Mutex::new(CURRENT)));
        store.load().map_err(failed(&self.path))?;
        // What is there after a crash is durable, whether or not its writer came to know.
        self.disk.set_checkpoint(store.meta.map_or(0, |meta| meta.index.0));
        Ok(Box::new(store))
    }

    fn next(&mut self) -> Result<Box<dyn CheckpointStore>, TreeStoreError> {
        let name = Arc::new(Mutex::new(NEXT));
        self.next = Some(Arc::clone(&name));
        Ok(Box::new(self.store(name)))
    }

    fn adopt_next(&mut self, index: LogIndex) -> Result<(), TreeStoreError> {
        let (next, current) = (self.path.join(NEXT), self.path.join(CURRENT));
        self.fs.rename(&next, &current).map_err(failed(&next))?;
        self.fs.sync_dir(&self.path).map_err(failed(&self.path))?;
        if let Some(name) = self.next.take() {
            *name.lock() = CURRENT;
        }
        self.disk.set_checkpoint(index.0);
        self.world.emit(Event::Rebuilt { store: self.store, index: index.0 });
        Ok(())
    }

    fn index(&self) -> LogIndex {
        LogIndex(self.disk.checkpoint())
    }

    fn set_index(&mut self, _index: LogIndex) -> Result<(), TreeStoreError> {
        Ok(())
    }

    fn set_aside(&mut self, reason: &str) -> Result<(), TreeStoreError> {
        self.world.emit(Event::Disowned { store: self.store, why: reason.to_owned() });
        Ok(())
    }

    fn begin_loading(&self) -> Result<bool, TreeStoreError> {
        Ok(true)
    }

    fn end_loading(&self) -> Result<(), TreeStoreError> {
        Ok(())
    }
}

struct Store {
    fs: Arc<Mounted>,
    disk: Disk,
    path: PathBuf,
    name: Arc<Mutex<&'static str>>,
    records: BTreeMap<Bytes, Bytes>,
    meta: Option<Meta>,
}

impl Store {
    fn load(&mut self) -> io::Result<()> {
        let file = match self.fs.open(&self.path.join(CURRENT), false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut content = vec![0; file.len()? as usize];
        let read = file.read_at(&mut content, 0)?;
        content.truncate(read);
        let mut content = Bytes::from(content);
        let meta = take(&mut content)?;
        self.meta = Some(Meta::decode(&meta).map_err(io::Error::other)?);
        while !content.is_empty() {
            let key = take(&mut content)?;
            self.records.insert(key, take(&mut content)?);
        }
        Ok(())
    }

    /// A new file takes the place of the old one once it is durable.
    fn save(&self, meta: &Meta) -> io::Result<()> {
        let mut content = BytesMut::new();
        put(&mut content, &meta.encode());
        for (key, value) in &self.records {
            put(&mut content, key);
            put(&mut content, value);
        }
        let name = *self.name.lock();
        let unfinished = self.path.join(UNFINISHED);
        if self.fs.open(&unfinished, false).is_ok() {
            self.fs.remove(&unfinished)?;
        }
        let file = self.fs.open(&unfinished, true)?;
        file.write_vectored_at(&[IoSlice::new(&content)], 0)?;
        file.sync_all()?;
        self.fs.rename(&unfinished, &self.path.join(name))?;
        self.fs.sync_dir(&self.path)?;
        if name == CURRENT {
            self.disk.set_checkpoint(meta.index.0);
        }
        Ok(())
    }
}

impl CheckpointStore for Store {
    fn meta(&self) -> Result<Option<Meta>, TreeStoreError> {
        Ok(self.meta)
    }

    fn for_each(&self, visit: &mut RecordVisitor<'_>) -> Result<(), TreeStoreError> {
        self.records.iter().try_for_each(|(key, value)| visit(key, value))
    }

    fn pieces(&self, bytes: usize) -> Result<Pieces<'_>, TreeStoreError> {
        let mut records = self.records.iter();
        Ok(Box::new(std::iter::from_fn(move || {
            let mut piece = BytesMut::new();
            while piece.len() < bytes
                && let Some((key, value)) = records.next()
            {
                put_record(&mut piece, key, value);
            }
            (!piece.is_empty()).then(|| Ok(piece.freeze()))
        })))
    }

    fn fill(&mut self, key: &[u8], value: &[u8]) -> Result<(), TreeStoreError> {
        self.records.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        Ok(())
    }

    fn commit(&mut self, changes: &mut ChangeSource<'_>, meta: &Meta) -> Result<(), TreeStoreError> {
        let mut all = Vec::new();
        while let Some(slice) = changes()? {
            all.extend(slice);
        }
        for (key, value) in all {
            let key = Bytes::from(key);
            match value {
                Some(value) => drop(self.records.insert(key, Bytes::from(value))),
                None => drop(self.records.remove(&key)),
            }
        }
        self.save(meta).map_err(|error| TreeStoreError::Write(error.to_string()))?;
        self.meta = Some(*meta);
        Ok(())
    }
}

fn put(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32(bytes.len() as u32);
    out.put_slice(bytes);
}

fn take(content: &mut Bytes) -> io::Result<Bytes> {
    let cut = || io::Error::other("a checkpoint file is cut off");
    if content.len() < 4 {
        return Err(cut());
    }
    let len = content.get_u32() as usize;
    if content.len() < len { Err(cut()) } else { Ok(content.split_to(len)) }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> TreeStoreError {
    let path = path.to_owned();
    move |source| TreeStoreError::Io { doing: "simulated disk failed at", path, source }
}
