//! Any bytes as any record that a client or a server may send: no panic, and what was decoded is decoded again from
//! what it encodes to.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use menagerie_jute::{
    AddWatchRequest, AuthPacket, CheckVersionRequest, ConnectRequest, CreateRequest, CreateTtlRequest,
    DeleteContainerRequest, DeleteRequest, GetEphemeralsRequest, GetSaslRequest, PathRequest,
    PathWatchRequest, Reader, ReconfigRequest, ReplyHeader, RequestHeader, SetAclRequest, SetDataRequest,
    SetWatches, SetWatches2, WatchTypeRequest, WatcherEvent, frame, multi_ops, repaired,
};

macro_rules! round_trip {
    ($type:ident, $bytes:expr) => {
        if let Ok(record) = $type::decode(&mut Reader::new($bytes)) {
            let mut out = BytesMut::new();
            record.encode(&mut out);
            assert_eq!($type::decode(&mut Reader::new(&out)).as_ref(), Ok(&record));
        }
    };
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 20 {
        0 => round_trip!(CreateRequest, bytes),
        1 => round_trip!(CreateTtlRequest, bytes),
        2 => round_trip!(DeleteRequest, bytes),
        3 => round_trip!(SetDataRequest, bytes),
        4 => round_trip!(SetAclRequest, bytes),
        5 => round_trip!(CheckVersionRequest, bytes),
        6 => round_trip!(PathWatchRequest, bytes),
        7 => round_trip!(PathRequest, bytes),
        8 => round_trip!(ReconfigRequest, bytes),
        9 => round_trip!(AuthPacket, bytes),
        10 => round_trip!(GetSaslRequest, bytes),
        11 => round_trip!(GetEphemeralsRequest, bytes),
        12 => round_trip!(AddWatchRequest, bytes),
        13 => round_trip!(WatchTypeRequest, bytes),
        14 => round_trip!(ConnectRequest, bytes),
        15 => round_trip!(SetWatches, bytes),
        16 => round_trip!(SetWatches2, bytes),
        17 => {
            for op in multi_ops(bytes) {
                if op.is_err() {
                    break;
                }
            }
        }
        18 => {
            let _ = frame::peek(bytes, 1 << 20);
            let _ = RequestHeader::decode(&mut Reader::new(bytes));
            let _ = ReplyHeader::decode(&mut Reader::new(bytes));
            let _ = WatcherEvent::decode(&mut Reader::new(bytes));
            let _ = DeleteContainerRequest::decode(&mut Reader::new(bytes));
        }
        _ => {
            let mut reader = Reader::new(bytes);
            let _ = reader.acl_vec();
            let _ = Reader::new(bytes).string_vec();
            let _ = Reader::new(bytes).stat();
            let _ = repaired(menagerie_types::OpCode::Create, bytes);
            let _ = repaired(menagerie_types::OpCode::Multi, bytes);
        }
    }
});
