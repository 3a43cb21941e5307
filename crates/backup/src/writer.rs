//! Writing a backup. It has its name only when all of it is on stable storage.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use menagerie_tree::{Meta, Sum, checkpoint};
use sha2::{Digest, Sha256};

use crate::format::{BLOCK_HEADER_LEN, BLOCK_LEN, BlockHeader, HEADER_LEN};
use crate::{BackupError, Header};

/// A file being written.
#[derive(Debug)]
pub struct BackupWriter {
    path: PathBuf,
    temporary: PathBuf,
    /// None once it has its name.
    file: Option<File>,
    sum: Sum,
    sha256: Sha256,
    block: BytesMut,
    block_records: u32,
    blocks: u32,
    records: u64,
    body_len: u64,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Znodes so far.
    pub znodes: u64,
    /// Bytes of records so far.
    pub bytes: u64,
}

/// Refuses a file that is there, unless it may be replaced.
pub fn is_there(path: &Path, replace: bool) -> Result<(), BackupError> {
    if !replace && path.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(path.into()));
    }
    Ok(())
}

impl BackupWriter {
    /// Begins a file that will be `path`; until then it is `path.partial`.
    pub fn create(path: &Path, replace: bool) -> Result<Self, BackupError> {
        is_there(path, replace)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let temporary = PathBuf::from(name);
        let fail = |temporary: &Path| BackupError::io("cannot write", temporary);
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        // It holds what lets a client go on with a session.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary).map_err(fail(&temporary))?;
        file.write_all(&[0; HEADER_LEN]).map_err(fail(&temporary))?;
        Ok(Self {
            path: path.into(),
            temporary,
            file: Some(file),
            sum: Sum::default(),
            sha256: Sha256::new(),
            block: BytesMut::with_capacity(BLOCK_LEN + BLOCK_LEN / 4),
            block_records: 0,
            blocks: 0,
            records: 0,
            body_len: 0,
        })
    }

    /// Adds the next record, in the order of the keys.
    pub fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), BackupError> {
        self.sum.record(key, value).map_err(|error| BackupError::Source(error.to_string()))?;
        checkpoint::put_record(&mut self.block, key, value);
        self.block_records += 1;
        self.records += 1;
        if self.block.len() >= BLOCK_LEN { self.write_block() } else { Ok(()) }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress { znodes: self.sum.znodes(), bytes: self.body_len + self.block.len() as u64 }
    }

    fn write_block(&mut self) -> Result<(), BackupError> {
        if self.block_records == 0 {
            return Ok(());
        }
        let payload_len = self.block.len() as u32;
        let header = BlockHeader { number: self.blocks, records: self.block_records, payload_len };
        let head = header.encode(&self.block);
        self.sha256.update(head);
        self.sha256.update(&self.block);
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(&head)
            .and_then(|()| file.write_all(&self.block))
            .map_err(BackupError::io("cannot write", &self.temporary))?;
        self.body_len += (BLOCK_HEADER_LEN + self.block.len()) as u64;
        self.blocks += 1;
        self.block_records = 0;
        self.block.clear();
        Ok(())
    }

    /// Checks that the records add up to `meta`, and gives the file its name, on stable storage.
    pub fn finish(mut self, meta: &Meta, made_ms: i64, note: &str) -> Result<Header, BackupError> {
        self.write_block()?;
        self.sum.check(meta).map_err(|error| BackupError::Source(error.to_string()))?;
        let header = Header {
            meta: *meta,
            made_ms,
            ephemerals: self.sum.ephemerals(),
            records: self.records,
            blocks: self.blocks,
            body_len: self.body_len,
            sha256: self.sha256.clone().finalize().into(),
            note: note.into(),
        };
        let Some(mut file) = self.file.take() else { return Ok(header) };
        let written = file.sync_all().and_then(|()| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header.encode())?;
            file.sync_all()?;
            fs::rename(&self.temporary, &self.path)
        });
        written.map_err(|error| {
            let _ = fs::remove_file(&self.temporary);
            BackupError::io("cannot write", &self.temporary)(error)
        })?;
        let parent = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)
            .and_then(|dir| dir.sync_all())
            .map_err(BackupError::io("cannot sync directory", parent))?;
        Ok(header)
    }
}

impl Drop for BackupWriter {
    /// What was not finished is of no use.
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

impl Progress {
    /// Of all znodes there are to be, in percent.
    pub fn percent(&self, of: u64) -> u64 {
        (self.znodes * 100).checked_div(of).unwrap_or(100).min(100)
    }
}
