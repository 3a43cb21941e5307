"""What every pod must have: probes, resources, a locked-down security context, time to stop."""

from typing import Iterator

from objects import Container, containers, of_kind, port_numbers, WORKLOADS, name_of

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
SPARE_SECONDS = 15


def problems(objects: list[dict]) -> Iterator[str]:
    for workload in of_kind(objects, *WORKLOADS):
        yield from _pod(workload)
    for container in containers(objects):
        for problem in (*_probes(container), *_resources(container), *_locked_down(container), *_stop(container)):
            yield f"{container.where}: {problem}"


def _pod(workload: dict) -> Iterator[str]:
    pod = workload["spec"]["template"]["spec"]
    security = pod.get("securityContext") or {}
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield f"{name_of(workload)}: pod may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{name_of(workload)}: no seccomp profile"
    if workload["kind"] == "StatefulSet" and not security.get("fsGroup"):
        yield f"{name_of(workload)}: without fsGroup the volume belongs to root"
    if pod.get("automountServiceAccountToken") is not False:
        yield f"{name_of(workload)}: mounts an API token that nothing uses"
    if pod.get("enableServiceLinks") is not False:
        yield f"{name_of(workload)}: service links put foreign variables into the environment"
    if pod.get("hostNetwork") or pod.get("hostPID") or pod.get("hostIPC"):
        yield f"{name_of(workload)}: shares a namespace of the host"


def _probes(container: Container) -> Iterator[str]:
    for kind in PROBES:
        grpc = container.spec.get(kind, {}).get("grpc")
        if grpc is None:
            yield f"no {kind} of kind grpc"
        elif grpc["port"] != port_numbers(container.spec).get("internal"):
            yield f"{kind} asks port {grpc['port']}, which is not the one named internal"


def _resources(container: Container) -> Iterator[str]:
    resources = container.spec.get("resources") or {}
    for name in ("cpu", "memory"):
        if name not in (resources.get("requests") or {}):
            yield f"no {name} request"
    if "memory" not in (resources.get("limits") or {}):
        yield "no memory limit"


def _locked_down(container: Container) -> Iterator[str]:
    security = container.spec.get("securityContext") or {}
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield "may gain privileges"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "root file system is writable"
    if security.get("capabilities", {}).get("drop") != ["ALL"] or security["capabilities"].get("add"):
        yield "keeps capabilities"
    image = container.spec.get("image", "")
    if ":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest"):
        yield f"image {image!r} has no fixed version"


def _stop(container: Container) -> Iterator[str]:
    grace = container.pod.get("terminationGracePeriodSeconds")
    if grace is None:
        yield "no terminationGracePeriodSeconds"
        return
    hook = container.spec.get("lifecycle", {}).get("preStop", {})
    # The image has no shell and no sleep program.
    if "exec" in hook:
        yield "preStop runs a program that the image does not have"
    pause = hook.get("sleep", {}).get("seconds", 0)
    if grace < pause + SPARE_SECONDS:
        yield f"{grace} s of grace leave no time to drain after {pause} s of preStop"
