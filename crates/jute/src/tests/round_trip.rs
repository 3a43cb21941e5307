//! Whatever is written is read back, and a record cut short is an error.

use menagerie_types::{Acl, Identity, SessionId, Stat, Zxid};
use proptest::prelude::*;

use super::encoded;
use crate::*;

/// Values for the fields of any record.
#[derive(Clone, Debug)]
struct Values {
    path: String,
    text: Option<String>,
    data: Option<Vec<u8>>,
    acls: Option<Vec<Acl>>,
    names: Vec<String>,
    flag: bool,
    int: i32,
    long: i64,
    stat: Stat,
}

fn acl() -> impl Strategy<Value = Acl> {
    prop_oneof![
        Just(Acl::open()),
        (any::<i32>(), ".{0,6}", ".{0,6}")
            .prop_map(|(perms, scheme, id)| Acl { perms, identity: Identity::new(scheme, id) }),
    ]
}

fn stat() -> impl Strategy<Value = Stat> {
    (any::<[i64; 6]>(), any::<[i32; 5]>()).prop_map(|(long, int)| Stat {
        czxid: Zxid(long[0]),
        mzxid: Zxid(long[1]),
        ctime: long[2],
        mtime: long[3],
        version: int[0],
        cversion: int[1],
        aversion: int[2],
        ephemeral_owner: SessionId(long[4]),
        data_length: int[3],
        num_children: int[4],
        pzxid: Zxid(long[5]),
    })
}

fn values() -> impl Strategy<Value = Values> {
    let texts = (".{0,12}", prop::option::of(".{0,12}"), prop::collection::vec(".{0,8}", 0..5));
    let blobs = (
        prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
        prop::option::of(prop::collection::vec(acl(), 0..4)),
    );
    (texts, blobs, any::<bool>(), any::<i32>(), any::<i64>(), stat()).prop_map(
        |((path, text, names), (data, acls), flag, int, long, stat)| Values {
            path,
            text,
            data,
            acls,
            names,
            flag,
            int,
            long,
            stat,
        },
    )
}

/// Encodes each record, reads it back, and reads every truncation.
macro_rules! check {
    ($($name:ident $fields:tt)*) => {$({
        let record = $name $fields;
        let bytes = encoded(|out| record.encode(out));
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!($name::decode(&mut reader), Ok(record));
        prop_assert!(reader.is_empty());
        for len in 0..bytes.len() {
            prop_assert!($name::decode(&mut Reader::new(&bytes[..len])).is_err());
        }
    })*};
}

proptest! {
    #[test]
    fn requests(v in values()) {
        let acl_bytes = v.acls.as_ref().map(|acls| encoded(|out| write::acl_vec(out, acls)));
        let acl = match &acl_bytes {
            Some(bytes) => AclList::decode(&mut Reader::new(bytes)).expect("list decodes"),
            None => None,
        };
        let (path, text, data, int) = (v.path.as_str(), v.text.as_deref(), v.data.as_deref(), v.int);
        check! {
            CreateRequest { path, data, acl, flags: int }
            CreateTtlRequest { path, data, acl, flags: int, ttl: v.long }
            DeleteRequest { path, version: int }
            SetDataRequest { path, data, version: int }
            SetAclRequest { path, acl, version: int }
            CheckVersionRequest { path, version: int }
            PathWatchRequest { path, watch: v.flag }
            PathRequest { path }
            DeleteContainerRequest { path }
            GetEphemeralsRequest { prefix: text }
            ReconfigRequest { joining: text, leaving: None, new_members: Some(path), config_id: v.long }
            AuthPacket { auth_type: int, scheme: text, auth: data }
            GetSaslRequest { token: data }
            AddWatchRequest { path, mode: int }
            WatchTypeRequest { path, watch_type: int }
            WatcherEvent { event_type: int, state: 3, path }
            GetAclResponse { acl, stat: v.stat }
            RequestHeader { xid: int, op: int }
            MultiHeader { op: int, done: v.flag, err: int }
        }
    }

    #[test]
    fn responses_and_lists(v in values()) {
        let names = || v.names.iter().map(String::as_str).collect::<Vec<_>>();
        let (path, text, data) = (v.path.as_str(), v.text.as_deref(), v.data.as_deref());
        let relative_zxid = Zxid(v.long);
        check! {
            SetWatches { relative_zxid, data: names(), exist: Vec::new(), child: names() }
            SetWatches2 {
                relative_zxid, data: names(), exist: names(), child: Vec::new(),
                persistent: names(), persistent_recursive: names(),
            }
            PathResponse { path }
            Create2Response { path, stat: v.stat }
            GetDataResponse { data, stat: v.stat }
            GetChildrenResponse { children: names() }
            GetChildren2Response { children: names(), stat: v.stat }
            GetEphemeralsResponse { ephemerals: names() }
            SetSaslResponse { token: data }
            WhoAmIResponse { client_infos: vec![ClientInfo { auth_scheme: text, user: Some(path) }; 2] }
            StatResponse { stat: v.stat }
            GetAllChildrenNumberResponse { total_number: v.int }
            ReplyHeader { xid: v.int, zxid: v.long, err: v.int }
        }
    }

    #[test]
    fn handshakes(v in values(), password in any::<[u8; 16]>(), read_only in any::<Option<bool>>()) {
        let request = ConnectRequest {
            protocol_version: v.int,
            last_zxid_seen: Zxid(v.long),
            timeout_ms: v.int,
            session_id: SessionId(v.long),
            password: v.data.as_deref(),
            read_only,
        };
        let bytes = encoded(|out| request.encode(out));
        prop_assert_eq!(ConnectRequest::decode(&mut Reader::new(&bytes)), Ok(request));
        let response = ConnectResponse {
            protocol_version: v.int,
            timeout_ms: v.int,
            session_id: SessionId(v.long),
            password,
            read_only,
        };
        let bytes = encoded(|out| response.encode(out));
        prop_assert_eq!(ConnectResponse::decode(&mut Reader::new(&bytes)), Ok(response));
    }

    #[test]
    fn acl_lists(acls in prop::collection::vec(acl(), 0..5)) {
        let bytes = encoded(|out| write::acl_vec(out, &acls));
        prop_assert_eq!(Reader::new(&bytes).acl_vec(), Ok(Some(acls.clone())));
        let list = AclList::decode(&mut Reader::new(&bytes)).expect("list decodes").expect("list is not null");
        prop_assert_eq!(list.len(), acls.len());
        prop_assert_eq!(list.is_open(), acls == [Acl::open()]);
        prop_assert_eq!(list.raw(), &bytes[4..]);
    }
}
