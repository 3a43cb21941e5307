"""Who a client is: auth packets, whoAmI, and what ACLs make of it."""

import base64
import hashlib

import pytest
from kazoo.exceptions import AuthFailedError, NoAuthError
from kazoo.security import make_digest_acl

import raw as wire
from jute import Reader
from raw import CHANGED, CHILDREN_CHANGED, CREATED, DELETED, Closed, Event

AUTH, SASL, WHO_AM_I, ADD_WATCH = 100, 102, 107, 106
AUTH_XID = -4
NO_AUTH, AUTH_FAILED, INVALID_ACL = -102, -115, -114
READ, WRITE, CREATE, DELETE, ADMIN, ALL = 1, 2, 4, 8, 16, 31


def auth_body(scheme, credentials):
    return wire.int32(0) + wire.string(scheme) + wire.buffer(credentials)


def authenticate(client, scheme="digest", credentials=b"alice:secret", xid=AUTH_XID):
    return client.reply_to(AUTH, auth_body(scheme, credentials), xid=xid)


def who_am_i(client):
    reader = client.call(WHO_AM_I)
    users = sorted((reader.string(), reader.string()) for _ in range(reader.int32()))
    assert reader.rest == b""
    return users


def digest(credentials):
    """The id that the scheme makes of `user:password`."""
    hashed = base64.b64encode(hashlib.sha1(credentials.encode()).digest()).decode()
    return f"{credentials.partition(':')[0]}:{hashed}"


ALICE = ((ALL, "digest", digest("alice:secret")),)


def test_a_client_is_known_by_its_address_and_by_what_it_shows(raw):
    client = raw()
    assert who_am_i(client) == [("ip", "127.0.0.1")]
    reply = authenticate(client)
    assert (reply.zxid, reply.err, reply.body) == (0, 0, b"")
    assert authenticate(client, credentials=b"bob:b:c", xid=7).xid == 7
    assert authenticate(client).err == 0
    assert authenticate(client, "ip", b"10.1.1.1").err == 0
    assert who_am_i(client) == [("digest", "alice"), ("digest", "bob"), ("ip", "127.0.0.1")]


@pytest.mark.parametrize(
    ("scheme", "credentials"),
    [
        ("unknown", b"x"),
        ("world", b"anyone"),
        ("auth", b""),
        ("super", b""),
        ("sasl", b"alice"),
        ("x509", b""),
        ("", b""),
        ("digest", None),
    ],
)
def test_a_client_that_fails_to_authenticate_is_told_and_closed(raw, root, scheme, credentials):
    client = raw()
    reply = authenticate(client, scheme, credentials)
    assert (reply.zxid, reply.err, reply.body) == (0, AUTH_FAILED, b"")
    with pytest.raises(Closed):
        client.read_frame()
    assert raw(session=client.session).session == client.session, "the session is not harmed"


@pytest.mark.parametrize("body", [b"", wire.int32(0), wire.int32(0) + wire.string("digest")])
def test_an_auth_packet_that_ends_early_closes_the_connection(raw, body):
    client = raw()
    client.send(AUTH, body, xid=AUTH_XID)
    with pytest.raises(Closed):
        client.receive()


def test_auth_packets_may_follow_the_connect_request_at_once(raw, root):
    client = raw(handshake=False)
    client.send_frame(wire.connect_body())
    client.send(AUTH, auth_body("digest", b"alice:secret"), xid=AUTH_XID)
    client.send(wire.CREATE, wire.create_body(f"{root}/node", acls=((ALL, "auth", ""),)))
    assert len(client.read_frame()) == 37
    # ZooKeeper answers auth packets at once; clients take either order.
    assert sorted(client.receive().xid for _ in range(2)) == [AUTH_XID, 1]
    assert client.get(f"{root}/node")
    assert raw().reply_to(wire.GET_DATA, wire.string(f"{root}/node") + b"\0").err == NO_AUTH


@pytest.mark.menagerie
def test_an_auth_packet_is_answered_in_its_place(raw, root):
    """kazoo takes the answer to an auth packet off the front of its queue of requests."""
    client = raw()
    xids = []
    for n in range(20):
        xids.append(client.send(wire.SET_DATA, wire.set_body(root, b"%d" % n)))
        xids.append(client.send(AUTH, auth_body("digest", b"u%d:p" % n), xid=AUTH_XID))
        xids.append(client.send(wire.GET_DATA, wire.string(root) + b"\0"))
    assert [client.receive().xid for _ in xids] == xids


def test_identities_belong_to_the_connection(raw, root):
    first = raw()
    authenticate(first)
    first.drop()
    back = raw(session=first.session)
    assert who_am_i(back) == [("ip", "127.0.0.1")]


def test_an_acl_lets_in_whom_it_names(raw, root):
    owner, other = raw(), raw()
    authenticate(owner)
    node = f"{root}/node"
    owner.create(node, b"x", acls=ALICE)
    other.sync(node)
    for op, body in [
        (wire.GET_DATA, wire.string(node) + b"\0"),
        (wire.EXISTS, wire.string(node) + b"\0"),
        (wire.GET_CHILDREN, wire.string(node) + b"\0"),
        (wire.GET_ACL, wire.string(node)),
        (wire.SET_DATA, wire.set_body(node, b"")),
        (wire.CREATE, wire.create_body(f"{node}/child")),
        (wire.SET_ACL, wire.string(node) + wire.acl(wire.OPEN_ACL) + wire.int32(-1)),
    ]:
        reply = other.reply_to(op, body)
        assert (reply.err, reply.body) == (NO_AUTH, b""), op
        assert owner.reply_to(op, body).err == 0, op
    # The last one opened it to everybody.
    assert other.get(node)


def test_auth_in_an_acl_stands_for_everybody_the_client_is(raw, root):
    client = raw()
    entry = ((READ | ADMIN, "auth", "whatever"),)
    assert client.reply_to(wire.CREATE, wire.create_body(f"{root}/n", acls=entry)).err == INVALID_ACL
    authenticate(client)
    authenticate(client, credentials=b"bob:x")
    client.create(f"{root}/n", acls=entry)
    reader = client.call(wire.GET_ACL, wire.string(f"{root}/n"))
    entries = sorted((reader.int32(), reader.string(), reader.string()) for _ in range(reader.int32()))
    assert entries == [
        (READ | ADMIN, "digest", digest("alice:secret")),
        (READ | ADMIN, "digest", digest("bob:x")),
    ]


@pytest.mark.parametrize(("who", "allowed"), [("127.0.0.1", True), ("127.0.0.0/8", True), ("10.0.0.0/8", False)])
def test_addresses_in_acls(raw, root, who, allowed):
    client = raw()
    client.create(f"{root}/n", acls=((ALL, "ip", who),))
    assert (client.reply_to(wire.GET_DATA, wire.string(f"{root}/n") + b"\0").err == 0) == allowed


class TestEvents:
    """Whoever may not read a znode is not told of its changes, but its one-shot watch is spent."""

    def watch(self, client, path, mode):
        client.call(ADD_WATCH, wire.string(path) + wire.int32(mode))

    def test_events_go_to_those_who_may_read(self, raw, root):
        alice, bob = raw(), raw()
        authenticate(alice)
        node = f"{root}/node"
        for client in (alice, bob):
            self.watch(client, root, 1)
            self.watch(client, node, 0)
        alice.create(node, acls=ALICE)
        alice.set(node, b"1")
        alice.create(f"{node}/open")
        alice.delete(f"{node}/open")
        alice.delete(node)
        bob.sync(root)
        assert alice.take_events() == [
            Event(CREATED, node),
            Event(CHANGED, node),
            Event(CREATED, f"{node}/open"),
            Event(CHILDREN_CHANGED, node),
            Event(DELETED, f"{node}/open"),
            Event(CHILDREN_CHANGED, node),
            Event(DELETED, node),
        ]
        assert bob.take_events() == [Event(CREATED, f"{node}/open"), Event(DELETED, f"{node}/open")]

    def test_a_watch_that_may_not_tell_is_spent(self, raw, root):
        alice, bob = raw(), raw()
        authenticate(alice)
        node = f"{root}/node"
        alice.create(node)
        bob.sync(node)
        bob.get(node, watch=True)
        alice.call(wire.SET_ACL, wire.string(node) + wire.acl(ALICE) + wire.int32(-1))
        alice.set(node, b"hidden")
        alice.call(wire.SET_ACL, wire.string(node) + wire.acl(wire.OPEN_ACL) + wire.int32(-1))
        alice.set(node, b"seen by nobody who watched before")
        bob.sync(node)
        assert bob.take_events() == []


@pytest.mark.menagerie
def test_kazoo_authenticates_while_it_works(connect, root):
    """On ZooKeeper, whose answer to an auth packet overtakes others, kazoo loses its connection."""
    client = connect()
    handles = [client.create_async(f"{root}/n", b"", sequence=True) for _ in range(50)]
    client.add_auth("digest", "alice:secret")
    handles += [client.create_async(f"{root}/n", b"", sequence=True) for _ in range(50)]
    assert len({handle.get(timeout=30) for handle in handles}) == 100


def test_kazoo_keeps_a_znode_to_itself(connect, root):
    client = connect()
    client.add_auth("digest", "alice:secret")
    acl = make_digest_acl("alice", "secret", all=True)
    client.create(f"{root}/mine", acl=[acl])
    assert client.get(f"{root}/mine")[0] == b""
    with pytest.raises(NoAuthError):
        connect().get(f"{root}/mine")
    assert connect(auth_data=[("digest", "alice:secret")]).get(f"{root}/mine")


def test_kazoo_is_told_that_its_credentials_are_refused(connect):
    client = connect()
    with pytest.raises(AuthFailedError):
        client.add_auth("unknown", "x")


def test_without_sasl_a_token_is_answered_with_nothing(raw):
    client = raw()
    reply = client.reply_to(SASL, wire.buffer(b""))
    assert (reply.zxid, reply.err, Reader(reply.body).buffer()) == (0, 0, None)
    assert client.exists("/")


def test_a_null_token_closes_the_connection(raw):
    client = raw()
    client.send(SASL, wire.buffer(None))
    with pytest.raises(Closed):
        client.receive()
