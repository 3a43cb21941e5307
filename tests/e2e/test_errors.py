"""Error codes, as clients and on the wire."""

import pytest
from kazoo.exceptions import (
    BadVersionError, NoAuthError, NoChildrenForEphemeralsError, NodeExistsError, NoNodeError, NotEmptyError,
)
from kazoo.security import make_acl

import raw as wire
from jute import int32, string

BAD_ARGUMENTS, NO_NODE, NODE_EXISTS, INVALID_ACL = -8, -101, -110, -114

READ_ONLY = [make_acl("world", "anyone", read=True)]


@pytest.fixture
def tree(zk, root):
    """A parent with a child, and an ephemeral."""
    zk.create(f"{root}/parent")
    zk.create(f"{root}/parent/child")
    zk.create(f"{root}/ephemeral", ephemeral=True)
    return root


@pytest.mark.parametrize(
    ("error", "operation"),
    [
        (NoNodeError, lambda zk, root: zk.get(f"{root}/none")),
        (NoNodeError, lambda zk, root: zk.set(f"{root}/none", b"")),
        (NoNodeError, lambda zk, root: zk.delete(f"{root}/none")),
        (NoNodeError, lambda zk, root: zk.get_children(f"{root}/none")),
        (NoNodeError, lambda zk, root: zk.get_acls(f"{root}/none")),
        (NoNodeError, lambda zk, root: zk.set_acls(f"{root}/none", READ_ONLY)),
        (NoNodeError, lambda zk, root: zk.create(f"{root}/none/child")),
        (NodeExistsError, lambda zk, root: zk.create(f"{root}/parent")),
        (NotEmptyError, lambda zk, root: zk.delete(f"{root}/parent")),
        (BadVersionError, lambda zk, root: zk.set(f"{root}/parent", b"", version=3)),
        (BadVersionError, lambda zk, root: zk.delete(f"{root}/parent/child", version=3)),
        (BadVersionError, lambda zk, root: zk.set_acls(f"{root}/parent", READ_ONLY, version=3)),
        (NoChildrenForEphemeralsError, lambda zk, root: zk.create(f"{root}/ephemeral/child")),
    ],
)
def test_operations_fail_with_their_error(tree, zk, error, operation):
    with pytest.raises(error):
        operation(zk, tree)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("{root}/", BAD_ARGUMENTS),
        ("{root}//a", NO_NODE),
        ("{root}/.", BAD_ARGUMENTS),
        ("{root}/..", BAD_ARGUMENTS),
        ("{root}/a\u0000b", BAD_ARGUMENTS),
        ("{root}/a\u0001b", BAD_ARGUMENTS),
        ("{root}/a\u0080b", BAD_ARGUMENTS),
        ("{root}/a\ue000b", BAD_ARGUMENTS),
        ("{root}/a\ufff0b", BAD_ARGUMENTS),
        ("no-slash", BAD_ARGUMENTS),
        ("", BAD_ARGUMENTS),
        ("/", NODE_EXISTS),
        ("{root}/./a", NO_NODE),
    ],
)
def test_create_checks_its_path(raw, root, path, code):
    client = raw()
    assert client.reply_to(wire.CREATE, wire.create_body(path.format(root=root))).err == code
    assert client.children(root) == []


@pytest.mark.parametrize("path", ["{root}/", "{root}//a", "{root}/../a", "relative", ""])
def test_set_refuses_invalid_paths(raw, root, path):
    assert raw().reply_to(wire.SET_DATA, wire.set_body(path.format(root=root), b"")).err == BAD_ARGUMENTS


def test_unusual_names_that_are_valid_are_accepted(raw, root):
    client = raw()
    for name in ("...", ".a", "a.", "a b", "zookeeper", "\u4e2d\u6587", "%2f"):
        assert client.create(f"{root}/{name}") == f"{root}/{name}"
        assert client.get(f"{root}/{name}")[0] == b""


def test_built_in_znodes_cannot_be_deleted(raw, root):
    client = raw()
    for path in ("/", "/zookeeper", "/zookeeper/quota"):
        assert client.reply_to(wire.DELETE, string(path) + int32(-1)).err == BAD_ARGUMENTS


def test_unknown_create_flags_are_bad_arguments(raw, root):
    assert raw().reply_to(wire.CREATE, wire.create_body(f"{root}/a", flags=99)).err == BAD_ARGUMENTS


@pytest.mark.parametrize(
    "acls", [[], [(31, "world", "nobody")], [(31, "nonsense", "x")], [(31, "ip", "not an address")]]
)
def test_invalid_acls_are_refused_before_anything_else(raw, root, acls):
    client = raw()
    client.create(f"{root}/there")
    for name in ("new", "there"):
        assert client.reply_to(wire.CREATE, wire.create_body(f"{root}/{name}", acls=acls)).err == INVALID_ACL


class TestWorldAcls:
    """Entries for `world:anyone` are enforced."""

    def test_a_read_only_znode_can_be_read_and_not_changed(self, zk, root):
        path = zk.create(f"{root}/a", b"data", acl=READ_ONLY)
        assert zk.get(path)[0] == b"data"
        assert zk.get_acls(path)[0] == READ_ONLY
        for refused in (
            lambda: zk.set(path, b"other"),
            lambda: zk.create(f"{path}/child"),
            lambda: zk.set_acls(path, READ_ONLY),
        ):
            with pytest.raises(NoAuthError):
                refused()
        assert zk.get(path)[0] == b"data"

    def test_deleting_needs_permission_on_the_parent(self, zk, root):
        zk.create(f"{root}/parent", acl=[make_acl("world", "anyone", read=True, create=True)])
        zk.create(f"{root}/parent/child")
        with pytest.raises(NoAuthError):
            zk.delete(f"{root}/parent/child")
        zk.create(f"{root}/closed", acl=READ_ONLY)
        zk.delete(f"{root}/closed")

    def test_reading_needs_permission(self, zk, root):
        path = zk.create(f"{root}/a", acl=[make_acl("world", "anyone", write=True)])
        with pytest.raises(NoAuthError):
            zk.get(path)
        with pytest.raises(NoAuthError):
            zk.get_children(path)
        assert zk.set(path, b"").version == 1

    def test_permissions_are_not_inherited(self, zk, root):
        zk.create(f"{root}/a", acl=[make_acl("world", "anyone", all=True)])
        zk.create(f"{root}/a/b", acl=READ_ONLY)
        zk.create(f"{root}/open")
        with pytest.raises(NoAuthError):
            zk.set(f"{root}/a/b", b"")
        zk.set(f"{root}/open", b"")

    def test_a_multi_is_refused_whole(self, zk, root):
        zk.create(f"{root}/closed", acl=READ_ONLY)
        transaction = zk.transaction()
        transaction.create(f"{root}/a")
        transaction.set_data(f"{root}/closed", b"")
        results = transaction.commit()
        assert isinstance(results[1], NoAuthError)
        assert zk.exists(f"{root}/a") is None
