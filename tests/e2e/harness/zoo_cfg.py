"""The three zoo.cfg and myid files of every ZooKeeper tutorial's pseudo-cluster."""

from pathlib import Path

from .ports import free_port

HOST = "127.0.0.1"


def write(directory: Path, client_port: int, extra: str = "") -> Path:
    """One server's zoo.cfg, with its dataDir beside it."""
    data = directory / "data"
    data.mkdir(parents=True, exist_ok=True)
    config = directory / "zoo.cfg"
    config.write_text(
        "tickTime=2000\ninitLimit=10\nsyncLimit=5\n"
        f"dataDir={data}\nclientPort={client_port}\nclientPortAddress={HOST}\n"
        # Three servers on one machine would meet on port 8080.
        f"admin.enableServer=false\n{extra}"
    )
    return config


def write_ensemble(directory: Path, client_ports: list[int], extra: str = "") -> list[Path]:
    """One zoo.cfg for each client port, each naming all servers, and the myid files."""
    members = "".join(
        f"server.{n}={HOST}:{free_port()}:{free_port()}\n" for n in range(1, len(client_ports) + 1)
    )
    configs = []
    for n, port in enumerate(client_ports, 1):
        configs.append(write(directory / f"server-{n}", port, extra + members))
        (directory / f"server-{n}" / "data" / "myid").write_text(f"{n}\n")
    return configs


def quorum_address(config: Path) -> str:
    """Where the other members reach the one whose zoo.cfg this is."""
    me = (config.parent / "data" / "myid").read_text().strip()
    line = next(line for line in config.read_text().splitlines() if line.startswith(f"server.{me}="))
    host, port = line.partition("=")[2].split(":")[:2]
    return f"{host}:{port}"
