//! What a row of a small table adds to the digest of the state.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The hash of a row's fields; `table` keeps tables apart.
pub(crate) fn row_hash<const N: usize>(table: u8, fields: &[u64; N]) -> u64 {
    let bytes = fields.map(u64::to_le_bytes);
    xxh3_64_with_seed(bytes.as_flattened(), u64::from(table))
}
