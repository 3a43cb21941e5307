"""Transactions: all or nothing."""

from kazoo.exceptions import BadVersionError, NodeExistsError, RolledBackError, RuntimeInconsistency

import raw as wire
from jute import Reader, boolean, buffer, int32, string


def test_a_multi_does_everything_under_one_zxid(zk, root):
    zk.create(f"{root}/old", b"")
    transaction = zk.transaction()
    transaction.create(f"{root}/new", b"data")
    transaction.set_data(f"{root}/new", b"more data", version=0)
    transaction.check(f"{root}/new", version=1)
    transaction.create(f"{root}/new/child", ephemeral=True)
    transaction.delete(f"{root}/old")
    results = transaction.commit()
    assert results[0] == f"{root}/new"
    assert results[1].version == 1
    assert results[2:] == [True, f"{root}/new/child", True]
    assert zk.get(f"{root}/new")[0] == b"more data"
    assert zk.exists(f"{root}/old") is None
    stat = zk.exists(f"{root}/new")
    assert stat.czxid == stat.mzxid == stat.pzxid == zk.exists(root).pzxid


def test_a_failed_multi_does_nothing_and_names_the_culprit(zk, root):
    zk.create(f"{root}/there")
    transaction = zk.transaction()
    transaction.create(f"{root}/a")
    transaction.create(f"{root}/there")
    transaction.delete(f"{root}/there")
    results = transaction.commit()
    assert [type(result) for result in results] == [RolledBackError, NodeExistsError, RuntimeInconsistency]
    assert zk.get_children(root) == ["there"]


def test_a_check_of_the_wrong_version_stops_a_multi(zk, root):
    transaction = zk.transaction()
    transaction.check(root, version=5)
    transaction.create(f"{root}/a")
    results = transaction.commit()
    assert isinstance(results[0], BadVersionError)
    assert zk.get_children(root) == []


def test_sequence_numbers_advance_inside_a_multi(zk, root):
    transaction = zk.transaction()
    for _ in range(3):
        transaction.create(f"{root}/s-", sequence=True)
    assert transaction.commit() == [f"{root}/s-{n:010d}" for n in range(3)]


def test_a_failed_multi_gives_its_sequence_numbers_back(zk, root):
    transaction = zk.transaction()
    transaction.create(f"{root}/s-", sequence=True)
    transaction.create(f"{root}/s-", sequence=True)
    transaction.delete(f"{root}/none")
    transaction.commit()
    stat = zk.exists(root)
    assert (stat.cversion, stat.numChildren) == (0, 0)
    assert zk.create(f"{root}/s-", sequence=True) == f"{root}/s-0000000000"


def multi_body(*ops: tuple[int, bytes]) -> bytes:
    records = b"".join(int32(op) + boolean(False) + int32(-1) + body for op, body in ops)
    return records + int32(-1) + boolean(True) + int32(-1)


def test_a_failed_multi_is_a_reply_without_error_that_holds_errors(raw, root):
    client = raw()
    reply = client.reply_to(
        wire.MULTI,
        multi_body(
            (wire.CREATE, wire.create_body(f"{root}/a")),
            (wire.CHECK, string(f"{root}/none") + int32(-1)),
            (wire.SET_DATA, string(root) + buffer(b"") + int32(-1)),
        ),
    )
    assert reply.err == 0
    reader = Reader(reply.body)
    for code in (0, -101, -2):
        assert (reader.int32(), reader.boolean(), reader.int32(), reader.int32()) == (-1, False, code, code)
    assert (reader.int32(), reader.boolean(), reader.int32(), reader.rest) == (-1, True, -1, b"")


def test_an_empty_multi_succeeds(raw, root):
    client = raw()
    before = client.ping().zxid
    reply = client.reply_to(wire.MULTI, multi_body())
    assert (reply.err, Reader(reply.body).int32()) == (0, -1)
    assert reply.zxid > before


def test_a_multi_that_mixes_reads_and_writes_is_a_marshalling_error(raw, root):
    client = raw()
    body = multi_body(
        (wire.CREATE, wire.create_body(f"{root}/a")), (wire.GET_DATA, string(root) + boolean(False))
    )
    assert client.reply_to(wire.MULTI, body).err == -5
    assert client.children(root) == []


def test_watches_fire_for_each_operation_in_order(raw, root):
    client = raw()
    client.reply_to(wire.EXISTS, string(f"{root}/a") + boolean(True))
    client.children(root, watch=True)
    client.call(
        wire.MULTI,
        multi_body(
            (wire.CREATE, wire.create_body(f"{root}/a")), (wire.DELETE, string(f"{root}/a") + int32(-1))
        ),
    )
    events = [(event.type, event.path) for event in client.take_events()]
    assert events == [(wire.CREATED, f"{root}/a"), (wire.CHILDREN_CHANGED, root)]
