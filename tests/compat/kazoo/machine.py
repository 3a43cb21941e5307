"""The split deployment as kazoo's three managed servers: server n is machine n.

A consensus member and a gateway run on each machine, a tree store and a session tracker on the first two. Stopping a
server stops all that its machine runs, so two stopped servers leave no majority, as the test of the read-only mode
wants it.
"""

import os
from pathlib import Path

from harness.ports import free_range
from harness.process import Process
from options import jvm_flags, settings

COMPONENTS = ("consensus", "tree-store", "session-tracker", "gateway")
MACHINES = {"consensus": 3, "tree-store": 2, "session-tracker": 2, "gateway": 3}
INTERNAL_PORTS = free_range(len(COMPONENTS) * 10)


class Machine:
    """All components of one machine; to kazoo.testing, the process that it started."""

    returncode = 0

    def __init__(self, args: list[str]):
        config = Path(args[-1])
        self.directory = config.parent
        self.n = int((self.directory / "data" / "myid").read_text())
        self.pid = f"of machine {self.n}"
        self.settings = settings(config)
        flags = [jvm_flags(args), *(f"-Dzookeeper.{key}={value}" for key, value in self.settings.items())]
        environment = {"SERVER_JVMFLAGS": " ".join(flags)}
        self.processes = [
            Process(self.command(component), self.directory / "zookeeper.log", environment)
            for component in COMPONENTS
            if self.n <= MACHINES[component]
        ]
        for process in self.processes:
            process.start()

    def command(self, component: str) -> list[str]:
        words = [os.environ["MENAGERIE_BIN"], component, "--id", str(self.n), "--listen", address(component, self.n)]
        if component in ("consensus", "tree-store"):
            words += ["--data-dir", str(self.directory / "data" / component)]
        if component == "consensus":
            return [*words, "--peers", members("consensus")]
        words += ["--consensus", members("consensus"), "--stores", members("tree-store")]
        if component == "gateway":
            client = f"127.0.0.1:{self.settings['clientPort']}"
            words += ["--trackers", members("session-tracker"), "--client-addr", client]
        return words

    def terminate(self) -> None:
        # Those that depend on others first.
        for process in reversed(self.processes):
            process.stop()

    def wait(self) -> int:
        return self.returncode


def address(component: str, n: int) -> str:
    return f"127.0.0.1:{INTERNAL_PORTS + 10 * COMPONENTS.index(component) + n}"


def members(component: str) -> str:
    return ",".join(f"{n}={address(component, n)}" for n in range(1, MACHINES[component] + 1))
