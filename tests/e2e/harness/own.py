"""A server of a case's own, with the settings that the case is about."""

from pathlib import Path

from .binary import menagerie
from .cluster import opens_session
from .ports import free_port
from .process import Process
from .wait import eventually

START_SECONDS = 60


class Own:
    """`menagerie standalone -Dname=value ...`; serves while the context lasts."""

    def __init__(self, directory: Path, **settings: object):
        """Dots of a setting's name are written as double underscores."""
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.address = ("127.0.0.1", free_port())
        self.log = self.directory / "own.log"
        command = [menagerie(), "standalone", "--data-dir", self.directory / "data"]
        for flag, address in (
            ("--client-addr", f"127.0.0.1:{self.address[1]}"),
            ("--grpc-addr", f"127.0.0.1:{free_port()}"),
            ("--admin-addr", f"127.0.0.1:{free_port()}"),
            ("--listen", f"127.0.0.1:{free_port()}"),
        ):
            command += [flag, address]
        for name, value in settings.items():
            command.append(f"-Dzookeeper.{name.replace('__', '.')}={value}")
        self.process = Process(command, self.log)

    def __enter__(self) -> "Own":
        self.process.start()
        try:
            self.wait_serving()
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.process.stop()

    def wait_serving(self) -> None:
        def serves() -> bool:
            assert self.process.running, self.log.read_text(errors="replace")
            return opens_session(self.address)

        eventually(serves, START_SECONDS, "the server lets a client in")
