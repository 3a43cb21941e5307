"""The split deployment: each component in processes of its own, by deploy/local/cluster.sh."""

import os
import signal
import subprocess
from pathlib import Path

from . import status
from .binary import ROOT, menagerie
from .cluster import Cluster
from .ports import free_port, free_range
from .wait import eventually

SCRIPT = ROOT / "deploy" / "local" / "cluster.sh"
COUNTS = {"consensus": 3, "tree-store": 2, "session-tracker": 2, "gateway": 2}
# More than the script puts above its base.
INTERNAL_PORTS = 100
COMMAND_SECONDS = 120


class Split(Cluster):
    """`cluster.sh up`; processes are known by their pid files, as to whoever does this by hand."""

    shape = "split"

    def __init__(self, directory: Path):
        super().__init__(directory)
        self.client_addresses = {f"gateway-{n}": ("127.0.0.1", free_port()) for n in (1, 2)}
        self.grpc = [free_port(), free_port()]
        gateways = [f"{host}:{port}" for host, port in self.client_addresses.values()]
        self.env = {
            **os.environ,
            "CLUSTER_DIR": str(self.directory),
            "MENAGERIE_BIN": str(menagerie()),
            "CLUSTER_PORT_BASE": str(free_range(INTERNAL_PORTS)),
            "GATEWAY_1_CLIENT": gateways[0],
            "GATEWAY_2_CLIENT": gateways[1],
            "GATEWAY_1_GRPC": f"127.0.0.1:{self.grpc[0]}",
            "GATEWAY_2_GRPC": f"127.0.0.1:{self.grpc[1]}",
        }

    def names(self) -> list[str]:
        return [f"{component}-{n}" for component, count in COUNTS.items() for n in range(1, count + 1)]

    def addresses(self) -> dict[str, tuple[str, int]]:
        return self.client_addresses

    def store_addresses(self) -> dict[str, str]:
        return {name: self._internal_address(name) for name in self.names() if name.startswith("tree-store")}

    def data_dirs(self) -> dict[str, Path]:
        return {name: self.directory / name for name in self.names() if name.startswith(("tree-store", "consensus"))}

    def grpc_addresses(self) -> list[str]:
        return [f"127.0.0.1:{port}" for port in self.grpc]

    def up(self) -> None:
        self._script("up")
        self.wait_serving()

    def down(self) -> None:
        self._script("down")

    def start(self, name: str) -> None:
        self._script("start", name)

    def stop(self, name: str) -> None:
        self._script("stop", name)

    def is_running(self, name: str) -> bool:
        pid = self._pid(name)
        return pid is not None and _is_alive(pid)

    def kill9(self, name: str) -> None:
        pid = self._pid(name)
        if pid is not None and _is_alive(pid):
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: not _is_alive(pid), what=f"{name} is gone")

    def signal(self, name: str, number: int) -> None:
        os.kill(self._pid(name), number)

    def voters(self) -> list[str]:
        return [name for name in self.names() if name.startswith("consensus-")]

    def command(self, name: str) -> list[str]:
        """The command line of a process that runs."""
        words = (Path("/proc") / str(self._pid(name)) / "cmdline").read_text().split("\0")
        return words[:-1]

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def leader(self) -> str:
        return self._first("consensus", lambda address: status.consensus_state(address) == "leader")

    def active_tracker(self) -> str:
        """The session tracker that holds the lease."""
        return self._first("session-tracker", status.tracker_is_active)

    def _first(self, component: str, claim) -> str:
        names = [name for name in self.names() if name.startswith(component)]

        def find() -> str | None:
            for name in names:
                if self.is_running(name) and claim(self._internal_address(name)):
                    return name
            return None

        return eventually(find, what=f"a {component} that leads or is active")

    def _pid(self, name: str) -> int | None:
        try:
            return int((self.directory / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _internal_address(self, name: str) -> str:
        """What the process was told to listen on."""
        process = Path("/proc") / str(self._pid(name))
        words = (process / "cmdline").read_text().split("\0")
        if "--listen" in words:
            return words[words.index("--listen") + 1]
        environment = (process / "environ").read_text().split("\0")
        return next(line.partition("=")[2] for line in environment if line.startswith("MENAGERIE_LISTEN="))

    def _script(self, *words: str) -> None:
        # Output to a file: what the script starts in the background would keep a pipe open.
        with (self.directory / "cluster.log").open("ab") as log:
            subprocess.run(
                [str(SCRIPT), *words], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                check=True, timeout=COMMAND_SECONDS,
            )


def _is_alive(pid: int) -> bool:
    """False once it is gone, or a zombie that nobody has collected. A zombie with threads still holds its ports."""
    process = Path("/proc") / str(pid)
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return state not in ("Z", "X") or len(list((process / "task").iterdir())) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False
