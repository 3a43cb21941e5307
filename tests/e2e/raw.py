"""A ZooKeeper client on a bare socket: sends what it is told, checks what comes back, does nothing by itself."""

import socket
from dataclasses import dataclass

from jute import OPEN_ACL, Reader, Stat, acl, boolean, buffer, int32, int64, string, vector

CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, GET_ACL, SET_ACL, GET_CHILDREN, SYNC = range(1, 10)
PING, GET_CHILDREN2, CHECK, MULTI, CREATE2 = 11, 12, 13, 14, 15
SET_WATCHES, CLOSE_SESSION = 101, -11

NOTIFICATION_XID, PING_XID = -1, -2

CREATED, DELETED, CHANGED, CHILDREN_CHANGED = 1, 2, 3, 4


class ServerError(Exception):
    """An error code in a reply."""

    def __init__(self, code: int):
        super().__init__(f"code {code}")
        self.code = code


class Closed(Exception):
    """The server closed the connection."""


@dataclass(frozen=True)
class Session:
    """What a client must keep to come back to its session."""

    id: int
    password: bytes
    timeout_ms: int


NO_SESSION = Session(0, bytes(16), 0)


@dataclass(frozen=True)
class Reply:
    xid: int
    zxid: int
    err: int
    body: bytes


@dataclass(frozen=True)
class Event:
    type: int
    path: str
    state: int = 3


class RawClient:
    """One connection. Watch events that arrive before a reply are appended to `events` before it is returned."""

    def __init__(self, address: tuple[str, int], io_seconds: float = 15):
        self.socket = socket.create_connection(address, timeout=io_seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = bytearray()
        self.events: list[Event] = []
        self.session = NO_SESSION
        self.last_zxid = 0
        self.xid = 0

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_) -> None:
        self.drop()

    def drop(self) -> None:
        """Ends the connection without a word."""
        self.socket.close()

    # Bytes and frames.

    def send_bytes(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Closed from error

    def send_frame(self, payload: bytes) -> None:
        self.send_bytes(buffer(payload))

    def read_frame(self) -> bytes:
        while len(self.input) < 4 or len(self.input) < 4 + int.from_bytes(self.input[:4], "big"):
            self._fill()
        end = 4 + int.from_bytes(self.input[:4], "big")
        payload = bytes(self.input[4:end])
        del self.input[:end]
        return payload

    def read_to_end(self) -> bytes:
        try:
            while True:
                self._fill()
        except Closed:
            return bytes(self.input)

    def _fill(self) -> None:
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError as error:
            raise Closed from error
        if not data:
            raise Closed
        self.input += data

    # Session.

    def connect(self, timeout_ms: int = 30_000, session: Session = NO_SESSION, last_zxid: int = 0) -> Session:
        """Opens a session or comes back to one. A refused session has the timeout 0."""
        self.send_frame(connect_body(timeout_ms, session, last_zxid))
        reader = Reader(self.read_frame())
        assert reader.int32() == 0, "protocol version"
        timeout_ms, id_, password = reader.int32(), reader.int64(), reader.buffer()
        assert reader.rest == b"\x00", "not read-only, and nothing behind it"
        self.session = Session(id_, password, timeout_ms)
        self.last_zxid = last_zxid
        return self.session

    def close_session(self) -> None:
        self.call(CLOSE_SESSION)

    # Requests and replies.

    def send(self, op: int, body: bytes = b"", xid: int | None = None) -> int:
        """Sends a request without waiting; returns its number."""
        if xid is None:
            self.xid += 1
            xid = self.xid
        self.send_frame(int32(xid) + int32(op) + body)
        return xid

    def receive(self) -> Reply:
        """The next reply; events before it are noted."""
        while True:
            reader = Reader(self.read_frame())
            xid, zxid, err = reader.int32(), reader.int64(), reader.int32()
            if xid != NOTIFICATION_XID:
                self.last_zxid = max(self.last_zxid, zxid)
                return Reply(xid, zxid, err, reader.rest)
            type_, state, path = reader.int32(), reader.int32(), reader.string()
            self.events.append(Event(type_, path, state))

    def wait_events(self, count: int) -> list[Event]:
        """Waits for events by pinging, and takes them."""
        while len(self.events) < count:
            self.ping()
        return self.take_events()

    def take_events(self) -> list[Event]:
        taken, self.events = self.events, []
        return taken

    def reply_to(self, op: int, body: bytes = b"", xid: int | None = None) -> Reply:
        """Sends a request and returns its reply, whatever it says."""
        xid = self.send(op, body, xid)
        reply = self.receive()
        assert reply.xid == xid, f"reply {reply} to request {xid}"
        return reply

    def call(self, op: int, body: bytes = b"") -> Reader:
        reply = self.reply_to(op, body)
        if reply.err:
            raise ServerError(reply.err)
        return Reader(reply.body)

    def ping(self) -> Reply:
        return self.reply_to(PING, xid=PING_XID)

    def create(self, path: str, data: bytes | None = b"", flags: int = 0, acls=OPEN_ACL) -> str:
        return self.call(CREATE, create_body(path, data, flags, acls)).string()

    def delete(self, path: str, version: int = -1) -> None:
        self.call(DELETE, string(path) + int32(version))

    def exists(self, path: str, watch: bool = False) -> Stat:
        return self.call(EXISTS, string(path) + boolean(watch)).stat()

    def get(self, path: str, watch: bool = False) -> tuple[bytes | None, Stat]:
        reader = self.call(GET_DATA, string(path) + boolean(watch))
        return reader.buffer(), reader.stat()

    def set(self, path: str, data: bytes | None, version: int = -1) -> Stat:
        return self.call(SET_DATA, set_body(path, data, version)).stat()

    def children(self, path: str, watch: bool = False) -> list[str]:
        return self.call(GET_CHILDREN, string(path) + boolean(watch)).strings()

    def sync(self, path: str) -> str:
        return self.call(SYNC, string(path)).string()

    def set_watches(self, relative_zxid: int, data=(), exist=(), child=()) -> None:
        lists = b"".join(vector(map(string, paths)) for paths in (data, exist, child))
        self.call(SET_WATCHES, int64(relative_zxid) + lists)


def connect_body(timeout_ms: int = 30_000, session: Session = NO_SESSION, last_zxid: int = 0) -> bytes:
    head = int32(0) + int64(last_zxid) + int32(timeout_ms)
    return head + int64(session.id) + buffer(session.password) + boolean(False)


def create_body(path: str | None, data: bytes | None = b"", flags: int = 0, acls=OPEN_ACL) -> bytes:
    return string(path) + buffer(data) + acl(acls) + int32(flags)


def set_body(path: str, data: bytes | None, version: int = -1) -> bytes:
    return string(path) + buffer(data) + int32(version)
