"""kazoo's recipes: locks, elections and the cheap ones."""

import threading

from harness.wait import eventually, holds


def test_a_lock_is_held_by_one_and_handed_over(connect, root):
    first, second = connect().Lock(f"{root}/lock", "first"), connect().Lock(f"{root}/lock", "second")
    assert first.acquire(timeout=10)
    assert not second.acquire(blocking=False)
    waiter = threading.Thread(target=second.acquire)
    waiter.start()
    eventually(lambda: len(first.contenders()) == 2, what="the second contends")
    assert first.contenders()[0] == "first"
    first.release()
    waiter.join(timeout=15)
    assert second.is_acquired
    second.release()


def test_a_lock_is_released_when_its_holders_session_ends(connect, root):
    holder = connect()
    assert holder.Lock(f"{root}/lock").acquire(timeout=10)
    lock = connect().Lock(f"{root}/lock")
    waiter = threading.Thread(target=lock.acquire)
    waiter.start()
    holder.stop()
    waiter.join(timeout=15)
    assert lock.is_acquired


def test_a_contended_lock_lets_in_one_at_a_time(connect, root):
    inside, most, entered = [], [], []

    def work(client):
        for _ in range(5):
            with client.Lock(f"{root}/lock"):
                inside.append(client)
                most.append(len(inside))
                client.sync(root)
                inside.remove(client)
                entered.append(client)

    workers = [threading.Thread(target=work, args=(connect(),)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert len(entered) == 20
    assert max(most) == 1


def test_an_election_has_one_leader_and_then_the_next(connect, root):
    led, release = [], threading.Event()
    clients = {name: connect() for name in ("first", "second")}

    def lead(name):
        led.append(name)
        release.wait(30)

    def stand(name):
        try:
            clients[name].Election(f"{root}/election", name).run(lead, name)
        except Exception:  # the client that is stopped below loses its connection
            pass

    threads = [threading.Thread(target=stand, args=(name,)) for name in clients]
    for thread in threads:
        thread.start()
    election = connect().Election(f"{root}/election", "looking on")
    eventually(lambda: len(election.contenders()) == 2 and len(led) == 1, what="one leads, both contend")
    holds(lambda: len(led) == 1, 0.5, "one leader")
    clients[led[0]].stop()
    eventually(lambda: len(led) == 2, what="the other leads")
    assert set(led) == set(clients)
    release.set()
    for thread in threads:
        thread.join(timeout=15)


def test_a_barrier_holds_until_it_is_removed(connect, root):
    ours, theirs = connect().Barrier(f"{root}/barrier"), connect().Barrier(f"{root}/barrier")
    ours.create()
    passed = []
    waiter = threading.Thread(target=lambda: passed.append(theirs.wait(30)))
    waiter.start()
    holds(lambda: not passed, 0.3, "the barrier")
    ours.remove()
    waiter.join(timeout=15)
    assert passed == [True]


def test_a_counter_loses_no_increment(connect, root):
    def count(client):
        counter = client.Counter(f"{root}/counter")
        for _ in range(20):
            counter += 1

    clients = [connect() for _ in range(3)]
    workers = [threading.Thread(target=count, args=(client,)) for client in clients]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    clients[0].sync(root)
    assert clients[0].Counter(f"{root}/counter").value == 60


def test_a_queue_hands_out_in_order(zk, root):
    queue = zk.Queue(f"{root}/queue")
    for item in (b"one", b"two", b"three"):
        queue.put(item)
    assert [queue.get() for _ in range(4)] == [b"one", b"two", b"three", None]
