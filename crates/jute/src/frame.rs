//! Frames: a 4-byte big-endian length, then that many bytes. Same in both directions.

use bytes::{BufMut, BytesMut};

/// Bytes before the payload.
pub const PREFIX_LEN: usize = 4;
/// ZooKeeper's default `jute.maxbuffer`.
pub const LEN_MAX_DEFAULT: usize = 0xf_ffff;

/// A length that ends the connection, without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The payload is longer than allowed.
    #[error("frame of {len} bytes, {max} allowed")]
    Oversized {
        /// What the prefix says.
        len: usize,
        /// What is allowed.
        max: usize,
    },
    /// The prefix is below zero.
    #[error("negative frame length {0}")]
    Negative(i32),
}

/// The length of the first frame in `buf`, prefix included, or `None` if it is not complete yet.
///
/// `max` bounds the payload. The prefix is judged as soon as it is there, so that a caller never waits for (or
/// makes room for) a frame that it would refuse.
pub fn peek(buf: &[u8], max: usize) -> Result<Option<usize>, FrameError> {
    Ok(whole_len(buf, max)?.filter(|whole| buf.len() >= *whole))
}

/// The length that the first frame in `buf` has or will have, prefix included, or `None` without a whole prefix.
/// Tells a caller how much room the rest of the frame takes.
pub fn whole_len(buf: &[u8], max: usize) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = buf.first_chunk::<PREFIX_LEN>() else { return Ok(None) };
    let prefix = i32::from_be_bytes(*prefix);
    let len = usize::try_from(prefix).map_err(|_| FrameError::Negative(prefix))?;
    if len > max {
        return Err(FrameError::Oversized { len, max });
    }
    Ok(Some(PREFIX_LEN + len))
}

/// Starts a frame. The caller appends the payload and then hands the returned mark to [`end`].
#[must_use]
pub fn begin(out: &mut BytesMut) -> usize {
    let mark = out.len();
    out.put_i32(0);
    mark
}

/// Ends the frame that began at `mark`: everything since is its payload.
///
/// # Panics
/// If `mark` is not one that [`begin`] returned for this buffer.
pub fn end(out: &mut BytesMut, mark: usize) {
    let start = mark + PREFIX_LEN;
    let len = (out.len() - start) as u32;
    out[mark..start].copy_from_slice(&len.to_be_bytes());
}
