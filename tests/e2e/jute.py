"""The part of ZooKeeper's record encoding that the raw client needs."""

import struct
from dataclasses import dataclass

OPEN_ACL = ((31, "world", "anyone"),)


def int32(value: int) -> bytes:
    return struct.pack(">i", value)


def int64(value: int) -> bytes:
    return struct.pack(">q", value)


def boolean(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def buffer(value: bytes | None) -> bytes:
    return int32(-1) if value is None else int32(len(value)) + value


def string(value: str | None) -> bytes:
    return buffer(None if value is None else value.encode())


def vector(items) -> bytes:
    items = list(items)
    return int32(len(items)) + b"".join(items)


def acl(entries) -> bytes:
    return vector(int32(perms) + string(scheme) + string(id_) for perms, scheme, id_ in entries)


@dataclass(frozen=True)
class Stat:
    """ZooKeeper's Stat, in its field order."""

    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    aversion: int
    ephemeral_owner: int
    data_length: int
    num_children: int
    pzxid: int


class Reader:
    """Takes fields off the front of a record."""

    STAT = struct.Struct(">qqqqiiiqiiq")

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, length: int) -> bytes:
        assert self.at + length <= len(self.data), f"record ends early: {self.data!r}"
        self.at += length
        return self.data[self.at - length : self.at]

    def int32(self) -> int:
        return struct.unpack(">i", self.take(4))[0]

    def int64(self) -> int:
        return struct.unpack(">q", self.take(8))[0]

    def boolean(self) -> bool:
        return self.take(1) != b"\x00"

    def buffer(self) -> bytes | None:
        length = self.int32()
        return None if length < 0 else self.take(length)

    def string(self) -> str | None:
        data = self.buffer()
        return None if data is None else data.decode()

    def strings(self) -> list[str]:
        return [self.string() for _ in range(self.int32())]

    def stat(self) -> Stat:
        return Stat(*self.STAT.unpack(self.take(self.STAT.size)))

    @property
    def rest(self) -> bytes:
        return self.data[self.at :]
