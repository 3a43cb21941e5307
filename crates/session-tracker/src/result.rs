//! Results of proposals, as a link delivers them.

use bytes::{Buf, Bytes};
use menagerie_types::{ErrorCode, Zxid};

/// Bytes of a reply frame after its length prefix and before its body: xid, zxid, err.
const HEADER_LEN: usize = 16;

/// What became of one proposal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandResult {
    pub(crate) zxid: Zxid,
    /// The body, or the error; None for a number that is not an error code.
    pub(crate) outcome: Result<Bytes, Option<ErrorCode>>,
}

/// Takes the next frame off `frames`; None when it is not a whole reply frame.
pub(crate) fn take_result(frames: &mut Bytes) -> Option<CommandResult> {
    let len = frames.get(..4)?.try_into().ok().map(u32::from_be_bytes)? as usize;
    if len < HEADER_LEN || frames.len() - 4 < len {
        return None;
    }
    frames.advance(4);
    let mut frame = frames.split_to(len);
    let _xid = frame.get_i32();
    let zxid = Zxid(frame.get_i64());
    let outcome = match frame.get_i32() {
        0 => Ok(frame),
        code => Err(ErrorCode::from_code(code)),
    };
    Some(CommandResult { zxid, outcome })
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;

    #[test]
    fn frames_are_taken_one_by_one_and_torn_ones_refused() {
        let mut out = BytesMut::new();
        for (err, body) in [(0, &b"body"[..]), (ErrorCode::BadVersion.code(), b""), (-9_999, b"")] {
            out.put_u32((HEADER_LEN + body.len()) as u32);
            out.put_i32(1);
            out.put_i64(7);
            out.put_i32(err);
            out.put_slice(body);
        }
        let whole = out.freeze();
        let mut frames = whole.clone();
        let mut next = || take_result(&mut frames).map(|result| result.outcome);
        assert_eq!(next(), Some(Ok(Bytes::from_static(b"body"))));
        assert_eq!(next(), Some(Err(Some(ErrorCode::BadVersion))));
        assert_eq!(next(), Some(Err(None)));
        assert_eq!(next(), None);
        for len in 0..HEADER_LEN + 8 {
            assert_eq!(take_result(&mut whole.slice(..len)), None);
        }
        assert_eq!(take_result(&mut Bytes::from_static(&[0, 0, 0, 1, 0])), None);
    }
}
