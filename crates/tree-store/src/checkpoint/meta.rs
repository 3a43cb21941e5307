//! The record that says what a checkpoint is. Written in the same atomic batch as what it describes.
//!
//! ```text
//! format u32 (1) | crc32c u32 of format and state meta | state meta (menagerie_tree::Meta)      big-endian
//! ```

use std::path::Path;

use menagerie_tree::Meta;

use crate::TreeStoreError;

/// Key of the record. Those of the state begin with a letter.
pub(crate) const META_KEY: &[u8] = b"\0meta";
/// The newest layout of records and meta that this version reads, and the one it writes.
const FORMAT: u32 = 1;

/// The record for `meta`.
pub(crate) fn encode(meta: &Meta) -> Vec<u8> {
    envelope(&meta.encode())
}

/// Reads the record. The format is judged first: nothing else is known of a newer one.
pub(crate) fn decode(record: &[u8], path: &Path) -> Result<Meta, TreeStoreError> {
    let body = open(record, path)?;
    Meta::decode(body).map_err(|error| TreeStoreError::Corrupt(error.to_string()))
}

/// Format and checksum before `body`.
pub(super) fn envelope(body: &[u8]) -> Vec<u8> {
    let format = FORMAT.to_be_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&format), body);
    [&format, &crc.to_be_bytes(), body].concat()
}

/// What [`envelope`] was put around. `path` is what errors name.
pub(super) fn open<'a>(record: &'a [u8], path: &Path) -> Result<&'a [u8], TreeStoreError> {
    open_envelope(record).map_err(|error| match error {
        EnvelopeError::Newer(found) => {
            TreeStoreError::NewerFormat { path: path.into(), found, known: FORMAT }
        }
        EnvelopeError::Corrupt => TreeStoreError::Corrupt("meta record is damaged".into()),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EnvelopeError {
    Newer(u32),
    Corrupt,
}

fn open_envelope(record: &[u8]) -> Result<&[u8], EnvelopeError> {
    let (format, rest) = record.split_first_chunk::<4>().ok_or(EnvelopeError::Corrupt)?;
    match u32::from_be_bytes(*format) {
        FORMAT => {}
        newer if newer > FORMAT => return Err(EnvelopeError::Newer(newer)),
        _ => return Err(EnvelopeError::Corrupt),
    }
    let (crc, body) = rest.split_first_chunk::<4>().ok_or(EnvelopeError::Corrupt)?;
    if u32::from_be_bytes(*crc) != crc32c::crc32c_append(crc32c::crc32c(format), body) {
        return Err(EnvelopeError::Corrupt);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meta_record_is_these_bytes() {
        assert_eq!(META_KEY, [0, b'm', b'e', b't', b'a']);
        let golden = [0, 0, 0, 1, 218, 97, 95, 177, b'b', b'o', b'd', b'y'];
        assert_eq!(envelope(b"body"), golden);
        assert_eq!(open_envelope(&golden), Ok(&b"body"[..]));
    }

    #[test]
    fn a_newer_format_is_told_from_a_flipped_bit() {
        assert_eq!(open_envelope(&[0, 0, 0, 2]), Err(EnvelopeError::Newer(2)));
        let record = envelope(b"body");
        for at in 4..record.len() {
            let mut flipped = record.clone();
            flipped[at] ^= 1;
            assert_eq!(open_envelope(&flipped), Err(EnvelopeError::Corrupt), "byte {at}");
        }
        for len in 0..record.len() {
            assert_eq!(open_envelope(&record[..len]), Err(EnvelopeError::Corrupt), "length {len}");
        }
    }
}
