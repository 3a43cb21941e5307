//! A stored value: the checksum of key and value, then the value.

use bytes::BufMut;

use crate::TreeStoreError;

/// What is stored for `value` under `key`.
pub(crate) fn seal(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + value.len());
    out.put_u32(checksum(key, value));
    out.put_slice(value);
    out
}

/// The value, if it is the one that was stored under `key`.
pub(crate) fn open<'a>(key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], TreeStoreError> {
    match stored.split_first_chunk::<4>() {
        Some((sum, value)) if u32::from_be_bytes(*sum) == checksum(key, value) => Ok(value),
        _ => Err(TreeStoreError::Corrupt(format!("checksum of record {:?}", String::from_utf8_lossy(key)))),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_under_another_key_or_with_a_flipped_bit_is_refused() {
        let sealed = seal(b"key", b"value");
        assert_eq!(open(b"key", &sealed).expect("intact"), b"value");
        assert!(open(b"kez", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 0x40;
            assert!(open(b"key", &flipped).is_err());
        }
        assert!(open(b"key", &[1, 2]).is_err());
    }
}
