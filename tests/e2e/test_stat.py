"""Stat fields, zxids and sequence numbers, by ZooKeeper's rules."""

import time

import pytest
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

import raw as wire
from jute import int32, string


@pytest.fixture
def client(raw):
    return raw()


def test_a_new_znode_has_one_zxid_and_zero_versions(client, root):
    client.create(f"{root}/a", b"12345")
    stat = client.exists(f"{root}/a")
    assert stat.czxid == stat.mzxid == stat.pzxid == client.last_zxid
    assert stat.ctime == stat.mtime
    assert abs(stat.ctime - time.time() * 1000) < 60_000
    assert (stat.version, stat.cversion, stat.aversion) == (0, 0, 0)
    assert (stat.ephemeral_owner, stat.data_length, stat.num_children) == (0, 5, 0)


def test_children_count_in_cversion_and_pzxid_and_nowhere_else(client, root):
    before = client.exists(root)
    client.create(f"{root}/a")
    created = client.last_zxid
    stat = client.exists(root)
    assert (stat.cversion, stat.num_children, stat.pzxid) == (1, 1, created)
    client.delete(f"{root}/a")
    deleted = client.last_zxid
    stat = client.exists(root)
    assert (stat.cversion, stat.num_children, stat.pzxid) == (2, 0, deleted)
    assert (stat.mzxid, stat.mtime, stat.version) == (before.mzxid, before.mtime, before.version)


def test_grandchildren_and_data_of_children_leave_the_stat_alone(client, root):
    client.create(f"{root}/a")
    before = client.exists(root)
    client.create(f"{root}/a/b")
    client.set(f"{root}/a", b"data")
    client.delete(f"{root}/a/b")
    assert client.exists(root) == before


def test_set_changes_version_mzxid_mtime_and_length(client, root):
    before = client.exists(root)
    after = client.set(root, b"abc")
    assert (after.version, after.mzxid, after.data_length) == (1, client.last_zxid, 3)
    assert after.mtime >= before.mtime
    assert (after.czxid, after.pzxid, after.cversion, after.aversion) == (before.czxid, before.pzxid, 0, 0)
    # The same data again is a change like another.
    assert client.set(root, b"abc").version == 2


def test_set_acl_changes_aversion_only(zk, root):
    before = zk.exists(root)
    zk.set_acls(root, OPEN_ACL_UNSAFE + READ_ACL_UNSAFE)
    after = zk.exists(root)
    assert after == before._replace(aversion=1)


def test_ephemeral_owner_is_the_session(client, root):
    client.create(f"{root}/e", flags=1)
    assert client.exists(f"{root}/e").ephemeral_owner == client.session.id


def test_null_data_and_empty_data_come_back_as_they_were(client, root):
    client.create(f"{root}/null", None)
    client.create(f"{root}/empty", b"")
    assert client.get(f"{root}/null")[0] is None
    assert client.get(f"{root}/empty")[0] == b""
    assert client.exists(f"{root}/null").data_length == 0


def test_a_failed_write_consumes_a_zxid(client, root):
    """Its reply carries a zxid of its own, between those of its neighbours, as ZooKeeper's does."""
    body = wire.create_body(f"{root}/a")
    first = client.reply_to(wire.CREATE, body)
    exists = client.reply_to(wire.CREATE, body)
    version = client.reply_to(wire.SET_DATA, wire.set_body(f"{root}/a", b"", 7))
    missing = client.reply_to(wire.DELETE, string(f"{root}/none") + int32(-1))
    last = client.reply_to(wire.SET_DATA, wire.set_body(f"{root}/a", b""))
    replies = [first, exists, version, missing, last]
    assert [reply.err for reply in replies] == [0, -110, -103, -101, 0]
    zxids = [reply.zxid for reply in replies]
    assert zxids == sorted(set(zxids))
    assert client.exists(f"{root}/a").mzxid == last.zxid


def test_reads_and_pings_carry_the_last_zxid_applied(client, root):
    client.create(f"{root}/a")
    written = client.last_zxid
    assert client.ping().zxid >= written
    assert client.reply_to(wire.EXISTS, string(f"{root}/a") + b"\0").zxid >= written


def test_sequence_numbers_count_all_creations_and_are_not_reused(client, root):
    client.create(f"{root}/ordinary")
    assert client.create(f"{root}/s-", flags=2) == f"{root}/s-0000000001"
    client.delete(f"{root}/s-0000000001")
    assert client.create(f"{root}/other-", flags=2) == f"{root}/other-0000000002"
    assert client.reply_to(wire.CREATE, wire.create_body(f"{root}/ordinary")).err == -110
    assert client.create(f"{root}/s-", flags=3) == f"{root}/s-0000000003"
    assert client.create(f"{root}/", flags=2) == f"{root}/0000000004"


def test_the_built_in_znodes_are_there(zk):
    assert "zookeeper" in zk.get_children("/")
    assert zk.exists("/zookeeper/quota")
    root = zk.exists("/")
    assert (root.czxid, root.mzxid, root.ctime, root.version) == (0, 0, 0, 0)
    assert zk.get_acls("/")[0] == OPEN_ACL_UNSAFE


def test_an_acl_for_the_creator_needs_an_identity(client, root):
    """`auth` expands to the identities of the connection, of which this one has none."""
    acls = [(entry.perms, entry.id.scheme, entry.id.id) for entry in CREATOR_ALL_ACL]
    assert client.reply_to(wire.CREATE, wire.create_body(f"{root}/a", acls=acls)).err == -114
