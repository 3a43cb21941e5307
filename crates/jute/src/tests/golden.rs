//! Whole frames, byte for byte as Apache ZooKeeper and its clients send them.

use menagerie_types::{ErrorCode, EventType, OpCode, SessionId, Zxid};

use super::{encoded, framed, hex, stat};
use crate::*;

fn request(xid: i32, op: OpCode) -> RequestHeader {
    RequestHeader { xid, op: op.code() }
}

fn payload(frame: &[u8]) -> Reader<'_> {
    let whole =
        frame::peek(frame, frame::LEN_MAX_DEFAULT).expect("length is fine").expect("frame is complete");
    assert_eq!(whole, frame.len());
    Reader::new(&frame[frame::PREFIX_LEN..whole])
}

const CONNECT: &str = "0000002d 00000000 00000000 00000000 00007530 00000000 00000000 00000010 00000000 00000000 \
     00000000 00000000 00";

#[test]
fn connect_request_of_a_new_session() {
    let record = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: Zxid(0),
        timeout_ms: 30_000,
        session_id: SessionId::NONE,
        password: Some(&[0; 16]),
        read_only: Some(false),
    };
    let bytes = hex(CONNECT);
    assert_eq!(framed(|out| record.encode(out)), bytes[..]);
    assert_eq!(ConnectRequest::decode(&mut payload(&bytes)), Ok(record));
}

#[test]
fn connect_request_of_an_old_client_has_no_last_byte() {
    let bytes = hex(CONNECT);
    let decoded = ConnectRequest::decode(&mut Reader::new(&bytes[4..48])).expect("44 bytes are a request");
    assert_eq!(decoded.read_only, None);
    assert_eq!(encoded(|out| decoded.encode(out)).len(), 44);
}

#[test]
fn connect_response_of_a_live_session() {
    let record = ConnectResponse {
        protocol_version: 0,
        timeout_ms: 30_000,
        session_id: SessionId(0x0100_018a_5b2c_0000),
        password: hex("362556b8 8b8d79d0 04f210a7 4cecf884").try_into().expect("16 bytes"),
        read_only: Some(false),
    };
    let bytes =
        hex("00000025 00000000 00007530 0100018a 5b2c0000 00000010 362556b8 8b8d79d0 04f210a7 4cecf884 00");
    assert_eq!(encoded(|out| record.encode_frame(out)), bytes[..]);
    assert_eq!(ConnectResponse::decode(&mut payload(&bytes)), Ok(record));
}

#[test]
fn connect_response_of_a_lost_session_is_all_zeros() {
    let bytes =
        hex("00000025 00000000 00000000 00000000 00000000 00000010 00000000 00000000 00000000 00000000 00");
    assert_eq!(encoded(|out| ConnectResponse::invalid(Some(true)).encode_frame(out)), bytes[..]);
    assert_eq!(ConnectResponse::decode(&mut payload(&bytes)), Ok(ConnectResponse::invalid(Some(false))));
    assert_eq!(encoded(|out| ConnectResponse::invalid(None).encode_frame(out)).len(), 40);
}

#[test]
fn ping_and_its_reply() {
    assert_eq!(
        framed(|out| request(xid::PING, OpCode::Ping).encode(out)),
        hex("00000008 fffffffe 0000000b")[..]
    );
    let reply = encoded(|out| {
        let mark = begin_reply(out, xid::PING, Zxid(5), 0);
        end_reply(out, mark);
    });
    assert_eq!(reply, hex("00000010 fffffffe 00000000 00000005 00000000")[..]);
}

#[test]
fn create_with_an_open_acl() {
    let record = CreateRequest { path: "/a", data: Some(b"x"), acl: Some(AclList::open()), flags: 0 };
    let bytes = hex(
        "00000032 00000001 00000001 00000002 2f610000 00017800 00000100 00001f00 00000577 6f726c64 00000006 \
         616e796f 6e650000 0000",
    );
    let written = framed(|out| {
        request(1, OpCode::Create).encode(out);
        record.encode(out);
    });
    assert_eq!(written, bytes[..]);
    let mut reader = payload(&bytes);
    assert_eq!(RequestHeader::decode(&mut reader), Ok(request(1, OpCode::Create)));
    assert_eq!(CreateRequest::decode(&mut reader), Ok(record));
    assert!(reader.is_empty());
}

#[test]
fn create_reply() {
    let reply = encoded(|out| {
        let mark = begin_reply(out, 1, Zxid(2), 0);
        write::string(out, Some("/a"));
        end_reply(out, mark);
    });
    assert_eq!(reply, hex("00000016 00000001 00000000 00000002 00000000 00000002 2f61")[..]);
    let mut reader = payload(&reply);
    assert_eq!(ReplyHeader::decode(&mut reader), Ok(ReplyHeader { xid: 1, zxid: 2, err: 0 }));
    assert_eq!(PathResponse::decode(&mut reader), Ok(PathResponse { path: "/a" }));
}

#[test]
fn error_reply_is_a_header() {
    let reply = encoded(|out| error_reply(out, 2, Zxid(2), ErrorCode::NoNode));
    assert_eq!(reply, hex("00000010 00000002 00000000 00000002 ffffff9b")[..]);
}

#[test]
fn notification_of_changed_data() {
    let bytes = hex("0000001e ffffffff 00000000 00000007 00000000 00000003 00000003 00000002 2f61");
    assert_eq!(encoded(|out| notification(out, 7, EventType::NodeDataChanged, "/a")), bytes[..]);
    let mut reader = payload(&bytes);
    assert_eq!(ReplyHeader::decode(&mut reader), Ok(ReplyHeader { xid: -1, zxid: 7, err: 0 }));
    let event = WatcherEvent { event_type: 3, state: 3, path: "/a" };
    assert_eq!(WatcherEvent::decode(&mut reader), Ok(event));
}

#[test]
fn failed_multi() {
    let reply = encoded(|out| {
        let mark = begin_reply(out, 3, Zxid(8), 0);
        multi_reply::error_result(out, 0);
        multi_reply::error_result(out, ErrorCode::NoNode.code());
        multi_reply::error_result(out, ErrorCode::RuntimeInconsistency.code());
        multi_reply::end(out);
        end_reply(out, mark);
    });
    let bytes = hex(
        "00000040 00000003 00000000 00000008 00000000 ffffffff 00000000 00000000 00ffffff ff00ffff ff9bffff \
         ff9bffff ffff00ff fffffeff fffffeff ffffff01 ffffffff",
    );
    assert_eq!(reply, bytes[..]);
}

#[test]
fn close_session() {
    assert_eq!(
        framed(|out| request(9, OpCode::CloseSession).encode(out)),
        hex("00000008 00000009 fffffff5")[..]
    );
}

#[test]
fn stat_is_its_fields_in_order() {
    let bytes = hex(
        "0000000000000001 0000000000000002 0000000000000003 0000000000000004 00000005 00000006 00000007 \
         0000000000000008 00000009 0000000a 000000000000000b",
    );
    assert_eq!(bytes.len(), STAT_LEN);
    assert_eq!(encoded(|out| write::stat(out, &stat())), bytes[..]);
    assert_eq!(Reader::new(&bytes).stat(), Ok(stat()));
}

#[test]
fn every_four_letter_word_is_recognised_and_nothing_else() {
    for word in four_letter::FourLetterWord::ALL {
        let bytes: [u8; 4] = word.as_str().as_bytes().try_into().expect("four letters");
        assert_eq!(four_letter::recognise(&bytes), Some(*word));
    }
    for other in [*b"RUOK", *b"nope", [0, 0, 0, 45], four_letter::TELNET_CLOSE] {
        assert_eq!(four_letter::recognise(&other), None);
    }
}
