//! Input that no honest client sends: always an error, never a panic, never more memory than the input warrants.

use proptest::prelude::*;

use super::{encoded, hex};
use crate::*;
use menagerie_types::OpCode;

/// Runs every decoder over the same bytes.
fn decode_everything(bytes: &[u8]) {
    macro_rules! all {
        ($($record:ident)*) => { $(let _ = $record::decode(&mut Reader::new(bytes));)* };
    }
    all!(RequestHeader ReplyHeader ConnectRequest ConnectResponse CreateRequest CreateTtlRequest DeleteRequest
        SetDataRequest SetAclRequest CheckVersionRequest PathWatchRequest PathRequest GetEphemeralsRequest
        DeleteContainerRequest ReconfigRequest AuthPacket GetSaslRequest SetWatches SetWatches2 AddWatchRequest
        WatchTypeRequest WatcherEvent PathResponse Create2Response GetDataResponse GetAclResponse
        GetChildrenResponse GetChildren2Response GetEphemeralsResponse SetSaslResponse WhoAmIResponse StatResponse
        GetAllChildrenNumberResponse MultiHeader AclList);
    let _ = Reader::new(bytes).acl_vec();
    let _ = multi_reply::decode(&mut Reader::new(bytes));
    assert!(multi_ops(bytes).count() <= bytes.len() / 9 + 1, "every operation takes its header's bytes");
    let _ = frame::peek(bytes, frame::LEN_MAX_DEFAULT);
    for op in (-11..110).filter_map(OpCode::from_code) {
        if let Some(repaired) = repaired(op, bytes) {
            assert!(repaired.len() <= 3 * bytes.len());
            assert_eq!(crate::repaired(op, &repaired), None, "once is enough");
        }
    }
}

#[test]
fn a_record_is_repaired_where_its_strings_are_and_nowhere_else() {
    let set = |path: &[u8], data: &[u8]| {
        encoded(|out| {
            write::buffer(out, Some(path));
            write::buffer(out, Some(data));
            write::i32(out, -1);
        })
    };
    let bytes = set(b"/\xff", b"\xff");
    assert_eq!(SetDataRequest::decode(&mut Reader::new(&bytes)), Err(JuteError::InvalidUtf8));
    assert_eq!(repaired(OpCode::SetData, &bytes), Some(set("/\u{fffd}".as_bytes(), b"\xff").to_vec()));
    assert_eq!(repaired(OpCode::SetData, &set(b"/a", b"\xff")), None);
    assert_eq!(repaired(OpCode::SetData, &bytes[..bytes.len() - 1]), None, "it ends too early anyway");
    let multi = |path: &[u8]| {
        encoded(|out| {
            MultiHeader { op: OpCode::Check.code(), done: false, err: -1 }.encode(out);
            write::buffer(out, Some(path));
            write::i32(out, -1);
            MultiHeader::END.encode(out);
        })
    };
    let repaired_multi = repaired(OpCode::Multi, &multi(b"/\x80\xed\xa0\x80x"));
    assert_eq!(repaired_multi, Some(multi("/\u{fffd}\u{fffd}x".as_bytes()).to_vec()));
}

/// Bytes that look like records: small ints, which are plausible lengths and counts, with noise between them.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (-2i32..24).prop_map(|n| n.to_be_bytes().to_vec()),
        1 => any::<i32>().prop_map(|n| n.to_be_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..8),
        2 => Just(b"/a/b".to_vec()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        decode_everything(&bytes);
    }

    #[test]
    fn bytes_that_look_like_records_never_panic(bytes in plausible()) {
        decode_everything(&bytes);
    }
}

#[test]
fn lengths_are_checked_before_anything_is_read() {
    let long = i32::MAX.to_be_bytes();
    assert_eq!(Reader::new(&long).buffer(), Err(JuteError::LengthOutOfRange { len: i32::MAX, left: 0 }));
    assert_eq!(Reader::new(&hex("fffffffe 00")).string(), Err(JuteError::NegativeLength(-2)));
    assert_eq!(Reader::new(&hex("0000")).string(), Err(JuteError::UnexpectedEnd));
    assert_eq!(Reader::new(&hex("ffffffff")).string(), Ok(None));
    assert_eq!(Reader::new(&hex("00000002 c328")).string(), Err(JuteError::InvalidUtf8));
}

#[test]
fn a_huge_count_makes_no_room_beyond_the_input() {
    let bytes = hex("7fffffff 00000000 00000000");
    assert_eq!(Reader::new(&bytes).string_vec(), Err(JuteError::UnexpectedEnd));
    assert_eq!(Reader::new(&bytes).acl_vec(), Err(JuteError::UnexpectedEnd));
    assert_eq!(Reader::new(&bytes[4..]).capacity(i32::MAX as usize, 4), 2);
}

#[test]
fn a_negative_count_other_than_null_is_empty() {
    assert_eq!(Reader::new(&hex("ffffffff")).string_vec(), Ok(None));
    assert_eq!(Reader::new(&hex("fffffffe")).string_vec(), Ok(Some(Vec::new())));
    assert_eq!(Reader::new(&hex("fffffffe")).acl_vec(), Ok(Some(Vec::new())));
}

#[test]
fn a_null_path_is_told_apart() {
    assert_eq!(PathWatchRequest::decode(&mut Reader::new(&hex("ffffffff 00"))), Err(JuteError::NullPath));
    assert_eq!(Reader::new(&hex("00000001 ffffffff")).string_vec(), Err(JuteError::NullElement));
}

#[test]
fn trailing_bytes_are_left_alone() {
    let mut bytes = encoded(|out| DeleteRequest { path: "/a", version: 3 }.encode(out));
    bytes.extend_from_slice(b"more");
    let mut reader = Reader::new(&bytes);
    assert_eq!(DeleteRequest::decode(&mut reader), Ok(DeleteRequest { path: "/a", version: 3 }));
    assert_eq!(reader.remaining(), b"more");
}

#[test]
fn frames_are_judged_by_their_prefix() {
    assert_eq!(frame::peek(&hex("000000"), 10), Ok(None));
    assert_eq!(frame::peek(&hex("00000002 00"), 10), Ok(None));
    assert_eq!(frame::whole_len(&hex("00000002 00"), 10), Ok(Some(6)));
    assert_eq!(frame::peek(&hex("00000002 0000 00"), 10), Ok(Some(6)));
    assert_eq!(frame::peek(&hex("00000000"), 10), Ok(Some(4)));
    assert_eq!(frame::peek(&hex("0000000b"), 10), Err(frame::FrameError::Oversized { len: 11, max: 10 }));
    assert_eq!(frame::peek(&hex("ffffffff"), 10), Err(frame::FrameError::Negative(-1)));
    assert!(frame::peek(b"ruok", frame::LEN_MAX_DEFAULT).is_err());
}

#[test]
fn a_password_of_another_length_is_refused_by_clients() {
    let bytes = hex("00000000 00000000 0000000000000000 00000001 aa");
    assert_eq!(ConnectResponse::decode(&mut Reader::new(&bytes)), Err(JuteError::PasswordLength(1)));
}
