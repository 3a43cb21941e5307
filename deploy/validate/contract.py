"""What the `menagerie` binary accepts: roles, flags, and what a value must look like."""

import re

ROLES = ("consensus", "tree-store", "session-tracker", "gateway")

COMMON = {"--id", "--listen", "--admin-addr", "--log-format", "--log-level", "--config"}
FLAGS = {
    "consensus": COMMON | {"--data-dir", "--peers", "--join"},
    "tree-store": COMMON | {"--data-dir", "--consensus", "--stores", "--advertise"},
    "session-tracker": COMMON
    | {"--consensus", "--stores", "--advertise", "--tick-time", "--min-session-timeout", "--max-session-timeout"},
    "gateway": COMMON
    | {"--consensus", "--stores", "--trackers", "--client-addr", "--grpc-addr"}
    | {"--max-client-cnxns", "--jute-maxbuffer", "--four-letter-words", "--gateway-threads"},
}
# In a cluster these are always said, never left to a default.
REQUIRED = {
    "consensus": {"--id", "--listen", "--admin-addr", "--data-dir", "--peers", "--join"},
    "tree-store": {"--id", "--listen", "--admin-addr", "--data-dir", "--consensus", "--stores", "--advertise"},
    "session-tracker": {"--id", "--listen", "--admin-addr", "--consensus", "--stores", "--advertise"},
    "gateway": {"--id", "--listen", "--admin-addr", "--consensus", "--stores", "--trackers", "--client-addr", "--grpc-addr"},
}
# Roles without a data directory may draw their id.
RANDOM_ID = {"session-tracker", "gateway"}

LISTENING = ("--listen", "--admin-addr", "--client-addr", "--grpc-addr")
MEMBER_LISTS = ("--peers", "--consensus", "--stores", "--trackers")

# Where a pod says that it is called: its address, or its name under its governing Service.
ADVERTISED = re.compile(r"^(?P<host>[a-z0-9.-]+):(?P<port>\d{1,5})$")
ADDRESS = re.compile(r"^\d{1,3}(\.\d{1,3}){3}:(?P<port>\d{1,5})$")
MEMBER = re.compile(r"^(?P<id>[1-9]\d*)=(?P<host>[a-z0-9.-]+):(?P<port>\d{1,5})$")
BY_NAME = re.compile(r"^dns:(?P<host>[a-z0-9.-]+):(?P<port>\d{1,5})$")
ORDINAL = re.compile(r"^(?:.*-)?\d+$")


def flag_of(variable: str) -> str:
    """The flag that an environment variable stands for: MENAGERIE_DATA_DIR is --data-dir."""
    return "--" + variable.removeprefix("MENAGERIE_").lower().replace("_", "-")


def problem_with_value(role: str, flag: str, value: str) -> str | None:
    """What is wrong with the shape of a flag's value; None when nothing is."""
    if flag in LISTENING and not ADDRESS.match(value):
        return f"{flag} wants ADDRESS:PORT, not {value!r}"
    if flag == "--log-format" and value not in ("text", "json"):
        return f"--log-format is text or json, not {value!r}"
    if flag == "--join" and value != "true":
        return f"--join is true here: a pod that --peers does not name waits to be added, not {value!r}"
    if flag == "--tick-time" and not value.isdigit():
        return f"--tick-time wants milliseconds, not {value!r}"
    if flag == "--data-dir" and not value.startswith("/"):
        return f"--data-dir wants an absolute path in a container, not {value!r}"
    if flag == "--id" and not ORDINAL.match(value) and not (value == "random" and role in RANDOM_ID):
        return f"--id of {role} cannot be {value!r}"
    return None
