"""Free ports, chosen below the range that the kernel hands out to outgoing connections."""

import random
import socket

LOWEST, HIGHEST = 12_000, 30_000
_taken: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on and that this run has not given out before."""
    return free_range(1)


def free_range(count: int) -> int:
    """The first of `count` free ports in a row."""
    for _ in range(2):
        for _ in range(1_000):
            first = random.randrange(LOWEST, HIGHEST - count)
            ports = range(first, first + count)
            if not _taken.intersection(ports) and all(map(_is_free, ports)):
                _taken.update(ports)
                return first
        # What earlier clusters had is free again, and what present ones have is seen to be taken.
        _taken.clear()
    raise RuntimeError(f"no {count} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
