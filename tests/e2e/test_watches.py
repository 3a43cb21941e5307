"""One-shot watches: which event, once, before the data, and set again after a reconnect."""

import pytest

import raw as wire
from harness.wait import eventually
from raw import CHANGED, CHILDREN_CHANGED, CREATED, DELETED, Event

READS = {
    "exists": lambda client, path: client.reply_to(wire.EXISTS, wire.string(path) + b"\1"),
    "get": lambda client, path: client.get(path, watch=True),
    "children": lambda client, path: client.children(path, watch=True),
}

CHANGES = {
    "create": lambda client, path: client.create(path),
    "delete": lambda client, path: client.delete(path),
    "set": lambda client, path: client.set(path, b"new"),
    "create child": lambda client, path: client.create(f"{path}/child"),
    "delete child": lambda client, path: client.delete(f"{path}/old"),
}

# What a watch set by the read on /node tells of the change to /node.
MATRIX = [
    ("exists", "create", CREATED),
    ("exists", "delete", DELETED),
    ("exists", "set", CHANGED),
    ("exists", "create child", None),
    ("get", "delete", DELETED),
    ("get", "set", CHANGED),
    ("get", "create child", None),
    ("get", "delete child", None),
    ("children", "delete", DELETED),
    ("children", "set", None),
    ("children", "create child", CHILDREN_CHANGED),
    ("children", "delete child", CHILDREN_CHANGED),
]


@pytest.mark.parametrize(("read", "change", "event"), MATRIX)
@pytest.mark.parametrize("by", ["itself", "another"])
def test_a_watch_tells_of(raw, root, read, change, event, by):
    """The event of a session's own write comes before the reply to it."""
    path = f"{root}/node"
    client = raw()
    if change != "create":
        client.create(path)
    if change == "delete child":
        client.create(f"{path}/old")
    READS[read](client, path)
    if by == "itself":
        CHANGES[change](client, path)
    else:
        other = raw()
        other.sync(path)
        CHANGES[change](other, path)
        client.sync(path)
    assert client.take_events() == ([Event(event, path)] if event else [])


@pytest.mark.parametrize(
    ("read", "change"), [("exists", "set"), ("get", "set"), ("children", "create child")]
)
def test_a_watch_fires_once(raw, root, read, change):
    client = raw()
    client.create(f"{root}/node")
    READS[read](client, f"{root}/node")
    CHANGES[change](client, f"{root}/node")
    assert len(client.take_events()) == 1
    client.set(f"{root}/node", b"again")
    client.create(f"{root}/node/another")
    assert client.take_events() == []


def test_a_watch_set_twice_fires_once(raw, root):
    client = raw()
    client.get(root, watch=True)
    client.get(root, watch=True)
    client.exists(root, watch=True)
    client.set(root, b"new")
    assert client.take_events() == [Event(CHANGED, root)]


def test_a_failed_read_sets_no_watch(raw, root):
    client = raw()
    for op in (wire.GET_DATA, wire.GET_CHILDREN):
        assert client.reply_to(op, wire.string(f"{root}/node") + b"\1").err == -101
    client.create(f"{root}/node")
    assert client.take_events() == []


def test_a_delete_tells_node_watchers_once_and_the_parents_watchers(raw, root):
    client = raw()
    client.create(f"{root}/node")
    client.get(f"{root}/node", watch=True)
    client.children(f"{root}/node", watch=True)
    client.children(root, watch=True)
    client.delete(f"{root}/node")
    assert client.take_events() == [Event(DELETED, f"{root}/node"), Event(CHILDREN_CHANGED, root)]


def test_failed_writes_acl_changes_and_syncs_fire_nothing(raw, root, zk):
    client = raw()
    client.get(root, watch=True)
    client.children(root, watch=True)
    assert client.reply_to(wire.SET_DATA, wire.set_body(root, b"", 99)).err == -103
    assert client.reply_to(wire.DELETE, wire.string(f"{root}/none") + wire.int32(-1)).err == -101
    zk.set_acls(root, zk.get_acls(root)[0])
    client.sync(root)
    assert client.take_events() == []


def test_the_event_comes_before_any_reply_that_shows_the_change(raw, root):
    """A reader that polls without pause while another writes."""
    reader, writer = raw(), raw()
    for n in range(50):
        before = reader.get(root, watch=True)[1].version
        writer.send(wire.SET_DATA, wire.set_body(root, str(n).encode()))
        while reader.get(root)[1].version == before:
            assert reader.take_events() == []
        assert reader.take_events() == [Event(CHANGED, root)]
        assert writer.receive().err == 0


def test_events_come_in_the_order_of_the_changes(raw, root):
    client, writer = raw(), raw()
    names = [f"{root}/{n:02}" for n in range(50)]
    for name in names:
        READS["exists"](client, name)
    for name in names:
        writer.create(name)
    assert client.wait_events(50) == [Event(CREATED, name) for name in names]


def test_every_watching_session_is_told_at_every_server(cluster, raw, root):
    watchers = [raw(address) for address in cluster.addresses().values() for _ in range(5)]
    for watcher in watchers:
        watcher.get(root, watch=True)
    raw().set(root, b"new")
    for watcher in watchers:
        assert watcher.wait_events(1) == [Event(CHANGED, root)]


def test_watches_do_not_outlive_their_connection(raw, root):
    first = raw()
    first.get(root, watch=True)
    first.drop()
    second = raw(session=first.session)
    second.set(root, b"new")
    assert second.take_events() == []


class TestSetWatches:
    """What a client sends after it has reconnected."""

    @pytest.fixture
    def away(self, raw, root):
        """A session that lost its connection, another client, and znodes for it to change."""
        client, other = raw(), raw()
        for name in ("changed", "deleted", "same", "parent", "quiet"):
            client.create(f"{root}/{name}")
        client.create(f"{root}/parent/old")
        other.sync(root)
        client.drop()
        return client, other

    def come_back(self, raw, client):
        return raw(session=client.session, last_zxid=client.last_zxid)

    def test_what_was_missed_comes_as_events_before_the_reply(self, raw, root, away):
        client, other = away
        seen = client.last_zxid
        other.set(f"{root}/changed", b"new")
        other.delete(f"{root}/deleted")
        other.create(f"{root}/created")
        other.delete(f"{root}/parent/old")
        back = self.come_back(raw, client)
        back.sync(root)
        back.set_watches(
            seen,
            data=[f"{root}/changed", f"{root}/deleted", f"{root}/same"],
            exist=[f"{root}/created", f"{root}/absent"],
            child=[f"{root}/parent", f"{root}/quiet"],
        )
        assert sorted(back.take_events(), key=lambda event: event.path) == [
            Event(CHANGED, f"{root}/changed"),
            Event(CREATED, f"{root}/created"),
            Event(DELETED, f"{root}/deleted"),
            Event(CHILDREN_CHANGED, f"{root}/parent"),
        ]

    def test_watches_of_what_did_not_change_are_armed_again(self, raw, root, away):
        client, _ = away
        back = self.come_back(raw, client)
        back.set_watches(
            back.last_zxid, data=[f"{root}/same"], exist=[f"{root}/absent"], child=[f"{root}/quiet"]
        )
        assert back.take_events() == []
        back.set(f"{root}/same", b"new")
        back.create(f"{root}/absent")
        back.create(f"{root}/quiet/child")
        assert back.take_events() == [
            Event(CHANGED, f"{root}/same"),
            Event(CREATED, f"{root}/absent"),
            Event(CHILDREN_CHANGED, f"{root}/quiet"),
        ]

    def test_the_number_of_the_request_is_echoed(self, raw, root):
        """The C client sends -8, and drops the reply by it."""
        client = raw()
        body = wire.int64(0) + 3 * wire.int32(0)
        assert client.reply_to(wire.SET_WATCHES, body, xid=-8).xid == -8


def test_kazoo_watchers_see_every_last_state(zk, connect, root):
    """DataWatch and ChildrenWatch set themselves again: they may skip, but end with the newest."""
    data, children = [], []
    zk.DataWatch(root, lambda value, stat: data.append(value))
    zk.ChildrenWatch(root, lambda names: children.append(sorted(names)))
    writer = connect()
    for n in range(20):
        writer.set(root, str(n).encode())
        writer.create(f"{root}/{n:02}")
    eventually(lambda: data[-1] == b"19", what="the newest data")
    eventually(lambda: len(children[-1]) == 20, what="all children")
