"""Everything in one process."""

from pathlib import Path

from .binary import menagerie
from .ports import free_port
from .process import Process
from .processes import ProcessCluster


def command_line(data_dir: Path, client: int, grpc: int, admin: int) -> list[str]:
    """The command that serves on these ports of 127.0.0.1."""
    return [
        str(menagerie()), "standalone", "--data-dir", str(data_dir),
        "--client-addr", f"127.0.0.1:{client}",
        "--grpc-addr", f"127.0.0.1:{grpc}",
        "--admin-addr", f"127.0.0.1:{admin}",
    ]


class Standalone(ProcessCluster):
    """`menagerie standalone`."""

    shape = "standalone"

    def __init__(self, directory: Path):
        super().__init__(directory)
        client, self.grpc, admin = free_port(), free_port(), free_port()
        command = command_line(self.directory / "data", client, self.grpc, admin)
        self.processes["standalone"] = Process(command, self.directory / "standalone.log")
        self.client_addresses["standalone"] = ("127.0.0.1", client)

    def grpc_addresses(self) -> list[str]:
        return [f"127.0.0.1:{self.grpc}"]
