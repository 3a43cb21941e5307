"""What each container says to the binary: known flags, complete, and addresses that lead somewhere."""

import re
from typing import Iterator

from contract import (ADDRESS, ADVERTISED, BY_NAME, FLAGS, LISTENING, MEMBER, MEMBER_LISTS, REQUIRED, ROLES, flag_of,
                      problem_with_value)
from objects import Container, containers, find, port_numbers, selected

# The lists that name a component's members. They are where pods begin, so they may be shorter than a set that grew.
COMPONENT_OF = {"--peers": "consensus", "--consensus": "consensus", "--stores": "tree-store"}

# A Deployment's pods have no names of their own; this variable holds their address.
POD_IP, POD_IP_EXAMPLE = "POD_IP", "10.0.0.1"
REFERENCE = re.compile(r"\$\((\w+)\)")


def problems(objects: list[dict]) -> Iterator[str]:
    for container in containers(objects):
        args = container.spec.get("args") or [None]
        if args[0] not in ROLES:
            yield f"{container.where}: first argument {args[0]!r} is no role"
            continue
        for problem in _container(objects, container, args[0]):
            yield f"{container.where}: {problem}"


def _container(objects: list[dict], container: Container, role: str) -> Iterator[str]:
    if "command" in container.spec:
        yield "command replaces the image's entry point"
    settings: dict[str, str] = {}
    for flag, value in _given(objects, container):
        if flag not in FLAGS[role]:
            yield f"{role} has no {flag}"
        elif flag in settings:
            yield f"{flag} given twice"
        elif value is None:
            yield f"{flag} without a value"
        else:
            settings[flag] = value
    for flag in sorted(REQUIRED[role] - settings.keys()):
        yield f"{flag} is missing"
    for flag, value in settings.items():
        problem = problem_with_value(role, flag, value)
        if problem:
            yield problem
        elif flag in LISTENING:
            yield from _listens(container, flag, value)
        elif flag == "--advertise":
            yield from _advertises(objects, container, value)
        elif flag in MEMBER_LISTS:
            yield from _members(objects, flag, value)
    yield from _annotation(container, settings)
    yield from _data_dir(container, settings)


def _given(objects: list[dict], container: Container) -> Iterator[tuple[str, str | None]]:
    """Flags with their values, from the arguments and from the environment."""
    rest = list(container.spec["args"][1:])
    while rest:
        flag = rest.pop(0)
        yield flag, rest.pop(0) if rest and not rest[0].startswith("--") else None
    for variable in container.spec.get("env") or []:
        # Others are there for $(NAME) in those that follow.
        if variable["name"] != POD_IP:
            yield flag_of(variable["name"]), _value(objects, container, variable)


def _value(objects: list[dict], container: Container, variable: dict) -> str | None:
    source = variable.get("valueFrom", {})
    if "configMapKeyRef" in source:
        config = find(objects, "ConfigMap", source["configMapKeyRef"]["name"]) or {}
        return config.get("data", {}).get(source["configMapKeyRef"]["key"])
    if source.get("fieldRef", {}).get("fieldPath") == "metadata.name":
        # A Deployment's pods end in random letters, which make no id.
        ending = "0" if container.workload["kind"] == "StatefulSet" else "x7k2p"
        return f"{container.workload['metadata']['name']}-{ending}"
    if source.get("fieldRef", {}).get("fieldPath") == "status.podIP":
        return POD_IP_EXAMPLE
    return REFERENCE.sub(lambda found: _named(objects, container, found[1]), variable.get("value") or "") or None


def _named(objects: list[dict], container: Container, name: str) -> str:
    """What $(NAME) stands for; an unknown one stays as it is, as in Kubernetes."""
    for variable in container.spec.get("env") or []:
        if variable["name"] == name:
            return _value(objects, container, variable) or ""
    return f"$({name})"


def _advertises(objects: list[dict], container: Container, value: str) -> Iterator[str]:
    """Every pod has an address of its own to give: its own one, or its name."""
    found = ADVERTISED.match(value)
    if not found:
        yield f"--advertise wants HOST:PORT, not {value!r}"
    elif int(found["port"]) not in port_numbers(container.spec).values():
        yield f"--advertise names port {found['port']}, which is not among the container's ports"
    elif container.workload["kind"] == "StatefulSet":
        name, service = container.workload["metadata"]["name"], container.workload["spec"]["serviceName"]
        if found["host"] != f"{name}-0.{service}":
            yield f"--advertise: {found['host']} is not a pod's name under its Service, {name}-0.{service}"
    elif found["host"] != POD_IP_EXAMPLE:
        yield f"--advertise: {found['host']} is not the pod's own address; use $({POD_IP})"


def _listens(container: Container, flag: str, value: str) -> Iterator[str]:
    port = int(ADDRESS.match(value)["port"])
    if port not in port_numbers(container.spec).values():
        yield f"{flag} listens on {port}, which is not among the container's ports"


def _members(objects: list[dict], flag: str, value: str) -> Iterator[str]:
    by_name = BY_NAME.match(value)
    if by_name and flag == "--trackers":
        yield from _resolves(objects, by_name["host"], int(by_name["port"]))
        return
    seen = []
    for text in value.split(","):
        member = MEMBER.match(text)
        if not member:
            yield f"{flag}: {text!r} is not ID=HOST:PORT"
            return
        seen.append(int(member["id"]))
        yield from _is_pod(objects, flag, member)
    workload = find(objects, "StatefulSet", COMPONENT_OF.get(flag, ""))
    first = list(range(1, len(seen) + 1))
    if workload and (sorted(seen) != first or len(seen) > workload["spec"]["replicas"]):
        yield f"{flag} names ids {seen}, but there are {workload['spec']['replicas']} replicas, counted from 1"


def _resolves(objects: list[dict], host: str, port: int) -> Iterator[str]:
    service = find(objects, "Service", host)
    if service is None or service["spec"].get("clusterIP") != "None":
        yield f"{host} is no headless Service, so it does not resolve to the pods"
        return
    for workload in selected(objects, service["spec"].get("selector") or {}):
        if not any(port in port_numbers(c.spec).values() for c in containers([workload])):
            yield f"{host}:{port}: the pods do not listen there"


def _is_pod(objects: list[dict], flag: str, member) -> Iterator[str]:
    """A member is a StatefulSet's pod under its governing Service: NAME-ORDINAL.SERVICE, ordinal = id - 1."""
    pod, _, service = member["host"].partition(".")
    name, _, ordinal = pod.rpartition("-")
    workload = find(objects, "StatefulSet", name)
    if workload is None or workload["spec"]["serviceName"] != service or name != COMPONENT_OF.get(flag):
        yield f"{flag}: {member['host']} is not the stable name of a {COMPONENT_OF.get(flag)} pod"
        return
    if not ordinal.isdigit() or int(ordinal) + 1 != int(member["id"]):
        yield f"{flag}: {pod} takes id {int(ordinal) + 1 if ordinal.isdigit() else '?'}, not {member['id']}"
    yield from _resolves(objects, service, int(member["port"]))


def _annotation(container: Container, settings: dict[str, str]) -> Iterator[str]:
    notes = container.workload["spec"]["template"]["metadata"].get("annotations") or {}
    if notes.get("prometheus.io/scrape") != "true" or notes.get("prometheus.io/path") != "/metrics":
        yield "pods are not annotated for Prometheus"
    if not settings.get("--admin-addr", "").endswith(":" + notes.get("prometheus.io/port", "none")):
        yield "prometheus.io/port is not the port of --admin-addr"


def _data_dir(container: Container, settings: dict[str, str]) -> Iterator[str]:
    directory = settings.get("--data-dir")
    claims = {t["metadata"]["name"] for t in container.workload["spec"].get("volumeClaimTemplates") or []}
    mounts = [m["mountPath"] for m in container.spec.get("volumeMounts") or []
              if m["name"] in claims and not m.get("readOnly")]
    # Below the mount point, not the point itself: a fresh volume has a lost+found there.
    if directory and not any(directory.startswith(m.rstrip("/") + "/") for m in mounts):
        yield f"--data-dir {directory} is not below a claimed volume"
