"""Writers that keep going whatever happens, and know what was acknowledged."""

import threading
import time
import uuid

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, KazooException
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import KazooRetry

# Enough to have writes in flight at any moment, little enough to be read back in seconds.
PAUSE_SECONDS = 0.003
# An operation that takes longer counts as failed with its outcome unknown.
OPERATION_SECONDS = 30


class Writer(threading.Thread):
    """One client in a loop of writes. No write is ever tried again: whatever is found twice was done twice."""

    def __init__(self, hosts: str, root: str):
        super().__init__(daemon=True)
        self.root = root
        self.name = uuid.uuid4().hex[:8]
        self.stopping = threading.Event()
        self.acknowledged: list = []
        self.unknown: list = []
        self.states: list = []
        self.last_acknowledged = 0.0
        retry = KazooRetry(max_tries=-1, delay=0.05, backoff=1, max_delay=0.2)
        self.client = KazooClient(hosts=hosts, timeout=10, connection_retry=retry)
        self.client.start(timeout=30)
        self.client.add_listener(self.states.append)
        self.prepare()

    def run(self) -> None:
        number = 0
        while not self.stopping.wait(PAUSE_SECONDS):
            number += 1
            token = f"{self.name}-{number}"
            started = time.monotonic()
            try:
                self.acknowledged.append((token, self.write(token)))
                # When it was sent, so that a reply that was merely late does not pass for a write.
                self.last_acknowledged = started
            except (KazooException, KazooTimeoutError) as error:
                self.unknown.append((token, error))

    def finish(self) -> None:
        self.stopping.set()
        self.join(OPERATION_SECONDS + 5)
        assert not self.is_alive(), "a write neither succeeds nor fails"
        # What follows is our own doing.
        self.client.remove_listener(self.states.append)
        self.client.stop()
        self.client.close()

    def prepare(self) -> None:
        raise NotImplementedError

    def write(self, token: str):
        raise NotImplementedError

    def verify(self, client: KazooClient) -> None:
        """Asserts that every acknowledged write is there and none was done twice."""
        raise NotImplementedError


class SequentialWriter(Writer):
    """Sequential znodes with data of their own."""

    def prepare(self) -> None:
        self.parent = f"{self.root}/{self.name}"
        self.client.create(self.parent)

    def write(self, token: str) -> str:
        pending = self.client.create_async(f"{self.parent}/n-", token.encode(), sequence=True)
        return pending.get(timeout=OPERATION_SECONDS)

    def verify(self, client: KazooClient) -> None:
        paths = [f"{self.parent}/{name}" for name in client.get_children(self.parent)]
        reads = [(path, client.get_async(path)) for path in paths]
        found = {path: read.get(timeout=60)[0].decode() for path, read in reads}
        for token, path in self.acknowledged:
            assert found.get(path) == token, f"{path} was acknowledged with {token}, found {found.get(path)}"
        tokens = list(found.values())
        assert len(tokens) == len(set(tokens)), "a write was done twice"
        known = {token for token, _ in self.acknowledged} | {token for token, _ in self.unknown}
        assert set(tokens) <= known


class CountingWriter(Writer):
    """A counter, incremented by compare-and-set on its version."""

    def prepare(self) -> None:
        self.path = f"{self.root}/counter"
        self.client.ensure_path(self.path)

    def write(self, token: str) -> int:
        data, stat = self.client.get_async(self.path).get(timeout=OPERATION_SECONDS)
        value = int(data or b"0") + 1
        try:
            pending = self.client.set_async(self.path, str(value).encode(), version=stat.version)
            pending.get(timeout=OPERATION_SECONDS)
        except BadVersionError:
            return 0
        return value

    def verify(self, client: KazooClient) -> None:
        data, stat = client.get(self.path)
        assert int(data or b"0") == stat.version
        values = [value for _, value in self.acknowledged if value]
        assert values == sorted(set(values)), "an increment was lost"
        assert not values or values[-1] <= stat.version


class Load:
    """Several writers under one root; verified together once they have finished."""

    def __init__(self, root: str, hosts: str, writers: int = 3, counters: int = 2):
        self.root = root
        self.writers: list[Writer] = [SequentialWriter(hosts, root) for _ in range(writers)]
        self.writers += [CountingWriter(hosts, root) for _ in range(counters)]

    def __enter__(self) -> "Load":
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *_) -> None:
        for writer in self.writers:
            writer.finish()

    def all_written_since(self, moment: float) -> bool:
        """True if every writer has had a write acknowledged that it sent after `moment`."""
        return all(writer.last_acknowledged > moment for writer in self.writers)

    def errors(self) -> list:
        """What any client noticed: failed operations and changes of the connection's state."""
        return [seen for writer in self.writers for seen in (*writer.unknown, *writer.states)]

    def verify(self, client: KazooClient) -> None:
        client.sync(self.root)
        for writer in self.writers:
            assert writer.acknowledged, "a writer never wrote"
            writer.verify(client)
        values = [
            value for writer in self.writers if isinstance(writer, CountingWriter)
            for _, value in writer.acknowledged if value
        ]
        assert len(values) == len(set(values)), "two increments were acknowledged with the same value"
