"""The gRPC API: the same tree as ZooKeeper clients see, from the other side."""

import itertools
import socket
import sys
import threading
from contextlib import contextmanager, suppress

import grpc
import pytest
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from grpc import StatusCode
from kazoo.protocol.states import EventType
from kazoo.security import make_acl

from harness.binary import ROOT
from harness.wait import eventually

sys.path.insert(0, str(ROOT / "examples" / "python"))
from menagerie.v1 import menagerie_pb2 as pb  # noqa: E402
from menagerie.v1 import menagerie_pb2_grpc as api  # noqa: E402

pytestmark = pytest.mark.menagerie

SECONDS = 20
ANY_VERSION = -1
SHORTEST_TIMEOUT_MS = 4_000


class Client:
    """One gateway, over gRPC."""

    def __init__(self, address: str):
        self.channel = grpc.insecure_channel(address)
        grpc.channel_ready_future(self.channel).result(timeout=SECONDS)
        self.stub = api.MenagerieStub(self.channel)

    def create(self, path, data=b"", **fields):
        return self.stub.Create(pb.CreateRequest(path=path, data=data, **fields), timeout=SECONDS)

    def get(self, path, **fields):
        return self.stub.Get(pb.GetRequest(path=path, **fields), timeout=SECONDS)

    def set(self, path, data, **fields):
        return self.stub.Set(pb.SetRequest(path=path, data=data, **fields), timeout=SECONDS)

    def delete(self, path, **fields):
        return self.stub.Delete(pb.DeleteRequest(path=path, **fields), timeout=SECONDS)

    def exists(self, path, **fields):
        answer = self.stub.Exists(pb.ExistsRequest(path=path, **fields), timeout=SECONDS)
        return answer.stat if answer.HasField("stat") else None

    def children(self, path, **fields):
        request = pb.ListChildrenRequest(path=path, **fields)
        return sorted(self.stub.ListChildren(request, timeout=SECONDS).children)

    def multi(self, *operations, session=0):
        return self.stub.Multi(pb.MultiRequest(operations=operations, session=session), timeout=SECONDS)

    def open(self, timeout_ms=10_000):
        return self.stub.OpenSession(pb.OpenSessionRequest(timeout_ms=timeout_ms), timeout=SECONDS)

    def close(self, session):
        return self.stub.CloseSession(pb.CloseSessionRequest(session=session), timeout=SECONDS)

    def keep_alive(self, opened, password=b""):
        """Once."""
        message = pb.KeepAliveRequest(
            session=opened.session, password=password, timeout_ms=opened.timeout_ms
        )
        return list(self.stub.KeepAlive(iter([message]), timeout=SECONDS))

    @contextmanager
    def kept_alive(self, opened):
        """Until the end of the block, every fourth of the timeout."""
        done = threading.Event()
        message = pb.KeepAliveRequest(session=opened.session)

        def messages():
            while not done.is_set():
                yield message
                done.wait(opened.timeout_ms / 4000)

        answers = self.stub.KeepAlive(messages())
        try:
            yield next(answers)
        finally:
            done.set()
            list(answers)

    def watch(self, *targets, session=0):
        """The stream after its first event, which says that the watches are set."""
        targets = [pb.WatchRequest.Target(path=path, **kinds) for path, kinds in targets]
        stream = self.stub.Watch(pb.WatchRequest(targets=targets, session=session), timeout=SECONDS)
        assert next(stream).type == pb.WatchEvent.ARMED
        return stream


NODE, CHILDREN = {"node": True}, {"children": True}


@pytest.fixture
def clients(cluster):
    """One for each gateway."""
    clients = [Client(address) for address in cluster.grpc_addresses()]
    yield clients
    for client in clients:
        client.channel.close()


@pytest.fixture
def client(clients):
    return clients[0]


@contextmanager
def refused(code, zookeeper=None, **details):
    """The block must fail with this status, and this error of ZooKeeper in its details."""
    with pytest.raises(grpc.RpcError) as raised:
        yield
    error = raised.value
    assert error.code() == code, error
    if zookeeper is not None:
        info = error_info(error)
        assert (info.code, {name: getattr(info, name) for name in details}) == (zookeeper, details)


def rich_status():
    """google.rpc.Status, which would be another package to install."""
    file = descriptor_pb2.FileDescriptorProto(
        name="status.proto", package="google.rpc", syntax="proto3", dependency=[any_pb2.DESCRIPTOR.name]
    )
    message, kinds = file.message_type.add(name="Status"), descriptor_pb2.FieldDescriptorProto
    message.field.add(name="code", number=1, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
    message.field.add(name="message", number=2, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    message.field.add(
        name="details", number=3, type=kinds.TYPE_MESSAGE, type_name="google.protobuf.Any",
        label=kinds.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("google.rpc.Status"))


RichStatus = rich_status()


def error_info(error) -> pb.ErrorInfo:
    status = RichStatus.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    assert (status.code, status.message) == (error.code().value[0], error.details())
    (detail,) = status.details
    assert detail.type_url == "type.googleapis.com/menagerie.v1.ErrorInfo"
    return pb.ErrorInfo.FromString(detail.value)


def changes(stream, count):
    return [(event.type, event.path) for event in itertools.islice(stream, count)]


class TestOneTree:
    """What one side does, the other sees."""

    def test_a_znode_made_by_kazoo_is_read_watched_and_changed_over_grpc(self, zk, client, root):
        path = f"{root}/kazoo"
        zk.create(path, b"by kazoo")
        got = client.get(path, linearizable=True)
        assert (got.data, got.stat.version, got.stat.data_length) == (b"by kazoo", 0, 8)
        assert got.zxid >= got.stat.czxid > 0

        stream = client.watch((path, NODE))
        zk.set(path, b"again")
        assert changes(stream, 1) == [(pb.WatchEvent.NODE_DATA_CHANGED, path)]

        done = client.set(path, b"over grpc", version=1)
        zk.sync(path)
        data, stat = zk.get(path)
        assert (data, stat.version, stat.mzxid) == (b"over grpc", 2, done.zxid)
        for field, ours in zip(stat._fields, stat):
            theirs = {"ctime": "ctime_ms", "mtime": "mtime_ms", "ephemeralOwner": "ephemeral_owner",
                      "dataLength": "data_length", "numChildren": "num_children"}.get(field, field)
            assert getattr(done.stat, theirs) == ours, field

    def test_a_znode_made_over_grpc_is_read_watched_and_changed_by_kazoo(self, zk, client, root):
        path = f"{root}/grpc"
        created = client.create(path, b"over grpc")
        assert created.path == path and created.stat.czxid == created.zxid
        zk.sync(path)
        events = []
        assert zk.get(path, watch=events.append)[0] == b"over grpc"
        zk.get_children(path, watch=events.append)
        client.set(path, b"again")
        client.create(f"{path}/child")
        eventually(lambda: len(events) == 2, what="kazoo's watches fire")
        assert [event.type for event in events] == [EventType.CHANGED, EventType.CHILD]

        zk.set(path, b"by kazoo")
        zk.delete(f"{path}/child")
        got = client.get(path, linearizable=True)
        assert (got.data, got.stat.num_children) == (b"by kazoo", 0)
        client.delete(path)
        zk.sync(root)
        assert zk.exists(path) is None

    def test_a_linearizable_read_sees_what_kazoo_has_been_answered_at_any_server(
        self, cluster, connect, clients, root
    ):
        writers = [connect(f"{host}:{port}") for host, port in cluster.addresses().values()]
        for n in range(20):
            writers[n % len(writers)].set(root, str(n).encode())
            for client in clients:
                assert client.get(root, linearizable=True).data == str(n).encode()
                assert client.exists(root, linearizable=True).version == n + 1

    def test_all_modes_of_creation(self, zk, client, root):
        session = client.open().session
        made = {
            mode: client.create(f"{root}/z", mode=mode, session=session).path.removeprefix(f"{root}/")
            for mode in (1, 2, 3)
        }
        assert made == {1: "z", 2: "z0000000001", 3: "z0000000002"}
        zk.sync(root)
        owners = {name: zk.exists(f"{root}/{name}").ephemeralOwner for name in zk.get_children(root)}
        assert owners == {"z": session, "z0000000001": 0, "z0000000002": session}
        assert client.children(root, session=session) == sorted(owners)
        client.close(session)
        assert client.children(root, linearizable=True) == ["z0000000001"]

    def test_a_multi_is_all_or_nothing(self, zk, client, root):
        def operations(name):
            return (
                pb.Operation(check=pb.CheckVersion(path=root, version=0)),
                pb.Operation(create=pb.CreateRequest(path=f"{root}/{name}")),
                pb.Operation(set=pb.SetRequest(path=root, data=b"new")),
            )

        done = client.multi(*operations("a"), pb.Operation(delete=pb.DeleteRequest(path=f"{root}/a")))
        kinds = [result.WhichOneof("kind") for result in done.results]
        assert kinds == ["check", "create", "set", "delete"]
        assert {done.results[1].create.zxid, done.results[2].set.stat.mzxid} == {done.zxid}
        with refused(StatusCode.ABORTED, -103, operation=0, path=root):
            client.multi(*operations("b"))
        missing = pb.Operation(delete=pb.DeleteRequest(path=f"{root}/missing"))
        create = pb.Operation(create=pb.CreateRequest(path=f"{root}/c"))
        with refused(StatusCode.NOT_FOUND, -101, operation=1, path=f"{root}/missing"):
            client.multi(create, missing, create)
        zk.sync(root)
        assert zk.get_children(root) == []
        assert client.multi().zxid > done.zxid


class TestErrors:
    def test_each_kind_has_its_status_and_zookeepers_number(self, client, root):
        session = client.open().session
        client.create(f"{root}/parent")
        client.create(f"{root}/parent/child")
        client.create(f"{root}/ephemeral", mode=1, session=session)
        cases = [
            (StatusCode.NOT_FOUND, -101, lambda: client.get(f"{root}/none")),
            (StatusCode.NOT_FOUND, -101, lambda: client.children(f"{root}/none")),
            (StatusCode.NOT_FOUND, -101, lambda: client.create(f"{root}/none/child")),
            (StatusCode.ALREADY_EXISTS, -110, lambda: client.create(root)),
            (StatusCode.ABORTED, -103, lambda: client.set(root, b"", version=7)),
            (StatusCode.ABORTED, -103, lambda: client.delete(root, version=-2)),
            (StatusCode.FAILED_PRECONDITION, -111, lambda: client.delete(f"{root}/parent")),
            (StatusCode.FAILED_PRECONDITION, -108, lambda: client.create(f"{root}/ephemeral/child")),
            (StatusCode.INVALID_ARGUMENT, -8, lambda: client.create(f"{root}/e", mode=1)),
            (StatusCode.INVALID_ARGUMENT, -8, lambda: client.create(f"{root}/e", mode=77)),
            (StatusCode.INVALID_ARGUMENT, -8, lambda: client.get("no/slash")),
            (StatusCode.INVALID_ARGUMENT, -8, lambda: client.delete("/")),
            (StatusCode.INVALID_ARGUMENT, -8, lambda: client.multi(pb.Operation())),
            (StatusCode.INVALID_ARGUMENT, -114, lambda: client.create(f"{root}/a", acl=[pb.Acl()])),
            (StatusCode.FAILED_PRECONDITION, -118, lambda: client.get(root, session=12345)),
            (StatusCode.FAILED_PRECONDITION, -118, lambda: client.close(12345)),
            (StatusCode.INVALID_ARGUMENT, -8, lambda: client.close(0)),
        ]
        for code, zookeeper, call in cases:
            with refused(code, zookeeper):
                call()
        assert client.exists(f"{root}/none") is None
        client.delete(f"{root}/parent/child", version=ANY_VERSION)
        client.close(session)

    def test_acls_set_by_kazoo_hold_here(self, zk, client, root):
        path = f"{root}/locked"
        zk.create(path, acl=[make_acl("world", "anyone", admin=True)])
        with refused(StatusCode.PERMISSION_DENIED, -102, path=path):
            client.get(path, linearizable=True)
        with refused(StatusCode.PERMISSION_DENIED, -102):
            client.set(path, b"")
        with refused(StatusCode.PERMISSION_DENIED, -102, path=path):
            client.watch((path, CHILDREN))

    def test_requests_are_as_long_as_those_of_zookeeper_clients_may_be(self, client, root):
        client.set(root, bytes(1_000_000))
        assert len(client.get(root, linearizable=True).data) == 1_000_000
        with refused(StatusCode.INVALID_ARGUMENT, -8):
            client.set(root, bytes(1_048_576))
        with refused(StatusCode.OUT_OF_RANGE):
            client.set(root, bytes(3_000_000))
        with refused(StatusCode.NOT_FOUND, -101):
            client.get("/" + "\u00e9" * 200_000)

    def test_garbage_at_the_port_disturbs_nobody(self, cluster, client, root):
        host, port = cluster.grpc_addresses()[0].split(":")
        for garbage in (b"\0" * 64, b"ruok", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64):
            with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
                connection.sendall(garbage)
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                with suppress(ConnectionError):
                    while connection.recv(4096):
                        pass
        unary = client.channel.unary_unary("/menagerie.v1.Menagerie/Create")
        with pytest.raises(grpc.RpcError):
            unary(b"\xff\xff\xff", timeout=SECONDS)
        client.set(root, b"still here")

    def test_a_call_that_is_given_up_leaves_the_others_alone(self, client, root):
        for _ in range(20):
            try:
                client.stub.Get(pb.GetRequest(path=root, linearizable=True), timeout=0.001)
            except grpc.RpcError as error:
                assert error.code() in (StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED)
        assert client.get(root, linearizable=True).data == b""


class TestSessions:
    def test_ephemerals_live_while_the_session_is_kept_alive_and_go_when_it_is_not(self, zk, client, root):
        opened = client.open(SHORTEST_TIMEOUT_MS)
        path = f"{root}/ephemeral"
        with client.kept_alive(opened) as answer:
            assert answer.timeout_ms == opened.timeout_ms
            client.create(path, mode=1, session=opened.session)
            # A session that nobody keeps alive ends meanwhile.
            other = client.open(SHORTEST_TIMEOUT_MS)
            client.create(f"{path}-other", mode=1, session=other.session)
            zk.sync(root)
            eventually(lambda: not zk.exists(f"{path}-other"), within=30, what="the other session expires")
            assert zk.exists(path)
        eventually(lambda: not zk.exists(path), within=30, what="the session expires")
        with refused(StatusCode.FAILED_PRECONDITION, -118):
            client.get(root, session=opened.session)
        with refused(StatusCode.FAILED_PRECONDITION, -112):
            client.keep_alive(opened, opened.password)

    def test_kazoo_goes_on_with_a_session_opened_over_grpc(self, cluster, connect, client, root):
        opened = client.open()
        client.create(f"{root}/ephemeral", mode=1, session=opened.session)
        stream = client.watch((root, NODE), session=opened.session)
        zk = connect(client_id=(opened.session, opened.password))
        assert zk.client_id[0] == opened.session
        with refused(StatusCode.FAILED_PRECONDITION, -118):
            next(stream)
        with refused(StatusCode.FAILED_PRECONDITION, -118):
            client.set(root, b"", session=opened.session)
        assert zk.exists(f"{root}/ephemeral").ephemeralOwner == opened.session
        zk.stop()
        assert client.exists(f"{root}/ephemeral", linearizable=True) is None

    @pytest.mark.shapes("ensemble", "split")
    def test_a_session_moves_with_its_password_to_another_gateway(self, clients, root):
        first, second = clients[:2]
        opened = first.open()
        first.create(f"{root}/ephemeral", mode=1, session=opened.session)
        with refused(StatusCode.FAILED_PRECONDITION, -118):
            second.keep_alive(opened)
        with refused(StatusCode.FAILED_PRECONDITION, -112):
            second.keep_alive(opened, b"x" * 16)
        with refused(StatusCode.FAILED_PRECONDITION, -118), first.kept_alive(opened):
            (answer,) = second.keep_alive(opened, opened.password)
            assert answer.timeout_ms == opened.timeout_ms
            assert second.get(f"{root}/ephemeral", session=opened.session).stat.ephemeral_owner == opened.session
            eventually(lambda: not serves(first, root, opened.session), what="the first one lets go")
        second.close(opened.session)
        assert first.exists(f"{root}/ephemeral", linearizable=True) is None

    def test_a_session_of_kazoos_cannot_be_used_without_its_password(self, zk, client, root):
        session = zk.client_id[0]
        with refused(StatusCode.FAILED_PRECONDITION, -118):
            client.create(f"{root}/ephemeral", mode=1, session=session)
        with refused(StatusCode.FAILED_PRECONDITION, -118):
            client.close(session)
        assert zk.exists(root)

    def test_a_session_reads_its_own_writes(self, client, root):
        session = client.open().session
        for n in range(100):
            client.set(root, str(n).encode(), session=session)
            assert client.get(root, session=session).data == str(n).encode()
        client.close(session)


def serves(client, path, session) -> bool:
    try:
        client.get(path, session=session)
        return True
    except grpc.RpcError:
        return False


class TestWatches:
    def test_every_kind_of_change_is_told(self, zk, client, root):
        path = f"{root}/node"
        stream = client.watch((path, {**NODE, **CHILDREN}))
        events = []

        def told(count):
            events.extend(changes(stream, count - len(events)))
            return [kind for kind, _ in events]

        zk.create(path)
        assert told(1) == [pb.WatchEvent.NODE_CREATED]
        zk.set(path, b"x")
        assert told(2)[1:] == [pb.WatchEvent.NODE_DATA_CHANGED]
        zk.create(f"{path}/child")
        assert told(3)[2:] == [pb.WatchEvent.NODE_CHILDREN_CHANGED]
        zk.delete(f"{path}/child")
        assert told(4)[3:] == [pb.WatchEvent.NODE_CHILDREN_CHANGED]
        zk.delete(path)
        assert told(5)[4:] == [pb.WatchEvent.NODE_DELETED]
        zk.create(path)
        assert told(6)[5:] == [pb.WatchEvent.NODE_CREATED]
        assert {path_told for _, path_told in events} == {path}

    def test_the_last_change_is_always_told_however_fast_they_come(self, zk, clients, root):
        streams = [client.watch((root, NODE)) for client in clients]
        for n in range(200):
            last = zk.set_async(root, str(n).encode())
        zxid = last.get(timeout=SECONDS).mzxid
        for stream in streams:
            told = []
            while not told or told[-1] < zxid:
                told.append(next(stream).zxid)
            # What was told by a read has the transaction it was read at, and others write, too: sessions end.
            assert told == sorted(set(told))

    def test_a_watch_ends_when_its_session_does(self, client, root):
        session = client.open().session
        client.create(f"{root}/ephemeral", mode=1, session=session)
        stream = client.watch((f"{root}/ephemeral", NODE), session=session)
        client.close(session)
        with refused(StatusCode.FAILED_PRECONDITION, -118):
            assert changes(stream, 2) == [(pb.WatchEvent.NODE_DELETED, f"{root}/ephemeral")]

    def test_targets_that_cannot_be_watched_are_refused(self, client, root):
        many = [(f"{root}/{n}", NODE) for n in range(257)]
        for targets in ([], many, [(root, {})], [("bad", NODE)]):
            with refused(StatusCode.INVALID_ARGUMENT, -8):
                client.watch(*targets)
        stream = client.watch(*many[:256])
        client.create(many[255][0])
        assert changes(stream, 1) == [(pb.WatchEvent.NODE_CREATED, many[255][0])]


class TestServer:
    def test_health_is_served(self, client):
        check = client.channel.unary_unary("/grpc.health.v1.Health/Check")
        for name in (b"", b"menagerie.v1.Menagerie"):
            request = b"\x0a" + bytes([len(name)]) + name if name else b""
            assert check(request, timeout=SECONDS) == b"\x08\x01", "SERVING"

    def test_reflection_tells_what_the_stubs_in_the_examples_say(self, client):
        """So it also fails when they have not been generated again."""
        symbol = b"menagerie.v1.Menagerie"
        ask = client.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        answer = next(ask(iter([b"\x22" + bytes([len(symbol)]) + symbol]), timeout=SECONDS))
        # ServerReflectionResponse.file_descriptor_response.file_descriptor_proto
        (served,) = fields(fields(answer, 4)[0], 1)
        assert normal(served) == normal(pb.DESCRIPTOR.serialized_pb)


def normal(serialized: bytes) -> descriptor_pb2.FileDescriptorProto:
    """Without what compilers may or may not add."""
    file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
    file.ClearField("source_code_info")

    def strip(message):
        for field in message.field:
            field.ClearField("json_name")
        for nested in message.nested_type:
            strip(nested)

    for message in file.message_type:
        strip(message)
    return file


def fields(message: bytes, number: int) -> list[bytes]:
    """The values of a length-delimited field, of a message that has only such and varints."""
    values, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        length = varint()
        if key & 7 == 2:
            if key >> 3 == number:
                values.append(message[at:at + length])
            at += length
    return values
