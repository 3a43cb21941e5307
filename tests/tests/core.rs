//! The core of what clients rely on, in each shape, through the Rust client. Cases of one shape share a cluster.

use std::time::Duration;

use anyhow::Context;
use menagerie_client::{Client, ClientError, MultiOutcome, PendingReply, WatchEvent};
use menagerie_jute::{
    CheckVersionRequest, CreateRequest, DeleteRequest, GetDataResponse, MultiOp, PathWatchRequest, Reader,
    SetDataRequest, SetWatches,
};
use menagerie_tests::{Cluster, Shape, eventually};
use menagerie_types::{Acl, CreateMode, ErrorCode, EventType, OpCode};

const PIPELINED: i32 = 10_000;
const SHORT_TIMEOUT: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standalone_does_what_clients_rely_on() {
    run(Shape::Standalone).await.expect("every case passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ensemble_does_what_clients_rely_on() {
    run(Shape::Ensemble).await.expect("every case passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_cluster_does_what_clients_rely_on() {
    run(Shape::Split).await.expect("every case passes");
}

/// Runs the cases one after the other; a failure names its case.
macro_rules! cases {
    ($cluster:ident: $($case:ident,)*) => {
        $($case(&$cluster).await.context(stringify!($case))?;)*
    };
}

async fn run(shape: Shape) -> anyhow::Result<()> {
    let cluster = Cluster::start(shape).await?;
    cases! { cluster:
        znodes_are_created_read_changed_and_deleted,
        operations_fail_with_their_error,
        ten_thousand_pipelined_requests_see_those_before_them,
        events_come_before_the_data_and_once,
        watches_are_set_again_after_a_reconnect,
        a_session_keeps_its_ephemerals_on_another_connection,
        closing_and_expiring_delete_ephemerals,
        a_multi_is_all_or_nothing,
    }
    Ok(())
}

/// What `result` failed with on the server.
fn code<T>(result: Result<T, ClientError>) -> Option<ErrorCode> {
    result.err().and_then(|error| error.code())
}

async fn znodes_are_created_read_changed_and_deleted(cluster: &Cluster) -> anyhow::Result<()> {
    let client = cluster.connect(0).await?;
    let root = client.create("/znodes", b"one", CreateMode::Persistent).await?;
    let (data, stat) = client.get(&root).await?;
    assert_eq!(data.as_deref(), Some(b"one".as_slice()));
    assert_eq!((stat.czxid, stat.pzxid, stat.version, stat.data_length), (stat.mzxid, stat.mzxid, 0, 3));
    let changed = client.set(&root, b"second", 0).await?;
    assert_eq!((changed.version, changed.data_length, changed.czxid), (1, 6, stat.czxid));
    for n in 0..3 {
        let name = client.create("/znodes/n-", b"", CreateMode::EphemeralSequential).await?;
        assert_eq!(name, format!("/znodes/n-{n:010}"));
    }
    client.delete("/znodes/n-0000000001", 0).await?;
    let (children, stat) = client.get_children2(&root).await?;
    assert_eq!(children, ["n-0000000000", "n-0000000002"]);
    assert_eq!((stat.cversion, stat.num_children), (4, 2));
    assert_eq!(client.get_acl(&root).await?.0, [Acl::open()]);
    client.close().await?;
    Ok(())
}

async fn operations_fail_with_their_error(cluster: &Cluster) -> anyhow::Result<()> {
    let client = cluster.connect(1).await?;
    client.create("/errors", b"", CreateMode::Persistent).await?;
    client.create("/errors/e", b"", CreateMode::Ephemeral).await?;
    client.create_with_acl("/errors/closed", b"", &[Acl::read_only()], CreateMode::Persistent).await?;
    assert_eq!(code(client.get("/errors/none").await), Some(ErrorCode::NoNode));
    assert_eq!(
        code(client.create("/errors", b"", CreateMode::Persistent).await),
        Some(ErrorCode::NodeExists)
    );
    assert_eq!(code(client.delete("/errors", -1).await), Some(ErrorCode::NotEmpty));
    assert_eq!(code(client.set("/errors", b"", 5).await), Some(ErrorCode::BadVersion));
    assert_eq!(code(client.set("/errors/closed", b"", -1).await), Some(ErrorCode::NoAuth));
    assert_eq!(
        code(client.create("/errors/e/child", b"", CreateMode::Persistent).await),
        Some(ErrorCode::NoChildrenForEphemerals)
    );
    assert_eq!(code(client.create("/errors//x", b"", CreateMode::Persistent).await), Some(ErrorCode::NoNode));
    assert_eq!(
        code(client.create("/errors/..", b"", CreateMode::Persistent).await),
        Some(ErrorCode::BadArguments)
    );
    let closed = client.create_with_acl("/errors/x", b"", &[], CreateMode::Persistent).await;
    assert_eq!(code(closed), Some(ErrorCode::InvalidAcl));
    client.close().await?;
    Ok(())
}

/// Sets and gets of one znode in turn. The client itself insists that replies come in order.
async fn ten_thousand_pipelined_requests_see_those_before_them(cluster: &Cluster) -> anyhow::Result<()> {
    let client = cluster.connect(0).await?;
    let path = client.create("/pipelined", b"", CreateMode::Persistent).await?;
    let mut pending: Vec<(i32, PendingReply, PendingReply)> = Vec::new();
    for n in 0..PIPELINED / 2 {
        let data = n.to_be_bytes();
        let set = SetDataRequest { path: &path, data: Some(&data), version: n };
        let get = PathWatchRequest { path: &path, watch: false };
        let set = client.send_with(OpCode::SetData, |out| set.encode(out)).await?;
        let get = client.send_with(OpCode::GetData, |out| get.encode(out)).await?;
        pending.push((n, set, get));
    }
    for (n, set, get) in pending {
        let set = set.await?;
        let (header, body) = {
            let reply = get.await?;
            (reply.header, reply.into_body()?)
        };
        let read = GetDataResponse::decode(&mut Reader::new(&body))?;
        assert_eq!(
            (set.header.err, read.data, read.stat.version),
            (0, Some(n.to_be_bytes().as_slice()), n + 1)
        );
        assert_eq!(read.stat.mzxid.0, set.header.zxid);
        assert!(header.zxid >= set.header.zxid);
    }
    client.close().await?;
    Ok(())
}

fn kinds(events: &[WatchEvent]) -> Vec<(EventType, &str)> {
    events.iter().map(|event| (event.event_type, event.path.as_str())).collect()
}

/// Those that have come; complete after a reply, because events come before it.
async fn events(client: &Client) -> Vec<WatchEvent> {
    let mut events = Vec::new();
    while let Some(event) = client.try_event().await {
        events.push(event);
    }
    events
}

async fn events_come_before_the_data_and_once(cluster: &Cluster) -> anyhow::Result<()> {
    let (watcher, writer) = (cluster.connect(0).await?, cluster.connect(1).await?);
    watcher.create("/watched", b"", CreateMode::Persistent).await?;
    writer.sync("/watched").await?;
    watcher.get_and_watch("/watched").await?;
    watcher.get_children2_and_watch("/watched").await?;
    assert_eq!(watcher.exists_and_watch("/watched/child").await?, None);
    for (n, data) in [b"first".as_slice(), b"second"].into_iter().enumerate() {
        writer.set("/watched", data, -1).await?;
        let version = i32::try_from(n)? + 1;
        while watcher.get("/watched").await?.1.version < version {}
        let expected: &[_] = if n == 0 { &[(EventType::NodeDataChanged, "/watched")] } else { &[] };
        assert_eq!(kinds(&events(&watcher).await), expected);
    }
    watcher.create("/watched/child", b"", CreateMode::Persistent).await?;
    watcher.delete("/watched/child", -1).await?;
    let expected = [(EventType::NodeCreated, "/watched/child"), (EventType::NodeChildrenChanged, "/watched")];
    assert_eq!(kinds(&events(&watcher).await), expected);
    watcher.close().await?;
    writer.close().await?;
    Ok(())
}

async fn watches_are_set_again_after_a_reconnect(cluster: &Cluster) -> anyhow::Result<()> {
    let (away, writer) = (cluster.connect(0).await?, cluster.connect(1).await?);
    for path in ["/again", "/again/changed", "/again/deleted", "/again/same"] {
        away.create(path, b"", CreateMode::Persistent).await?;
    }
    away.disconnect();
    let relative_zxid = away.session().last_zxid;
    writer.set("/again/changed", b"new", -1).await?;
    writer.delete("/again/deleted", -1).await?;
    away.reconnect().await?;
    away.sync("/again").await?;
    let data = vec!["/again/changed", "/again/deleted", "/again/same"];
    let watches = SetWatches { relative_zxid, data, exist: vec!["/again/new"], child: vec!["/again"] };
    away.set_watches(&watches).await?;
    let mut missed = events(&away).await;
    missed.sort_by(|a, b| a.path.cmp(&b.path));
    let expected = [
        (EventType::NodeChildrenChanged, "/again"),
        (EventType::NodeDataChanged, "/again/changed"),
        (EventType::NodeDeleted, "/again/deleted"),
    ];
    assert_eq!(kinds(&missed), expected);
    away.set("/again/same", b"new", -1).await?;
    away.create("/again/new", b"", CreateMode::Persistent).await?;
    let expected = [(EventType::NodeDataChanged, "/again/same"), (EventType::NodeCreated, "/again/new")];
    assert_eq!(kinds(&events(&away).await), expected);
    away.close().await?;
    writer.close().await?;
    Ok(())
}

async fn a_session_keeps_its_ephemerals_on_another_connection(cluster: &Cluster) -> anyhow::Result<()> {
    let first = cluster.connect(0).await?;
    first.create("/kept", b"", CreateMode::Ephemeral).await?;
    let session = first.session();
    let others: Vec<_> = cluster.hosts().iter().rev().collect();
    let second = Client::reattach(&others, session).await?;
    assert_eq!(second.session().id, session.id);
    let stat = second.exists("/kept").await?.expect("the ephemeral stayed");
    assert_eq!(stat.ephemeral_owner, session.id);
    // The old connection does nothing any more.
    assert!(first.create("/late", b"", CreateMode::Persistent).await.is_err());
    assert_eq!(second.exists("/late").await?, None);
    let mut wrong = second.session();
    wrong.password[0] ^= 1;
    let refused = Client::reattach(cluster.hosts(), wrong).await;
    assert!(matches!(refused.err(), Some(ClientError::SessionExpired)));
    // ZooKeeper closes the connection of a session that anyone asks for, and asks for the password later.
    second.reconnect().await?;
    let session = second.session();
    second.close().await?;
    let refused = Client::reattach(cluster.hosts(), session).await;
    assert!(matches!(refused.err(), Some(ClientError::SessionExpired)));
    Ok(())
}

async fn closing_and_expiring_delete_ephemerals(cluster: &Cluster) -> anyhow::Result<()> {
    let watcher = cluster.connect(0).await?;
    let host = &cluster.hosts()[cluster.hosts().len() - 1];
    let closing = Client::connect(&[host], SHORT_TIMEOUT).await?;
    let silent = Client::connect(&[host], SHORT_TIMEOUT).await?;
    closing.create("/closing", b"", CreateMode::Ephemeral).await?;
    silent.create("/silent", b"", CreateMode::Ephemeral).await?;
    closing.close().await?;
    silent.disconnect();
    watcher.sync("/").await?;
    assert_eq!(watcher.exists("/closing").await?, None);
    assert!(watcher.exists("/silent").await?.is_some(), "gone before its time");
    eventually("the silent session expires", Duration::from_secs(30), || async {
        matches!(watcher.exists("/silent").await, Ok(None))
    })
    .await;
    watcher.close().await?;
    Ok(())
}

async fn a_multi_is_all_or_nothing(cluster: &Cluster) -> anyhow::Result<()> {
    let client = cluster.connect(0).await?;
    client.create("/multi", b"", CreateMode::Persistent).await?;
    let create = |flags: CreateMode| {
        let acl = Some(menagerie_jute::AclList::open());
        let request = CreateRequest { path: "/multi/n-", data: None, acl, flags: flags as i32 };
        MultiOp::Create(request, OpCode::Create.code())
    };
    let sequential = create(CreateMode::PersistentSequential);
    let check = |version| MultiOp::Check(CheckVersionRequest { path: "/multi", version });
    let failed = client.multi(&[sequential, check(7), sequential]).await?;
    let codes = [0, ErrorCode::BadVersion.code(), ErrorCode::RuntimeInconsistency.code()];
    assert_eq!(failed, codes.map(MultiOutcome::Failed));
    assert_eq!(client.get_children2("/multi").await?.0, Vec::<String>::new());
    let delete = MultiOp::Delete(DeleteRequest { path: "/multi/n-0000000000", version: 0 });
    let done = client.multi(&[check(0), sequential, sequential, delete]).await?;
    let path = |n: i32| MultiOutcome::Created { path: format!("/multi/n-{n:010}"), stat: None };
    assert_eq!(done, [MultiOutcome::Checked, path(0), path(1), MultiOutcome::Deleted]);
    assert_eq!(client.get_children2("/multi").await?.0, ["n-0000000001"]);
    client.close().await?;
    Ok(())
}
