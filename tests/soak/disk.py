"""Disk under endless writes: many times the data is written over, and every member's directory must stay small.

Writes 1 KiB values over the same znodes, to each shape in turn, with a third of the writes while one member is down.
Prints what was written and what each directory takes, and ends with 1 when a bound is passed.
"""

import argparse
import os
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from harness import create_cluster  # noqa: E402
from harness.cluster import opens_session  # noqa: E402
from harness.wait import eventually  # noqa: E402
from jute import buffer, int32, string  # noqa: E402
from raw import CREATE, SET_DATA, Closed, RawClient, create_body  # noqa: E402

MIB = 1 << 20
VALUE_BYTES = 1024
BATCH = 256
# A reply to setData: length, xid, zxid, error, Stat.
REPLY_BYTES = 4 + 16 + 68
# See log_bytes_max of the tree store's options.
KEPT_FOR_THE_ABSENT = 4 << 30
DOWN = {"ensemble": "server-3", "split": "tree-store-2"}


class Writer(threading.Thread):
    """Sets random values on its share of the znodes, a batch at a time."""

    def __init__(self, addresses, paths, seed: int):
        super().__init__(daemon=True)
        self.addresses, self.paths = addresses, paths
        self.random = random.Random(seed)
        self.written = 0
        self.allowed = 0
        self.room = threading.Condition()
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            try:
                with RawClient(self.random.choice(self.addresses), io_seconds=30) as client:
                    client.connect(timeout_ms=30_000)
                    while self.wait_for_leave():
                        self.batch(client)
            except (Closed, OSError, socket.timeout):
                time.sleep(0.1)

    def wait_for_leave(self) -> bool:
        with self.room:
            self.room.wait_for(lambda: self.stopping or self.allowed > 0)
        return not self.stopping

    def allow(self, writes: int) -> None:
        with self.room:
            self.allowed = writes
            self.room.notify()

    def batch(self, client: RawClient) -> None:
        frames = []
        for n in range(BATCH):
            path = self.paths[self.random.randrange(len(self.paths))]
            data = self.random.randbytes(VALUE_BYTES)
            frames.append(buffer(int32(n + 1) + int32(SET_DATA) + string(path) + buffer(data) + int32(-1)))
        client.send_bytes(b"".join(frames))
        while len(client.input) < BATCH * REPLY_BYTES:
            client._fill()
        for at in range(0, BATCH * REPLY_BYTES, REPLY_BYTES):
            error = int.from_bytes(client.input[at + 16 : at + 20], "big", signed=True)
            assert error == 0, f"a write failed with {error}"
        del client.input[: BATCH * REPLY_BYTES]
        self.written += BATCH
        self.allowed -= BATCH


def disk_bytes(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_blocks * 512 if path.is_file() else 0
        except FileNotFoundError:
            pass
    return total


class Soak:
    def __init__(self, shape: str, arguments):
        self.shape, self.arguments = shape, arguments
        self.directory = Path(tempfile.mkdtemp(prefix="menagerie-disk-", dir=arguments.directory))
        self.cluster = create_cluster(shape, self.directory / shape)
        self.paths = [f"/soak/{n // 1000}/{n}" for n in range(arguments.znodes)]
        self.data_bytes = sum(len(path) + VALUE_BYTES for path in self.paths)
        self.bound = arguments.bound_mib * MIB + arguments.bound_factor * self.data_bytes
        if shape == "split":
            # The log is kept for the tree store that is down: all that is written meanwhile, up to the log's own bound.
            self.bound += min(arguments.writes // 3 * VALUE_BYTES * 5 // 4, KEPT_FOR_THE_ABSENT)
        self.peak: dict[str, int] = {}
        self.began = time.monotonic()

    def fill(self) -> None:
        with RawClient(self.addresses()[0], io_seconds=60) as client:
            client.connect()
            client.create("/soak")
            for first in range(0, len(self.paths), 1000):
                client.create(f"/soak/{first // 1000}")
                batch = self.paths[first : first + 1000]
                for path in batch:
                    client.send(CREATE, create_body(path, b"\0" * VALUE_BYTES))
                assert [client.receive().err for _ in batch].count(0) == len(batch)

    def addresses(self, without: str = "") -> list:
        return [address for name, address in self.cluster.addresses().items() if name != without]

    def write(self, writes: int, phase: str, without: str = "") -> None:
        """Writes that many values, and looks at the disks every few seconds."""
        writers = [
            Writer(self.addresses(without), self.paths[n :: self.arguments.writers], n)
            for n in range(self.arguments.writers)
        ]
        began, step, done = time.monotonic(), max(1, writes // self.arguments.reports), 0
        for writer in writers:
            writer.start()
        while done < writes:
            target = min(writes, done + step)
            for writer in writers:
                writer.allow((target - done) // len(writers) + BATCH)
            while sum(writer.written for writer in writers) < target:
                self.look()
                time.sleep(1)
                assert time.monotonic() - began < self.arguments.patience, "the writes do not get through"
                if self.arguments.rate:
                    self.hold_back(writers, began)
            done = sum(writer.written for writer in writers)
            self.report(phase, done, time.monotonic() - began)
        for writer in writers:
            writer.stopping = True
            writer.allow(0)
        for writer in writers:
            writer.join()

    def hold_back(self, writers, began: float) -> None:
        ahead = sum(w.written for w in writers) / self.arguments.rate - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(min(ahead, 5))

    def look(self) -> dict[str, int]:
        now = {name: disk_bytes(directory) for name, directory in self.cluster.data_dirs().items()}
        for name, used in now.items():
            self.peak[name] = max(used, self.peak.get(name, 0))
        return now

    def report(self, phase: str, done: int, seconds: float) -> None:
        used = "  ".join(f"{name} {used / MIB:.0f} MiB" for name, used in self.look().items())
        written = done * VALUE_BYTES / MIB
        print(
            f"{self.shape:<10} {phase:<22} {seconds:6.0f} s  {done:>9} writes  {written:7.0f} MiB "
            f"({written * MIB / self.data_bytes:5.1f} x the data)  {used}",
            flush=True,
        )

    def run(self) -> list[str]:
        self.fill()
        print(f"{self.shape}: {len(self.paths)} znodes, {self.data_bytes / MIB:.0f} MiB of data; "
              f"bound {self.bound / MIB:.0f} MiB a directory", flush=True)
        part = self.arguments.writes // 3
        self.write(part, "all up")
        down = DOWN.get(self.shape)
        if down:
            self.cluster.kill9(down)
            self.write(part, f"{down} down", without=down)
            self.cluster.start(down)
            self.cluster.wait_serving()
            self.write(part, f"{down} back")
            self.caught_up()
        else:
            self.write(2 * part, "all up")
        for name in self.cluster.names():
            self.cluster.kill9(name)
        began = time.monotonic()
        self.cluster.restore()
        print(f"{self.shape:<10} all killed and started again: serves after {time.monotonic() - began:.1f} s", flush=True)
        self.look()
        over = [f"{self.shape} {name}: {peak / MIB:.0f} MiB" for name, peak in self.peak.items() if peak > self.bound]
        peaks = "  ".join(f"{name} {peak / MIB:.0f} MiB" for name, peak in self.peak.items())
        print(f"{self.shape:<10} peaks: {peaks}", flush=True)
        return over

    def caught_up(self) -> None:
        for address in self.addresses():
            eventually(lambda: opens_session(address), 60, "every address serves")

    def end(self) -> None:
        self.cluster.down()
        shutil.rmtree(self.directory, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="standalone,ensemble,split")
    parser.add_argument("--znodes", type=int, default=20_000)
    parser.add_argument("--writes", type=int, default=3_600_000, help="1,000 writes/s for an hour, unless told otherwise")
    parser.add_argument("--rate", type=int, default=0, help="writes/s; 0 for as many as go")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--reports", type=int, default=4, help="lines for each phase")
    parser.add_argument("--bound-mib", type=int, default=1024, help="what a directory may take whatever the data")
    parser.add_argument("--bound-factor", type=int, default=8, help="and this many times the data")
    parser.add_argument("--patience", type=float, default=7200, help="seconds that a phase may take")
    parser.add_argument("--directory", default=os.environ.get("TMPDIR", "/tmp"))
    arguments = parser.parse_args()
    over = []
    for shape in arguments.shapes.split(","):
        soak = Soak(shape, arguments)
        try:
            over += soak.run()
        finally:
            soak.end()
    for line in over:
        print(f"over the bound: {line}", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
