"""Clusters whose processes are this process's children."""

from pathlib import Path

from .cluster import Cluster, mode
from .process import Process
from .wait import eventually


class ProcessCluster(Cluster):
    """Fills `processes` and `client_addresses` when constructed; the rest is common."""

    def __init__(self, directory: Path):
        super().__init__(directory)
        self.processes: dict[str, Process] = {}
        self.client_addresses: dict[str, tuple[str, int]] = {}

    def names(self) -> list[str]:
        return list(self.processes)

    def addresses(self) -> dict[str, tuple[str, int]]:
        return self.client_addresses

    def is_running(self, name: str) -> bool:
        return self.processes[name].running

    def start(self, name: str) -> None:
        self.processes[name].start()

    def kill9(self, name: str) -> None:
        self.processes[name].kill9()

    def signal(self, name: str, number: int) -> None:
        self.processes[name].child.send_signal(number)

    def stop(self, name: str) -> None:
        self.processes[name].stop()

    def voters(self) -> list[str]:
        return self.names()

    def log(self, name: str) -> Path:
        return self.processes[name].log

    def leader(self) -> str:
        def leads() -> str | None:
            for name, address in self.client_addresses.items():
                if self.is_running(name) and mode(address) in ("leader", "standalone"):
                    return name
            return None

        return eventually(leads, what="a server says that it leads")
