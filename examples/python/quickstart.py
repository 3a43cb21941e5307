#!/usr/bin/env python3
"""A first look at Menagerie's gRPC API: sessions, znodes, transactions, watches.

    python quickstart.py HOST:PORT

Says what it does, and ends with 0 if it saw what it should.
"""

import queue
import sys
import threading
import uuid
from contextlib import contextmanager

import grpc

from menagerie.v1 import menagerie_pb2 as pb
from menagerie.v1 import menagerie_pb2_grpc as api

CONNECT_SECONDS = 10
CALL_SECONDS = 10
SESSION_TIMEOUT_MS = 10_000


@contextmanager
def session(stub: api.MenagerieStub):
    """A session, kept alive by a thread until it is closed."""
    opened = stub.OpenSession(pb.OpenSessionRequest(timeout_ms=SESSION_TIMEOUT_MS), timeout=CALL_SECONDS)
    closing, kept_alive = threading.Event(), threading.Event()
    # The password lets another gateway take over, should this one be gone when the stream is opened again.
    message = pb.KeepAliveRequest(
        session=opened.session, password=opened.password, timeout_ms=opened.timeout_ms
    )

    def messages():
        while not closing.is_set():
            yield message
            closing.wait(opened.timeout_ms / 3 / 1000)

    answers = stub.KeepAlive(messages())

    def listen():
        for _ in answers:
            kept_alive.set()

    listener = threading.Thread(target=listen)
    listener.start()
    print(f"opened session {opened.session:#x}, timeout {opened.timeout_ms} ms")
    try:
        assert kept_alive.wait(CALL_SECONDS), "no keepalive was answered"
        yield opened.session
    finally:
        closing.set()
        listener.join()
        stub.CloseSession(pb.CloseSessionRequest(session=opened.session), timeout=CALL_SECONDS)
        print("closed the session")


@contextmanager
def watch(stub: api.MenagerieStub, path: str, session: int):
    """The changes of a znode and its children, as a queue. What is read after this begins misses none of them."""
    target = pb.WatchRequest.Target(path=path, node=True, children=True)
    stream = stub.Watch(pb.WatchRequest(targets=[target], session=session))
    armed = next(stream)
    assert armed.type == pb.WatchEvent.ARMED
    events = queue.Queue()

    def listen():
        try:
            for event in stream:
                events.put(event)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED:
                print(f"the watch ended: {error.details()}")

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield events
    finally:
        stream.cancel()
        listener.join()


def expect(code: grpc.StatusCode, call, request) -> grpc.RpcError:
    """Makes a call that must fail with `code`."""
    try:
        call(request, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error
    raise AssertionError(f"expected {code}")


def znodes(stub: api.MenagerieStub, root: str) -> None:
    created = stub.Create(pb.CreateRequest(path=root, data=b"hello"), timeout=CALL_SECONDS)
    print(f"created {created.path} in transaction {created.zxid:#x}")
    error = expect(grpc.StatusCode.ALREADY_EXISTS, stub.Create, pb.CreateRequest(path=root))
    print(f"creating it again fails: {error.details()}")

    # `linearizable` sees all that was written before, by whomever.
    got = stub.Get(pb.GetRequest(path=root, linearizable=True), timeout=CALL_SECONDS)
    assert (got.data, got.stat.version) == (b"hello", 0)

    changed = stub.Set(pb.SetRequest(path=root, data=b"world", version=got.stat.version), timeout=CALL_SECONDS)
    assert changed.stat.version == 1 and changed.zxid > created.zxid
    print(f"read and set it, version is now {changed.stat.version}")
    stale = pb.SetRequest(path=root, data=b"lost update", version=got.stat.version)
    error = expect(grpc.StatusCode.ABORTED, stub.Set, stale)
    print(f"setting it by its old version fails: {error.details()}")

    absent = stub.Exists(pb.ExistsRequest(path=f"{root}/absent"), timeout=CALL_SECONDS)
    assert not absent.HasField("stat")


def members(stub: api.MenagerieStub, root: str, session: int) -> None:
    """Ephemeral sequential znodes: what locks, elections and membership are made of."""
    member = pb.CreateRequest(
        path=f"{root}/member-", mode=pb.CREATE_MODE_EPHEMERAL_SEQUENTIAL, session=session
    )
    paths = [stub.Create(member, timeout=CALL_SECONDS).path for _ in range(2)]
    listed = stub.ListChildren(pb.ListChildrenRequest(path=root, session=session), timeout=CALL_SECONDS)
    assert sorted(f"{root}/{name}" for name in listed.children) == paths
    print(f"members: {', '.join(sorted(listed.children))}")


def transaction(stub: api.MenagerieStub, root: str, session: int) -> None:
    operations = [
        pb.Operation(check=pb.CheckVersion(path=root, version=1)),
        pb.Operation(create=pb.CreateRequest(path=f"{root}/config", data=b"a=1")),
        pb.Operation(set=pb.SetRequest(path=root, data=b"configured")),
    ]
    request = pb.MultiRequest(operations=operations, session=session)
    done = stub.Multi(request, timeout=CALL_SECONDS)
    assert done.results[1].create.path == f"{root}/config" and done.results[2].set.stat.version == 2
    print("changed two znodes in one transaction")
    error = expect(grpc.StatusCode.ABORTED, stub.Multi, request)
    print(f"doing so again fails, as a whole: {error.details()}")


def watched(stub: api.MenagerieStub, root: str, session: int) -> None:
    with watch(stub, root, session) as events:
        changed = stub.Set(pb.SetRequest(path=root, data=b"watched"), timeout=CALL_SECONDS)
        event = events.get(timeout=CALL_SECONDS)
        assert (event.type, event.path, event.zxid) == (pb.WatchEvent.NODE_DATA_CHANGED, root, changed.zxid)
        stub.Delete(pb.DeleteRequest(path=f"{root}/config"), timeout=CALL_SECONDS)
        event = events.get(timeout=CALL_SECONDS)
        assert (event.type, event.path) == (pb.WatchEvent.NODE_CHILDREN_CHANGED, root)
        print("the watch saw the znode and its children change")


def main(address: str) -> None:
    root = f"/quickstart-{uuid.uuid4().hex[:12]}"
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=CONNECT_SECONDS)
        stub = api.MenagerieStub(channel)
        znodes(stub, root)
        with session(stub) as owner:
            members(stub, root, owner)
            transaction(stub, root, owner)
            watched(stub, root, owner)
        left = stub.ListChildren(pb.ListChildrenRequest(path=root, linearizable=True), timeout=CALL_SECONDS)
        assert not left.children, left.children
        print("its members went with it")
        stub.Delete(pb.DeleteRequest(path=root), timeout=CALL_SECONDS)
        print("done")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
