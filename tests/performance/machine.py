"""What it was measured on."""

import os
import platform
import subprocess
from pathlib import Path

from servers import WORK, zookeeper_version


def describe() -> str:
    """Sentences for the report."""
    cpu = field("/proc/cpuinfo", "model name") or platform.processor()
    memory = int(field("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    java = output("java", "-version").splitlines()[0] if output("java", "-version") else "no Java"
    return (
        f"{os.cpu_count()} processors ({cpu}), {memory:.1f} GiB of memory, Linux {platform.release()}, data on {disk()}. "
        f"Apache ZooKeeper {zookeeper_version()} on {java}."
    )


def field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def disk() -> str:
    WORK.mkdir(parents=True, exist_ok=True)
    lines = output("df", "--output=source,fstype", str(WORK)).splitlines()
    source, kind = lines[-1].split() if len(lines) > 1 else ("?", "?")
    return f"{kind} ({source})"


def output(*command: str) -> str:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout
