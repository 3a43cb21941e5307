//! The file that a backup is: one header, then blocks of records.
//!
//! Written and read as a stream, in memory that does not grow with the tree. Every block has a checksum, the whole has
//! one, and the records must give the digest that the state had: what is restored is what was backed up, or nothing.

mod error;
mod format;
mod header;
mod reader;
mod writer;

pub use error::BackupError;
pub use format::{FORMAT, HEADER_LEN, MAGIC};
pub use header::Header;
pub use reader::{BackupReader, Block, Verified, verify};
pub use writer::{BackupWriter, Progress, is_there};
