"""The Status call of consensus members and session trackers, without generated stubs."""

import grpc

CONSENSUS = "/menagerie.consensus.v1.Consensus/Status"
SESSION_TRACKER = "/menagerie.sessiontracker.v1.SessionTracker/Status"
CALL_SECONDS = 2


def consensus_state(address: str) -> str:
    """"leader", "follower", "candidate" or "learner"."""
    return _call(address, CONSENSUS).get(2, b"").decode()


def tracker_is_active(address: str) -> bool:
    return _call(address, SESSION_TRACKER).get(2, 0) == 1


def _call(address: str, method: str) -> dict[int, int | bytes]:
    """Sends the empty request and returns the fields of the answer by number; the last of a number wins."""
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=_fields)
        return call(b"", timeout=CALL_SECONDS)


def _fields(data: bytes) -> dict[int, int | bytes]:
    fields, at = {}, 0
    while at < len(data):
        key, at = _varint(data, at)
        value, at = _varint(data, at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        elif key & 7 != 0:
            raise ValueError(f"wire type {key & 7} is not expected in a status")
        fields[key >> 3] = value
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
