"""Watches that stay: which events, how they are asked about and removed, and how they come back."""

import pytest

import raw as wire
from harness.cluster import four_letter_word
from harness.wait import eventually
from jute import Reader
from raw import CHANGED, CHILDREN_CHANGED, CREATED, DELETED, Closed, Event

ADD_WATCH, CHECK_WATCHES, REMOVE_WATCHES, SET_WATCHES2 = 106, 17, 18, 105
PERSISTENT, RECURSIVE = 0, 1
# ZooKeeper's WatcherType.
OF_CHILDREN, OF_DATA, ANY, OF_PERSISTENT, OF_RECURSIVE = range(1, 6)
NO_WATCHER, UNDECODABLE = -121, -5


def add_watch(client, path, mode):
    body = client.call(ADD_WATCH, wire.string(path) + wire.int32(mode))
    assert (body.int32(), body.rest) == (0, b"")


def about_watches(client, op, path, watch_type):
    """The error code of a checkWatches or removeWatches."""
    reply = client.reply_to(op, wire.string(path) + wire.int32(watch_type))
    assert reply.body == b""
    return reply.err


def set_watches2(client, since, data=(), exist=(), child=(), persistent=(), recursive=()):
    lists = (wire.vector(map(wire.string, paths)) for paths in (data, exist, child, persistent, recursive))
    return client.reply_to(SET_WATCHES2, wire.int64(since) + b"".join(lists))


def test_a_persistent_watch_tells_of_every_change_of_its_znode(raw, root):
    client, other = raw(), raw()
    node = f"{root}/node"
    add_watch(client, node, PERSISTENT)
    other.create(node)
    other.set(node, b"1")
    other.set(node, b"2")
    other.create(f"{node}/child")
    other.set(f"{node}/child", b"not seen")
    other.delete(f"{node}/child")
    other.delete(node)
    other.create(node)
    client.sync(node)
    assert client.take_events() == [
        Event(CREATED, node),
        Event(CHANGED, node),
        Event(CHANGED, node),
        Event(CHILDREN_CHANGED, node),
        Event(CHILDREN_CHANGED, node),
        Event(DELETED, node),
        Event(CREATED, node),
    ]


def events_of_the_story(client, other, top):
    """What a client is told of a small tree that comes and goes under `top`."""
    other.create(f"{top}/a")
    other.create(f"{top}/a/b")
    other.set(f"{top}/a/b", b"new")
    other.delete(f"{top}/a/b")
    other.delete(f"{top}/a")
    client.sync(top)
    return client.take_events()


def test_a_recursive_watch_tells_of_everything_below_but_not_of_children(raw, root):
    client, other = raw(), raw()
    add_watch(client, root, RECURSIVE)
    assert events_of_the_story(client, other, root) == [
        Event(CREATED, f"{root}/a"),
        Event(CREATED, f"{root}/a/b"),
        Event(CHANGED, f"{root}/a/b"),
        Event(DELETED, f"{root}/a/b"),
        Event(DELETED, f"{root}/a"),
    ]
    other.set(root, b"itself")
    client.sync(root)
    assert client.take_events() == [Event(CHANGED, root)]


def test_a_recursive_watch_of_the_root_sees_the_paths_of_events_whole(raw, root):
    """Elsewhere such events have carried the wrong path and corrupted caches."""
    client, other = raw(), raw()
    add_watch(client, "/", RECURSIVE)
    assert Event(CHANGED, f"{root}/a/b") in events_of_the_story(client, other, root)


def test_a_path_that_only_begins_alike_is_not_below(raw, root):
    client = raw()
    add_watch(client, f"{root}/a", RECURSIVE)
    client.create(f"{root}/ab")
    assert client.take_events() == []


def test_one_change_is_told_once_however_it_is_watched(raw, root):
    client, other = raw(), raw()
    node = f"{root}/node"
    client.create(node)
    other.sync(node)
    client.get(node, watch=True)
    client.children(node, watch=True)
    for path, mode in [(node, PERSISTENT), (node, RECURSIVE), (root, RECURSIVE), (root, RECURSIVE)]:
        add_watch(client, path, mode)
    other.set(node, b"new")
    other.create(f"{node}/child")
    other.delete(f"{node}/child")
    other.delete(node)
    client.sync(node)
    assert client.take_events() == [
        Event(CHANGED, node),
        Event(CREATED, f"{node}/child"),
        Event(CHILDREN_CHANGED, node),
        Event(DELETED, f"{node}/child"),
        Event(CHILDREN_CHANGED, node),
        Event(DELETED, node),
    ]


def test_events_of_a_multi_come_in_its_order_with_its_zxid(raw, root, zk):
    client = raw()
    add_watch(client, root, RECURSIVE)
    transaction = zk.transaction()
    transaction.create(f"{root}/a")
    transaction.create(f"{root}/a/b")
    transaction.set_data(f"{root}/a", b"new")
    transaction.delete(f"{root}/a/b")
    assert not any(isinstance(result, Exception) for result in transaction.commit())
    client.send(wire.SYNC, wire.string(root))
    seen = []
    for _ in range(4):
        reader = Reader(client.read_frame())
        assert reader.int32() == wire.NOTIFICATION_XID
        seen.append((reader.int64(), reader.int32(), reader.int32(), reader.int32(), reader.string()))
    assert [(type_, path) for _, _, type_, _, path in seen] == [
        (CREATED, f"{root}/a"),
        (CREATED, f"{root}/a/b"),
        (CHANGED, f"{root}/a"),
        (DELETED, f"{root}/a/b"),
    ]
    zxid = zk.get(f"{root}/a")[1].mzxid
    assert {(at, err, state) for at, err, _, state, _ in seen} == {(zxid, 0, 3)}


@pytest.mark.parametrize("mode", [-1, 2, 7])
def test_an_unknown_mode_does_not_decode(raw, root, mode):
    client = raw()
    reply = client.reply_to(ADD_WATCH, wire.string(root) + wire.int32(mode))
    assert (reply.err, reply.body) == (UNDECODABLE, b"")
    client.set(root, b"new")
    assert client.take_events() == []


SET = {
    "get": lambda client, path: client.get(path, watch=True),
    "exists": lambda client, path: client.exists(path, watch=True),
    "children": lambda client, path: client.children(path, watch=True),
    "persistent": lambda client, path: add_watch(client, path, PERSISTENT),
    "recursive": lambda client, path: add_watch(client, path, RECURSIVE),
}
FINDS = {
    "get": {OF_DATA, ANY},
    "exists": {OF_DATA, ANY},
    "children": {OF_CHILDREN, ANY},
    "persistent": {OF_PERSISTENT, ANY},
    "recursive": {OF_RECURSIVE, ANY},
}


@pytest.mark.parametrize("watch_type", range(0, 7))
@pytest.mark.parametrize("how", SET)
def test_a_watch_is_found_and_removed_by_its_type(raw, root, how, watch_type):
    client = raw()
    SET[how](client, root)
    missing = NO_WATCHER if 1 <= watch_type <= 5 else UNDECODABLE
    hit = 0 if watch_type in FINDS[how] else missing
    assert about_watches(client, CHECK_WATCHES, root, watch_type) == hit
    assert about_watches(client, CHECK_WATCHES, f"{root}/other", watch_type) == missing
    assert about_watches(client, REMOVE_WATCHES, root, watch_type) == hit
    assert about_watches(client, CHECK_WATCHES, root, ANY) == (NO_WATCHER if hit == 0 else 0)
    client.set(root, b"new")
    client.create(f"{root}/child")
    assert bool(client.take_events()) == (hit != 0)


def test_removing_one_kind_leaves_the_others(raw, root):
    client = raw()
    for how in SET:
        SET[how](client, root)
    assert about_watches(client, REMOVE_WATCHES, root, OF_PERSISTENT) == 0
    assert about_watches(client, REMOVE_WATCHES, root, OF_DATA) == 0
    found = [about_watches(client, CHECK_WATCHES, root, watch_type) for watch_type in range(1, 6)]
    assert found == [0, NO_WATCHER, 0, NO_WATCHER, 0]
    client.create(f"{root}/child")
    assert client.take_events() == [Event(CREATED, f"{root}/child"), Event(CHILDREN_CHANGED, root)]


def test_removing_a_watch_leaves_those_of_others(raw, root):
    leaver, stayer = raw(), raw()
    for client in (leaver, stayer):
        add_watch(client, root, PERSISTENT)
    assert about_watches(leaver, REMOVE_WATCHES, root, ANY) == 0
    leaver.set(root, b"new")
    assert stayer.wait_events(1) == [Event(CHANGED, root)]
    assert leaver.take_events() == []
    add_watch(leaver, root, PERSISTENT)
    stayer.drop()
    leaver.set(root, b"newer")
    assert leaver.take_events() == [Event(CHANGED, root)]


def test_persistent_watches_come_back_with_set_watches_2(raw, root):
    client, other = raw(), raw()
    add_watch(client, root, RECURSIVE)
    client.drop()
    other.sync(root)
    back = raw(session=client.session, last_zxid=client.last_zxid)
    reply = set_watches2(
        back, back.last_zxid, exist=[f"{root}/a"], persistent=[root], recursive=[f"{root}/a"]
    )
    assert (reply.err, reply.body, back.take_events()) == (0, b"", [])
    other.create(f"{root}/a")
    other.create(f"{root}/a/b")
    other.set(f"{root}/a", b"new")
    assert back.wait_events(4) == [
        Event(CREATED, f"{root}/a"),
        Event(CHILDREN_CHANGED, root),
        Event(CREATED, f"{root}/a/b"),
        Event(CHANGED, f"{root}/a"),
    ]


def test_set_watches_2_tells_what_one_shot_watches_missed(raw, root):
    client, other = raw(), raw()
    for name in ("changed", "deleted", "parent"):
        client.create(f"{root}/{name}")
    other.sync(root)
    client.drop()
    other.set(f"{root}/changed", b"new")
    other.delete(f"{root}/deleted")
    other.create(f"{root}/created")
    other.create(f"{root}/parent/child")
    back = raw(session=client.session, last_zxid=client.last_zxid)
    back.sync(root)
    data, exist, child = ["changed", "deleted"], ["created", "absent"], ["parent"]
    lists = ([f"{root}/{name}" for name in names] for names in (data, exist, child))
    assert set_watches2(back, client.last_zxid, *lists).err == 0
    assert sorted(back.take_events(), key=lambda event: event.path) == [
        Event(CHANGED, f"{root}/changed"),
        Event(CREATED, f"{root}/created"),
        Event(DELETED, f"{root}/deleted"),
        Event(CHILDREN_CHANGED, f"{root}/parent"),
    ]


def connections(address):
    """How many connections the server at the address has, the asking one not counted."""
    for line in four_letter_word(address, b"srvr").decode().splitlines():
        if line.startswith("Connections: "):
            return int(line.removeprefix("Connections: ")) - 1
    raise AssertionError("srvr tells no number of connections")


def drop(cluster, client):
    """Ends a connection to the first address, and waits until the server has noticed."""
    address = next(iter(cluster.addresses().values()))
    before = connections(address)
    client.drop()
    eventually(lambda: connections(address) < before, what="the server has noticed")


@pytest.mark.menagerie
def test_what_a_persistent_watch_missed_while_its_client_was_away_is_told(cluster, raw, root):
    """ZooKeeper resumes such watches in silence. Here the events come before the reply, with their own zxids."""
    client, other = raw(), raw()
    add_watch(client, root, RECURSIVE)
    client.sync(root)
    drop(cluster, client)
    other.sync(root)
    other.create(f"{root}/a")
    other.set(f"{root}/a", b"new")
    other.delete(f"{root}/a")
    back = raw(session=client.session, last_zxid=client.last_zxid)
    back.sync(root)
    assert set_watches2(back, client.last_zxid, recursive=[root]).err == 0
    node = f"{root}/a"
    assert back.take_events() == [Event(CREATED, node), Event(CHANGED, node), Event(DELETED, node)]


def test_what_was_told_before_the_connection_went_is_not_told_again(cluster, raw, root):
    """Java's client says what it has seen by the last reply: events that came since do not count."""
    client, other = raw(), raw()
    add_watch(client, root, RECURSIVE)
    seen = client.last_zxid
    other.create(f"{root}/told")
    assert client.wait_events(1) == [Event(CREATED, f"{root}/told")]
    drop(cluster, client)
    back = raw(session=client.session, last_zxid=seen)
    for _ in range(2):
        assert set_watches2(back, seen, recursive=[root]).err == 0
    assert back.take_events() == []


def test_questions_about_watches_keep_their_place_among_pipelined_requests(raw, root):
    client = raw()
    path = wire.string(root)
    client.send(wire.SET_DATA, wire.set_body(root, b"1"))
    client.send(wire.GET_DATA, path + b"\1")
    client.send(CHECK_WATCHES, path + wire.int32(OF_DATA))
    client.send(wire.SET_DATA, wire.set_body(root, b"2"))
    client.send(CHECK_WATCHES, path + wire.int32(OF_DATA))
    replies = [client.receive() for _ in range(5)]
    assert [reply.err for reply in replies] == [0, 0, 0, 0, NO_WATCHER]
    assert [reply.xid for reply in replies] == sorted(reply.xid for reply in replies)
    zxids = [reply.zxid for reply in replies]
    assert zxids == sorted(zxids) and zxids[0] == zxids[2] < zxids[3] == zxids[4]
    assert client.take_events() == [Event(CHANGED, root)]


def test_a_persistent_watch_goes_with_its_connection(raw, root):
    first = raw()
    add_watch(first, root, PERSISTENT)
    first.drop()
    second = raw(session=first.session)
    second.set(root, b"new")
    assert second.take_events() == []
    assert about_watches(second, CHECK_WATCHES, root, ANY) == NO_WATCHER


@pytest.mark.parametrize("op", [CHECK_WATCHES, REMOVE_WATCHES, ADD_WATCH, SET_WATCHES2])
def test_records_that_end_early_do_not_decode(raw, root, op):
    client = raw()
    reply = client.reply_to(op, wire.string(root)[:-1])
    assert (reply.err, reply.body) == (UNDECODABLE, b"")
    assert client.exists(root)


@pytest.mark.shapes("ensemble", "split", "zookeeper-ensemble")
def test_persistent_watches_tell_at_every_server(cluster, raw, root):
    clients = [raw(address) for address in cluster.addresses().values()]
    for client in clients:
        add_watch(client, root, RECURSIVE)
    clients[0].create(f"{root}/a")
    for client in clients:
        assert client.wait_events(1) == [Event(CREATED, f"{root}/a")]


@pytest.mark.shapes("split")
def test_no_event_is_lost_or_doubled_when_the_gateways_change_tree_stores(cluster, raw, root):
    """A recursive watcher sees each of many changes once, though the stores are killed one after the other."""
    client, writer = raw(), raw(list(cluster.addresses().values())[1])
    add_watch(client, root, RECURSIVE)
    for n in range(200):
        writer.create(f"{root}/{n:03}")
        if n == 60:
            cluster.kill9("tree-store-1")
        if n == 120:
            cluster.start("tree-store-1")
            cluster.wait_serving()
            cluster.kill9("tree-store-2")
    try:
        assert client.wait_events(200) == [Event(CREATED, f"{root}/{n:03}") for n in range(200)]
    except Closed:
        pytest.fail("the window of changes that a store remembers is larger than this")
