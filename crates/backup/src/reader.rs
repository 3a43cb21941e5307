//! Reading a backup, block by block, never more than one in memory.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use menagerie_tree::{Sum, checkpoint};
use sha2::{Digest, Sha256};

use crate::format::{BLOCK_HEADER_LEN, BlockHeader, HEADER_LEN, PAYLOAD_LEN_MAX};
use crate::{BackupError, Header};

/// A file being read.
#[derive(Debug)]
pub struct BackupReader {
    path: PathBuf,
    file: File,
    header: Header,
    offset: u64,
    blocks: u32,
    records: u64,
    sha256: Sha256,
    sum: Sum,
}

/// Some of a backup's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whole records, as the log takes them.
    pub records: Bytes,
    /// How many.
    pub count: u32,
}

/// A backup that was read to its end and is what it claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its header.
    pub header: Header,
    /// Bytes of the file.
    pub file_len: u64,
}

impl BackupReader {
    /// Opens a file and reads its header.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let mut file = File::open(path).map_err(BackupError::io("cannot open", path))?;
        let mut head = Vec::with_capacity(HEADER_LEN);
        let mut limited = (&mut file).take(HEADER_LEN as u64);
        limited.read_to_end(&mut head).map_err(BackupError::io("cannot read", path))?;
        let header = Header::decode(&head, path)?;
        let len = file.metadata().map_err(BackupError::io("cannot read", path))?.len();
        let expected = HEADER_LEN as u64 + header.body_len;
        if len != expected {
            let what = format!("the file has {len} bytes, its header says {expected}");
            return Err(BackupError::Damaged { file: path.into(), offset: len.min(expected), what });
        }
        Ok(Self {
            path: path.into(),
            file,
            header,
            offset: HEADER_LEN as u64,
            blocks: 0,
            records: 0,
            sha256: Sha256::new(),
            sum: Sum::default(),
        })
    }

    /// What the backup is of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next block, verified; `None` after the last, when all of them are what the header says. An error at the end
    /// means that nothing of what was read can be trusted.
    pub fn next_block(&mut self) -> Result<Option<Block>, BackupError> {
        if self.offset == HEADER_LEN as u64 + self.header.body_len {
            return self.check_whole().map(|()| None);
        }
        let begin = self.offset;
        let mut head = [0; BLOCK_HEADER_LEN];
        self.read(&mut head)?;
        let header = BlockHeader::decode(&head);
        if header.number != self.blocks {
            return Err(
                self.damaged(begin, format!("block {} where {} should be", header.number, self.blocks))
            );
        }
        let len = header.payload_len as usize;
        if len == 0 || len > PAYLOAD_LEN_MAX || self.left() < len as u64 {
            return Err(self.damaged(begin, format!("block {} has an impossible length", header.number)));
        }
        let mut payload = vec![0; len];
        self.read(&mut payload)?;
        if header.encode(&payload) != head {
            return Err(self.damaged(begin, format!("block {} fails its checksum", header.number)));
        }
        self.sha256.update(head);
        self.sha256.update(&payload);
        self.check_records(begin, &header, &payload)?;
        self.blocks += 1;
        self.records += u64::from(header.records);
        Ok(Some(Block { records: payload.into(), count: header.records }))
    }

    fn check_records(&mut self, begin: u64, header: &BlockHeader, payload: &[u8]) -> Result<(), BackupError> {
        let (mut rest, mut count) = (payload, 0);
        while !rest.is_empty() {
            let at = begin + (BLOCK_HEADER_LEN + payload.len() - rest.len()) as u64;
            let Some((key, value)) = checkpoint::take_record(&mut rest) else {
                return Err(self.damaged(at, "a record is cut short".into()));
            };
            if let Err(error) = self.sum.record(key, value) {
                return Err(self.damaged(at, error.to_string()));
            }
            count += 1;
        }
        if count != header.records {
            return Err(
                self.damaged(begin, format!("the block holds {count} records, not {}", header.records))
            );
        }
        Ok(())
    }

    fn check_whole(&self) -> Result<(), BackupError> {
        let header = &self.header;
        if (self.blocks, self.records) != (header.blocks, header.records) {
            return Err(self.damaged(0, "the header counts other blocks or records".into()));
        }
        if <[u8; 32]>::from(self.sha256.clone().finalize()) != header.sha256 {
            return Err(self.damaged(0, "the file as a whole fails its checksum".into()));
        }
        self.sum.check(&header.meta).map_err(|error| self.damaged(0, error.to_string()))
    }

    fn left(&self) -> u64 {
        (HEADER_LEN as u64 + self.header.body_len).saturating_sub(self.offset)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), BackupError> {
        let at = self.offset;
        self.file.read_exact(buffer).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.damaged(at, "the file ends here".into()),
            _ => BackupError::io("cannot read", &self.path)(error),
        })?;
        self.offset += buffer.len() as u64;
        Ok(())
    }

    fn damaged(&self, offset: u64, what: String) -> BackupError {
        BackupError::Damaged { file: self.path.clone(), offset, what }
    }
}

/// Reads a backup to its end. `seen` is told of each block how many bytes have been read.
pub fn verify(path: &Path, mut seen: impl FnMut(u64)) -> Result<Verified, BackupError> {
    let mut reader = BackupReader::open(path)?;
    while reader.next_block()?.is_some() {
        seen(reader.offset);
    }
    Ok(Verified { header: reader.header.clone(), file_len: reader.offset })
}
