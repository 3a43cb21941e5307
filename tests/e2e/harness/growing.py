"""Clusters whose processes come and go one by one, and the command that changes them."""

import json
import subprocess
from pathlib import Path

from .binary import menagerie
from .cluster import opens_session
from .ports import free_port
from .process import Process
from .wait import eventually

HOST = "127.0.0.1"
COMMAND_SECONDS = 60


class Refused(Exception):
    """What the command said when it did not do what it was asked."""


def admin(servers: list[str], *words: str) -> dict:
    """`menagerie admin --json`: its object, or what it said on stderr."""
    command = [str(menagerie()), "admin", "--json", "--server", ",".join(servers), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return json.loads(done.stdout)


class Growing:
    """Processes by name; `addresses` has where each is called by the others."""

    def __init__(self, directory: Path):
        self.directory = Path(directory)
        self.processes: dict[str, Process] = {}
        self.addresses: dict[str, str] = {}
        self.client_ports: dict[str, int] = {}

    def address(self, name: str) -> str:
        return self.addresses.setdefault(name, f"{HOST}:{free_port()}")

    def launch(self, name: str, command: list) -> None:
        directory = self.directory / name
        directory.mkdir(parents=True, exist_ok=True)
        self.processes[name] = Process([menagerie(), *command], directory / "log")
        self.processes[name].start()

    def log(self, name: str) -> str:
        return (self.directory / name / "log").read_text(errors="replace")

    def ended(self, name: str) -> str:
        """Waits until the process has ended by itself, and returns what it wrote."""
        eventually(lambda: not self.processes[name].running, what=f"{name} ends by itself")
        return self.log(name)

    def kill9(self, name: str) -> None:
        self.processes[name].kill9()

    def client(self, name: str) -> tuple[str, int]:
        return HOST, self.client_ports.setdefault(name, free_port())

    def wait_serving(self, name: str) -> None:
        eventually(lambda: opens_session(self.client(name)), 30, f"{name} lets a client in")

    def running(self) -> list[str]:
        return [name for name, process in self.processes.items() if process.running]

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill9()

    # What a shape provides.

    def member(self, n: int) -> str:
        """The process with member n of the log."""
        raise NotImplementedError

    def spec(self, n: int) -> str:
        """Member n as `admin add` takes it."""
        raise NotImplementedError

    def begin(self) -> None:
        """One member that leads, and whatever it takes to serve clients."""
        raise NotImplementedError

    def join(self, n: int, known: list[int]) -> None:
        """Starts member n, which waits to be added; it knows of the members `known`."""
        raise NotImplementedError

    def hosts(self) -> str:
        """Where clients connect that are to notice nothing."""
        raise NotImplementedError

    # What follows from it.

    def admin(self, *words: str) -> dict:
        servers = [name for name in self.running() if name.startswith((self.member(0)[:-1], "tree-store"))]
        return admin([self.address(name) for name in servers], *words)

    def remove(self, *words: str) -> dict:
        return self.admin("remove", *words)

    def registered(self) -> set[tuple[str, int]]:
        """Role and id of every component in the directory."""
        components = self.admin("members")["components"] or []
        return {(component["role"], component["id"]) for component in components}

    def voters(self) -> set[int]:
        return {member["id"] for member in self.admin("members")["members"] if member["voter"]}

    def leader(self) -> int:
        return eventually(lambda: self.admin("members")["leader"], what="a member leads")

    def add(self, n: int, *options: str) -> dict:
        self.join(n, sorted(self.voters()))
        return self.admin("add", self.spec(n), *options)


class GrowingSplit(Growing):
    """Each component in a process of its own."""

    def __init__(self, directory: Path):
        super().__init__(directory)
        self.founders = [1]

    def member(self, n: int) -> str:
        return f"consensus-{n}"

    def spec(self, n: int) -> str:
        return f"{n}={self.address(self.member(n))}"

    def begin(self) -> None:
        for n in self.founders:
            self.consensus(n, self.founders)
        self.store(1, [1])
        self.tracker(1, [1])
        self.gateway(1, [1])
        self.wait_serving("gateway-1")

    def join(self, n: int, known: list[int]) -> None:
        self.consensus(n, known, "--join")

    def hosts(self) -> str:
        return "%s:%d" % self.client("gateway-1")

    def consensus(self, n: int, peers: list[int], *options: str) -> None:
        peers = self._list("consensus", peers)
        data = self.data(f"consensus-{n}")
        self._component("consensus", n, "--data-dir", data, "--peers", peers, *options)

    def store(self, n: int, known: list[int]) -> None:
        self._component("tree-store", n, "--data-dir", self.data(f"tree-store-{n}"), *self._seeds(known))

    def tracker(self, n: int, known: list[int]) -> None:
        self._component("session-tracker", n, *self._seeds(known))

    def gateway(self, n: int, known: list[int]) -> None:
        client = "%s:%d" % self.client(f"gateway-{n}")
        self._component("gateway", n, "--client-addr", client, *self._seeds(known))

    def data(self, name: str) -> Path:
        return self.directory / name / "data"

    def _component(self, role: str, n: int, *options) -> None:
        name = f"{role}-{n}"
        self.launch(name, [role, "--id", n, "--listen", self.address(name), *options])

    def _seeds(self, stores: list[int]) -> list[str]:
        consensus, stores = self._list("consensus", self.founders), self._list("tree-store", stores)
        return ["--consensus", consensus, "--stores", stores]

    def _list(self, role: str, ids: list[int]) -> str:
        return ",".join(f"{n}={self.address(f'{role}-{n}')}" for n in ids)


class GrowingEnsemble(Growing):
    """Classic servers from zoo.cfg. The first is a quorum of one."""

    def __init__(self, directory: Path):
        super().__init__(directory)
        self.elections: dict[int, int] = {}

    def member(self, n: int) -> str:
        return f"server-{n}"

    def spec(self, n: int) -> str:
        name, election = self.member(n), self.elections.setdefault(n, free_port())
        return f"server.{n}={self.address(name)}:{election}:participant;{HOST}:{self.client(name)[1]}"

    def begin(self) -> None:
        self.server(1, [self.spec(1)], "standaloneEnabled=false")
        self.wait_serving("server-1")

    def join(self, n: int, known: list[int]) -> None:
        self.server(n, [self.spec(m) for m in [*known, n]], "menagerie.join=true")

    def hosts(self) -> str:
        return "%s:%d" % self.client("server-1")

    def data(self, n: int) -> Path:
        return self.directory / self.member(n) / "data"

    def server(self, n: int, lines: list[str], *settings: str) -> None:
        home = self.directory / self.member(n)
        self.data(n).mkdir(parents=True, exist_ok=True)
        (self.data(n) / "myid").write_text(f"{n}\n")
        text = [
            "tickTime=2000", "initLimit=10", "syncLimit=5", f"dataDir={self.data(n)}", "admin.enableServer=false",
            "4lw.commands.whitelist=*", *settings, *lines,
        ]
        (home / "zoo.cfg").write_text("\n".join(text) + "\n")
        self.launch(self.member(n), ["server", "--config", home / "zoo.cfg"])


GROWING = {"split": GrowingSplit, "ensemble": GrowingEnsemble}
