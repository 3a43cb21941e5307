"""What zkCli prints, cleared of what differs between two runs: zxids, times, sessions, ports."""

import re

HEX_ZXID = re.compile(r"((?:cZxid|mZxid|pZxid) = 0x|\bversion=|^(?=[0-9a-f]+ 127\.0\.0\.1:))([0-9a-f]+)\b")
EVENT_ZXID = re.compile(r"(\bzxid: )(\d+)\b")
SESSION = re.compile(r"(ephemeralOwner = 0x)([1-9a-f][0-9a-f]*)")
TIME = re.compile(r"^([cm]time) = (.*)")
EPOCH = "Thu Jan 01 00:00:00 "
PORTS = re.compile(r"\b127\.0\.0\.1:\d+(:\d+)?")
# The version is part of the configuration, whose length is told, too.
VERSION = re.compile(r"^version=([0-9a-f]+)$")
LENGTH = re.compile(r"^(dataLength = )(\d+)$")
LIST = re.compile(r"^\[(.*)\]$")
# Another thread prints these, at any time.
WATCHER, EVENT = "WATCHER::", "WatchedEvent "


class Clearing:
    """Gives numbers names in the order in which they first appear: what was equal stays equal.

    Without `zxids` they are all the same: for scripts in which a command may take several tries.
    """

    def __init__(self, replaced: dict[str, str], zxids: bool = True):
        self.tells_zxids = zxids
        self.replaced = replaced
        self.zxids: dict[int, str] = {0: "0"}
        self.sessions: dict[str, str] = {}

    def lines(self, lines: list[str]) -> list[str]:
        version = next((found[1] for found in map(VERSION.match, lines) if found), "")
        kept = (line for line in lines if line.strip() and not line.startswith("SLF4J"))
        return [self.line(LENGTH.sub(lambda found: found[1] + str(int(found[2]) - len(version)), line)) for line in kept]

    def line(self, line: str) -> str:
        for value, name in self.replaced.items():
            line = line.replace(value, name)
        line = HEX_ZXID.sub(lambda found: found[1] + self._zxid(int(found[2], 16)), line)
        line = EVENT_ZXID.sub(lambda found: found[1] + self._zxid(int(found[2])), line)
        line = SESSION.sub(lambda found: found[1] + self.sessions.setdefault(found[2], f"S{len(self.sessions)}"), line)
        line = TIME.sub(lambda found: f"{found[1]} = " + ("EPOCH" if found[2].startswith(EPOCH) else "TIME"), line)
        line = PORTS.sub("127.0.0.1:PORT", line)
        # ZooKeeper keeps the names of ephemerals in a hash set.
        return LIST.sub(lambda found: "[" + ", ".join(sorted(found[1].split(", "))) + "]", line)

    def _zxid(self, number: int) -> str:
        if number and not self.tells_zxids:
            return "Z"
        return self.zxids.setdefault(number, f"Z{len(self.zxids)}")
