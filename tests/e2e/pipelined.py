"""Writers that keep many requests in flight: what is under way at every stage when a process dies."""

import itertools
import random
import threading

from jute import Reader, boolean, string
from raw import CREATE, GET_DATA, Closed, RawClient, create_body

IN_FLIGHT = 64
BATCH = 500
SEQUENTIAL = 2


class PipelinedWriter(threading.Thread):
    """Creates sequential znodes at some address or other; a lost connection only makes it open the next session."""

    def __init__(self, addresses: list[tuple[str, int]], root: str):
        super().__init__(daemon=True)
        self.addresses = addresses
        self.root = root
        self.stopping = threading.Event()
        self.numbers = itertools.count()
        self.acknowledged: dict[bytes, str] = {}
        self.refused: list[int] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                with RawClient(random.choice(self.addresses), io_seconds=5) as client:
                    client.connect()
                    self.write(client)
            except (Closed, OSError):
                self.stopping.wait(0.02)

    def write(self, client: RawClient) -> None:
        waiting: list[bytes] = []
        while not self.stopping.is_set():
            while len(waiting) < IN_FLIGHT:
                data = f"{self.name}-{next(self.numbers)}".encode()
                client.send(CREATE, create_body(f"{self.root}/n-", data, SEQUENTIAL))
                waiting.append(data)
            reply, data = client.receive(), waiting.pop(0)
            if reply.err:
                self.refused.append(reply.err)
            else:
                self.acknowledged[data] = Reader(reply.body).string()


class PipelinedLoad:
    """Several of them."""

    def __init__(self, cluster, root: str, writers: int = 4):
        self.root = root
        addresses = list(cluster.addresses().values())
        self.writers = [PipelinedWriter(addresses, root) for _ in range(writers)]

    def __enter__(self) -> "PipelinedLoad":
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *_) -> None:
        for writer in self.writers:
            writer.stopping.set()
        for writer in self.writers:
            writer.join()

    def count(self) -> int:
        return sum(len(writer.acknowledged) for writer in self.writers)

    def verify(self, client: RawClient) -> None:
        """Asserts that each acknowledged write is where it was said to be."""
        assert [code for writer in self.writers for code in writer.refused] == []
        client.sync(self.root)
        acknowledged = [item for writer in self.writers for item in writer.acknowledged.items()]
        assert acknowledged
        lost = []
        for batch in batches(acknowledged):
            for _, path in batch:
                client.send(GET_DATA, string(path) + boolean(False))
            for data, path in batch:
                reply = client.receive()
                found = None if reply.err else Reader(reply.body).buffer()
                if found != data:
                    lost.append((path, data, found))
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged writes are lost, the first: {lost[:3]}"
        paths = [path for _, path in acknowledged]
        assert len(paths) == len(set(paths)), "one znode was acknowledged to two"


def batches(items: list) -> list[list]:
    return [items[at : at + BATCH] for at in range(0, len(items), BATCH)]
