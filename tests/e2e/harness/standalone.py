"""Everything in one process."""

from pathlib import Path

from .binary import menagerie
from .ports import free_port
from .process import Process
from .processes import ProcessCluster


def command_line(data_dir: Path, client: int, grpc: int, admin: int, internal: int = 0) -> list[str]:
    """The command that serves on these ports of 127.0.0.1."""
    return [
        str(menagerie()), "standalone", "--data-dir", str(data_dir),
        "--client-addr", f"127.0.0.1:{client}",
        "--grpc-addr", f"127.0.0.1:{grpc}",
        "--admin-addr", f"127.0.0.1:{admin}",
        "--listen", f"127.0.0.1:{internal}",
    ]


class Standalone(ProcessCluster):
    """`menagerie standalone`."""

    shape = "standalone"

    def __init__(self, directory: Path):
        super().__init__(directory)
        client, self.grpc, self.admin, self.internal = (free_port() for _ in range(4))
        command = command_line(self.directory / "data", client, self.grpc, self.admin, self.internal)
        self.processes["standalone"] = Process(command, self.directory / "standalone.log")
        self.client_addresses["standalone"] = ("127.0.0.1", client)

    def store_addresses(self) -> dict[str, str]:
        return {"standalone": f"127.0.0.1:{self.internal}"}

    def data_dirs(self) -> dict[str, Path]:
        return {"standalone": self.directory / "data"}

    def grpc_addresses(self) -> list[str]:
        return [f"127.0.0.1:{self.grpc}"]
