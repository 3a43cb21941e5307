"""Each object against the Kubernetes schemas, and against what those leave out.

The schemas are made from the OpenAPI document of each release, in their strict form: an unknown field, a
missing one and a wrong type are refused. That document has no enums and no formats and lets null pass;
the tables below hold them for the fields in use here.
"""

import functools
import json
import re
from typing import Iterator

import kubernetes_validate

from objects import name_of

# The oldest has gRPC probes, preStop sleep and matchLabelKeys without a feature gate.
RELEASES = ("1.30", "1.34", "1.37")

QUANTITY = re.compile(r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")
LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")
DNS_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
PORT_NAME = re.compile(r"^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$")

ENUMS = {
    ("imagePullPolicy",): {"Always", "IfNotPresent", "Never"},
    ("whenUnsatisfiable",): {"DoNotSchedule", "ScheduleAnyway"},
    ("podManagementPolicy",): {"OrderedReady", "Parallel"},
    ("fsGroupChangePolicy",): {"Always", "OnRootMismatch"},
    ("unhealthyPodEvictionPolicy",): {"AlwaysAllow", "IfHealthyBudget"},
    ("whenDeleted",): {"Delete", "Retain"},
    ("whenScaled",): {"Delete", "Retain"},
    ("accessModes", "*"): {"ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany", "ReadOnlyMany"},
    ("policyTypes", "*"): {"Ingress", "Egress"},
    ("protocol",): {"TCP", "UDP", "SCTP"},
    ("seccompProfile", "type"): {"RuntimeDefault", "Localhost", "Unconfined"},
    ("updateStrategy", "type"): {"RollingUpdate", "OnDelete"},
    ("strategy", "type"): {"RollingUpdate", "Recreate"},
    ("spec", "type"): {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"},
}
NUMBERED_PORTS = {"port", "targetPort", "containerPort"}
LABEL_MAPS = {"labels", "matchLabels"}
QUANTITY_MAPS = {"requests", "limits"}


def problems(obj: dict) -> Iterator[str]:
    yield from _against_schemas(json.dumps(obj))
    yield from (f"{name_of(obj)}: {p}" for p in _formats(obj, ()))
    name = str(obj["metadata"].get("name"))
    if not DNS_LABEL.match(name):
        yield f"{name_of(obj)}: {name!r} is not a DNS label"


@functools.cache
def _against_schemas(text: str) -> list[str]:
    """Takes the object as text, to be remembered: every bad sample asks again about the same good objects."""
    obj = json.loads(text)
    found = []
    for release in RELEASES:
        try:
            kubernetes_validate.validate(obj, release, strict=True)
        except kubernetes_validate.ValidationError as e:
            path = ".".join(str(part) for part in e.path)
            found.append(f"{name_of(obj)}: schema {release}: {path}: {e.message}")
        except kubernetes_validate.SchemaNotFoundError as e:
            found.append(f"{name_of(obj)}: schema {release}: {e.message}")
    return found


def _formats(value: object, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _formats(inner, path + (str(key),))
    elif isinstance(value, list):
        for inner in value:
            yield from _formats(inner, path + ("*",))
    else:
        problem = _problem_with_leaf(value, path)
        if problem:
            yield f"{'.'.join(path)}: {problem}"


def _problem_with_leaf(value: object, path: tuple[str, ...]) -> str | None:
    parent = path[-2] if len(path) > 1 else ""
    if value is None:
        return "null says nothing"
    for suffix, allowed in ENUMS.items():
        if path[-len(suffix):] == suffix and value not in allowed:
            return f"{value!r} is none of {', '.join(sorted(allowed))}"
    if parent in QUANTITY_MAPS and not QUANTITY.match(str(value)):
        return f"{value!r} is not a quantity"
    if parent in LABEL_MAPS and not LABEL_VALUE.match(str(value)):
        return f"{value!r} is not a label value"
    if path[-1] in NUMBERED_PORTS and isinstance(value, int) and not 1 <= value <= 65535:
        return f"{value} is not a port"
    if path[-1] in NUMBERED_PORTS and isinstance(value, str) and not PORT_NAME.match(value):
        return f"{value!r} is not a port name"
    return None
