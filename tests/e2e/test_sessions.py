"""Sessions: negotiated, kept across connections, moved, closed and expired."""

import pytest
from kazoo.client import KazooClient, KazooState

import raw as wire
from harness.wait import eventually, holds
from raw import Closed, Session


def refused(session: Session) -> bool:
    return session == Session(0, bytes(16), 0)


def test_timeouts_are_clamped_between_two_and_twenty_ticks(raw):
    shortest = raw(timeout_ms=1).session.timeout_ms
    longest = raw(timeout_ms=1_000_000_000).session.timeout_ms
    assert shortest > 1
    assert longest == 10 * shortest
    assert raw(timeout_ms=shortest + 1).session.timeout_ms == shortest + 1


def test_sessions_have_ids_and_passwords_of_their_own(raw):
    sessions = [raw().session for _ in range(3)]
    assert len({session.id for session in sessions}) == 3
    assert all(len(session.password) == 16 and any(session.password) for session in sessions)
    assert all(session.id != 0 for session in sessions)


def test_a_client_comes_back_to_its_session_and_ephemerals(raw, root):
    first = raw()
    first.create(f"{root}/e", flags=1)
    first.drop()
    second = raw(session=first.session, last_zxid=first.last_zxid)
    assert second.session == first.session
    assert second.exists(f"{root}/e").ephemeral_owner == first.session.id
    second.close_session()
    assert raw().reply_to(wire.EXISTS, wire.string(f"{root}/e") + b"\0").err == -101


def test_a_wrong_password_is_refused_and_harms_nothing(raw, root):
    owner = raw()
    owner.create(f"{root}/e", flags=1)
    owner.drop()
    thief = raw(session=Session(owner.session.id, b"x" * 16, 30_000))
    assert refused(thief.session)
    with pytest.raises(Closed):
        thief.read_frame()
    back = raw(session=owner.session)
    assert back.session == owner.session
    assert back.exists(f"{root}/e")


def test_an_unknown_session_is_refused_as_expired(raw):
    assert refused(raw(session=Session(0x1234_5678_9ABC, b"p" * 16, 30_000)).session)


def test_a_closed_session_cannot_be_come_back_to(raw):
    client = raw()
    client.close_session()
    with pytest.raises(Closed):
        client.read_frame()
    assert refused(raw(session=client.session).session)


def test_a_client_from_the_future_is_turned_away_without_an_answer(raw):
    zxid = raw().ping().zxid
    client = raw(handshake=False)
    with pytest.raises(Closed):
        client.connect(last_zxid=zxid + (1 << 40))


def test_kazoo_moves_a_session_by_its_client_id(cluster, connect, raw, root):
    """On the same address: there the server closes the old connection."""
    address = next(iter(cluster.addresses().values()))
    old = raw(address)
    old.create(f"{root}/e", flags=1)
    new = connect(
        hosts=f"{address[0]}:{address[1]}", client_id=(old.session.id, old.session.password)
    )
    assert new.client_id == (old.session.id, old.session.password)
    assert new.exists(f"{root}/e").ephemeralOwner == old.session.id
    with pytest.raises(Closed):
        old.ping()
    new.stop()
    assert refused(raw(session=old.session).session)


def test_a_session_taken_to_another_connection_of_the_same_server_closes_the_old_one(raw, root):
    old = raw()
    old.create(f"{root}/e", flags=1)
    new = raw(session=old.session, last_zxid=old.last_zxid)
    assert new.session == old.session
    with pytest.raises(Closed):
        old.create(f"{root}/late")
    assert new.children(root) == ["e"]


@pytest.mark.shapes("ensemble", "split", "zookeeper-ensemble")
def test_a_session_moves_between_servers(cluster, raw, root):
    addresses = list(cluster.addresses().values())
    old = raw(addresses[0])
    old.create(f"{root}/e", flags=1)
    new = raw(addresses[1], session=old.session, last_zxid=old.last_zxid)
    assert new.session.id == old.session.id
    assert new.exists(f"{root}/e").ephemeral_owner == old.session.id
    # The server that lost the session does not write in its name; it closes without an answer.
    with pytest.raises(Closed):
        old.create(f"{root}/late")
    assert new.children(root) == ["e"]


def test_closing_deletes_all_ephemerals_in_one_transaction(raw, root):
    owner, watcher = raw(), raw()
    for parent in ("a", "b"):
        owner.create(f"{root}/{parent}")
        owner.create(f"{root}/{parent}/e", flags=1)
    watcher.sync(root)
    watcher.exists(f"{root}/a/e", watch=True)
    owner.close_session()
    zxid = owner.last_zxid
    assert [watcher.exists(f"{root}/{parent}").pzxid for parent in ("a", "b")] == [zxid, zxid]
    assert watcher.take_events() == [wire.Event(wire.DELETED, f"{root}/a/e")]


def test_pings_keep_an_idle_session_alive(connect, zk, root):
    idle = connect(timeout=4.0)
    states = []
    idle.add_listener(states.append)
    idle.create(f"{root}/e", ephemeral=True)
    zk.sync(root)
    holds(lambda: zk.exists(f"{root}/e"), 7, "the ephemeral of an idle client that pings")
    assert states == []


def test_a_silent_session_expires_and_cannot_be_come_back_to(raw, root):
    silent, watcher = raw(timeout_ms=4_000), raw()
    silent.create(f"{root}/e", flags=1)
    watcher.sync(root)
    watcher.exists(f"{root}/e", watch=True)
    silent.drop()
    eventually(lambda: watcher.ping() and watcher.take_events(), within=20, what="the ephemeral goes")
    assert refused(raw(session=silent.session).session)


def test_kazoo_is_told_that_its_session_expired(cluster, connect, raw, root):
    """Another client closes the session under it; kazoo finds out and opens a new one."""
    client = connect()
    states = []
    client.add_listener(states.append)
    id_, password = client.client_id

    def closed_by_another():
        """Whoever takes the session over ends kazoo's connection; kazoo may be back before the request to close it."""
        closer = raw(handshake=False)
        closer.send_bytes(
            wire.buffer(wire.connect_body(10_000, Session(id_, password, 10_000)))
            + wire.buffer(wire.int32(1) + wire.int32(wire.CLOSE_SESSION))
        )
        closer.read_to_end()
        return refused(raw(handshake=False).connect(session=Session(id_, password, 10_000)))

    eventually(closed_by_another, what="the session is gone")
    eventually(lambda: KazooState.LOST in states, what="kazoo notices the loss")
    eventually(lambda: client.connected and client.client_id[0] != id_, what="a new session")
    assert isinstance(client, KazooClient) and client.exists(root)
