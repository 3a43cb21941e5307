"""What every shape can do."""

import signal
from contextlib import contextmanager
from pathlib import Path

from raw import RawClient

from .wait import eventually

START_SECONDS = 60
LOG_TAIL_LINES = 60


class Cluster:
    """Processes with names, and the addresses that ZooKeeper clients connect to."""

    shape = ""

    def __init__(self, directory: Path):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    # What a shape provides.

    def names(self) -> list[str]:
        """Every process."""
        raise NotImplementedError

    def addresses(self) -> dict[str, tuple[str, int]]:
        """The client address of each process that has one."""
        raise NotImplementedError

    def is_running(self, name: str) -> bool:
        raise NotImplementedError

    def start(self, name: str) -> None:
        """Starts a process that does not run; does not wait until it serves."""
        raise NotImplementedError

    def kill9(self, name: str) -> None:
        """Kills a process without warning; it is gone when this returns."""
        raise NotImplementedError

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to a process that runs."""
        raise NotImplementedError

    def stop(self, name: str) -> None:
        """Asks a process to end and waits until it has."""
        raise NotImplementedError

    def leader(self) -> str:
        """The process in which consensus leads."""
        raise NotImplementedError

    def voters(self) -> list[str]:
        """The processes in which a member of the log votes."""
        raise NotImplementedError

    def log(self, name: str) -> Path:
        raise NotImplementedError

    def store_addresses(self) -> dict[str, str]:
        """Where `menagerie admin` finds each process with a tree store."""
        raise NotImplementedError

    def data_dirs(self) -> dict[str, Path]:
        """The data directory of each process that has one."""
        raise NotImplementedError

    # What follows from it.

    @contextmanager
    def suspended(self, name: str):
        """A process that hangs for a while: its sockets stay open, and nobody answers on them."""
        self.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(name, signal.SIGCONT)

    def hosts(self, only: list[str] | None = None) -> str:
        """A connect string for all clients' addresses, or for those of some processes."""
        addresses = self.addresses()
        return ",".join(f"{host}:{port}" for name, (host, port) in addresses.items() if not only or name in only)

    def up(self) -> None:
        """Starts everything and waits until every address serves."""
        for name in self.names():
            self.start(name)
        self.wait_serving()

    def down(self) -> None:
        for name in self.names():
            self.stop(name)

    def kill9_all(self) -> None:
        for name in self.names():
            self.kill9(name)

    def restore(self) -> None:
        """Starts what is dead and waits until every address serves."""
        for name in self.names():
            if not self.is_running(name):
                self.start(name)
        self.wait_serving()

    def wait_serving(self, names: list[str] | None = None, within: float = START_SECONDS) -> None:
        for name, address in self.addresses().items():
            if names is None or name in names:
                eventually(lambda: opens_session(address), within, f"{name} lets a client in")

    def log_tails(self) -> dict[str, str]:
        """The last lines that each process wrote."""
        tails = {}
        for name in self.names():
            path = self.log(name)
            if path.exists():
                lines = path.read_text(errors="replace").splitlines()
                tails[name] = "\n".join(lines[-LOG_TAIL_LINES:])
        return tails


def opens_session(address: tuple[str, int], io_seconds: float = 5) -> bool:
    """True if a session can be opened, used and closed at `address`; raises what went wrong if not."""
    with RawClient(address, io_seconds) as client:
        client.connect(timeout_ms=10_000)
        client.exists("/")
        client.close_session()
    return True


def four_letter_word(address: tuple[str, int], word: bytes) -> bytes:
    with RawClient(address, io_seconds=5) as client:
        client.send_bytes(word)
        return client.read_to_end()


def mode(address: tuple[str, int]) -> str:
    """The mode that srvr tells: standalone, leader, follower; empty when there is none."""
    for line in four_letter_word(address, b"srvr").decode().splitlines():
        if line.startswith("Mode: "):
            return line.removeprefix("Mode: ")
    return ""
