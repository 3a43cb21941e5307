"""Three classic servers, each with all four components in it."""

from pathlib import Path

from . import zoo_cfg
from .binary import menagerie
from .ports import free_port
from .process import Process
from .processes import ProcessCluster


class Ensemble(ProcessCluster):
    """`menagerie server --config zoo.cfg`, three times."""

    shape = "ensemble"

    def __init__(self, directory: Path):
        super().__init__(directory)
        ports = [free_port() for _ in range(3)]
        self.grpc = [free_port() for _ in range(3)]
        configs = zoo_cfg.write_ensemble(self.directory, ports)
        for n, (config, port, grpc) in enumerate(zip(configs, ports, self.grpc), 1):
            name = f"server-{n}"
            command = [menagerie(), "server", "--config", config, "--grpc-addr", f"127.0.0.1:{grpc}"]
            self.processes[name] = Process(command, self.directory / f"{name}.log")
            self.client_addresses[name] = (zoo_cfg.HOST, port)

    def store_addresses(self) -> dict[str, str]:
        return {name: zoo_cfg.quorum_address(self.directory / name / "zoo.cfg") for name in self.names()}

    def data_dirs(self) -> dict[str, Path]:
        return {name: self.directory / name / "data" for name in self.names()}

    def grpc_addresses(self) -> list[str]:
        return [f"127.0.0.1:{port}" for port in self.grpc]
