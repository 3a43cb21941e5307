//! Multis and ACL lists.

use menagerie_types::{Acl, OpCode};

use super::{encoded, stat};
use crate::multi_reply::MultiResult;
use crate::*;

fn create(flags: i32) -> CreateRequest<'static> {
    CreateRequest { path: "/a", data: None, acl: Some(AclList::open()), flags }
}

fn decoded(bytes: &[u8]) -> Result<Vec<(i32, MultiOp<'_>)>, JuteError> {
    multi_ops(bytes).collect()
}

fn writes() -> Vec<MultiOp<'static>> {
    vec![
        MultiOp::Create(create(0), OpCode::Create.code()),
        MultiOp::Create(create(3), OpCode::Create2.code()),
        MultiOp::CreateContainer(create(4)),
        MultiOp::CreateTtl(CreateTtlRequest { path: "/t", data: Some(b""), acl: None, flags: 6, ttl: 1000 }),
        MultiOp::Delete(DeleteRequest { path: "/d", version: -1 }),
        MultiOp::SetData(SetDataRequest { path: "/s", data: Some(b"x"), version: 2 }),
        MultiOp::Check(CheckVersionRequest { path: "/c", version: 4 }),
    ]
}

#[test]
fn every_write_comes_back_with_its_number() {
    let bytes = encoded(|out| encode_multi(out, &writes()));
    let expected: Vec<_> = writes().into_iter().map(|op| (op.op(), op)).collect();
    assert_eq!(decoded(&bytes), Ok(expected));
    assert!(writes().iter().all(|op| !op.is_read()));
}

#[test]
fn reads_are_a_multi_of_their_own() {
    let read = PathWatchRequest { path: "/a", watch: true };
    let ops = [MultiOp::GetData(read), MultiOp::GetChildren(read)];
    let bytes = encoded(|out| encode_multi(out, &ops));
    assert_eq!(decoded(&bytes), Ok(vec![(4, ops[0]), (8, ops[1])]));
    let mixed = [MultiOp::Delete(DeleteRequest { path: "/d", version: -1 }), ops[0]];
    let bytes = encoded(|out| encode_multi(out, &mixed));
    assert_eq!(decoded(&bytes), Err(JuteError::MultiOpNotAllowed(4)));
}

#[test]
fn an_empty_multi_is_its_terminator() {
    let bytes = encoded(|out| encode_multi(out, &[]));
    assert_eq!(bytes.len(), 9);
    assert_eq!(decoded(&bytes), Ok(Vec::new()));
    assert_eq!(decoded(b""), Err(JuteError::UnexpectedEnd));
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = encoded(|out| encode_multi(out, &writes()));
    for len in 0..bytes.len() {
        assert!(decoded(&bytes[..len]).is_err(), "{len} bytes are not a multi");
    }
}

#[test]
fn unfit_operations_do_not_decode() {
    let sync = encoded(|out| {
        MultiHeader { op: OpCode::Sync.code(), done: false, err: -1 }.encode(out);
        MultiHeader::END.encode(out);
    });
    assert_eq!(decoded(&sync), Err(JuteError::MultiOpNotAllowed(9)));
    for flags in [5, 6, 7, -1] {
        for op in [MultiOp::Create(create(flags), 1), MultiOp::CreateContainer(create(flags))] {
            let bytes = encoded(|out| encode_multi(out, &[op]));
            assert_eq!(decoded(&bytes), Err(JuteError::MultiCreateFlags(flags)));
        }
    }
}

#[test]
fn a_null_acl_decodes_only_where_zookeeper_lets_it() {
    let create = CreateRequest { acl: None, ..create(0) };
    let bytes = encoded(|out| encode_multi(out, &[MultiOp::Create(create, 1)]));
    assert_eq!(decoded(&bytes), Err(JuteError::NullAcl));
    let with_ttl = CreateTtlRequest { path: "/a", data: None, acl: None, flags: 0, ttl: -1 };
    let bytes = encoded(|out| encode_multi(out, &[MultiOp::CreateTtl(with_ttl)]));
    assert_eq!(decoded(&bytes), Ok(vec![(1, MultiOp::Create(create, 1))]));
}

#[test]
fn a_null_path_of_a_read_is_told_from_that_of_a_write() {
    for (op, error) in [(4, JuteError::NullPath), (8, JuteError::NullPath), (2, JuteError::NullPathOfWrite)] {
        let bytes = encoded(|out| {
            MultiHeader { op, done: false, err: -1 }.encode(out);
            write::string(out, None);
            write::i32(out, -1);
        });
        assert_eq!(decoded(&bytes), Err(error));
    }
}

#[test]
fn flags_decide_what_a_multi_creates() {
    let with_ttl =
        |flags| CreateTtlRequest { path: "/a", data: None, acl: Some(AclList::open()), flags, ttl: 9 };
    let cases = [
        (MultiOp::Create(create(4), 1), MultiOp::CreateContainer(create(4))),
        (MultiOp::Create(create(4), 15), MultiOp::CreateContainer(create(4))),
        (MultiOp::Create(create(2), 15), MultiOp::Create(create(2), 15)),
        (MultiOp::CreateContainer(create(0)), MultiOp::CreateContainer(create(0))),
        (MultiOp::CreateTtl(with_ttl(1)), MultiOp::Create(create(1), 1)),
        (MultiOp::CreateTtl(with_ttl(7)), MultiOp::Create(create(7), 1)),
        (MultiOp::CreateTtl(with_ttl(4)), MultiOp::CreateContainer(create(4))),
    ];
    for (sent, seen) in cases {
        let bytes = encoded(|out| encode_multi(out, &[sent]));
        assert_eq!(decoded(&bytes), Ok(vec![(seen.op(), seen)]));
    }
}

#[test]
fn results_come_back() {
    let bytes = encoded(|out| {
        multi_reply::result_header(out, OpCode::Create.code());
        write::string(out, Some("/a"));
        multi_reply::result_header(out, OpCode::CreateTtl.code());
        Create2Response { path: "/t", stat: stat() }.encode(out);
        multi_reply::result_header(out, OpCode::Delete.code());
        multi_reply::result_header(out, OpCode::SetData.code());
        write::stat(out, &stat());
        multi_reply::result_header(out, OpCode::Check.code());
        multi_reply::result_header(out, OpCode::GetData.code());
        GetDataResponse { data: None, stat: stat() }.encode(out);
        multi_reply::result_header(out, OpCode::GetChildren.code());
        write::string_vec(out, &["b", "c"]);
        multi_reply::error_result(out, -101);
        multi_reply::end(out);
    });
    let expected = vec![
        MultiResult::Create(PathResponse { path: "/a" }),
        MultiResult::Create2(Create2Response { path: "/t", stat: stat() }),
        MultiResult::Delete,
        MultiResult::SetData(stat()),
        MultiResult::Check,
        MultiResult::GetData(GetDataResponse { data: None, stat: stat() }),
        MultiResult::GetChildren(GetChildrenResponse { children: vec!["b", "c"] }),
        MultiResult::Error(-101),
    ];
    assert_eq!(multi_reply::decode(&mut Reader::new(&bytes)), Ok(expected));
    for len in 0..bytes.len() {
        assert!(multi_reply::decode(&mut Reader::new(&bytes[..len])).is_err());
    }
}

#[test]
fn only_the_one_open_entry_is_an_open_list() {
    let list = |acls: &[Acl]| encoded(|out| write::acl_vec(out, acls));
    let is_open = |bytes: &[u8]| {
        let acls = AclList::decode(&mut Reader::new(bytes)).expect("list decodes").expect("list is not null");
        acls.is_open()
    };
    assert!(is_open(&list(&[Acl::open()])));
    assert!(!is_open(&list(&[Acl::read_only()])));
    assert!(!is_open(&list(&[Acl::open(), Acl::open()])));
    assert!(!is_open(&list(&[])));
}

#[test]
fn an_acl_may_have_nulls() {
    let bytes = super::hex("00000001 00000001 ffffffff 00000001 78");
    let list = AclList::decode(&mut Reader::new(&bytes)).expect("list decodes").expect("list is not null");
    let entries: Vec<_> = list.iter().collect();
    assert_eq!(entries, [Ok(AclRef { perms: 1, scheme: None, id: Some("x") })]);
    assert_eq!(encoded(|out| list.encode(out)), bytes[..]);
}
