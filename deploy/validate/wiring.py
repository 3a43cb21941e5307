"""Whether the objects fit one another: selectors, ports, volumes, budgets, references."""

from collections import Counter
from typing import Iterator

from objects import (WORKLOADS, containers, find, name_of, of_kind, pod_labels, port_numbers, selected, selects)

NAMESPACE = "menagerie"


def problems(objects: list[dict]) -> Iterator[str]:
    yield from _identity(objects)
    for service in of_kind(objects, "Service"):
        yield from _service(objects, service)
    for workload in of_kind(objects, *WORKLOADS):
        yield from _selectors(workload)
        yield from _volumes(workload)
        yield from _references(objects, workload)
        yield from _budget(objects, workload)
    for statefulset in of_kind(objects, "StatefulSet"):
        yield from _governing_service(objects, statefulset)
    for budget in of_kind(objects, "PodDisruptionBudget"):
        if len(selected(objects, budget["spec"]["selector"].get("matchLabels") or {})) != 1:
            yield f"{name_of(budget)}: selects not exactly one workload"
    for policy in of_kind(objects, "NetworkPolicy"):
        yield from _network_policy(objects, policy)


def _identity(objects: list[dict]) -> Iterator[str]:
    for name, count in Counter(name_of(o) for o in objects).items():
        if count > 1:
            yield f"{name}: {count} times"
    if find(objects, "Namespace", NAMESPACE) is None:
        yield f"Namespace/{NAMESPACE} is missing"
    for obj in objects:
        if obj["kind"] != "Namespace" and obj["metadata"].get("namespace") != NAMESPACE:
            yield f"{name_of(obj)}: not in namespace {NAMESPACE}"


def _service(objects: list[dict], service: dict) -> Iterator[str]:
    targets = selected(objects, service["spec"].get("selector") or {})
    if len(targets) != 1:
        yield f"{name_of(service)}: selects {len(targets)} workloads, not one"
    for workload in targets:
        ports = [port_numbers(c.spec) for c in containers([workload])]
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if not any(target in p or target in p.values() for p in ports):
                yield f"{name_of(service)}: targetPort {target} is no port of {name_of(workload)}"


def _selectors(workload: dict) -> Iterator[str]:
    labels = pod_labels(workload)
    if not selects(workload["spec"]["selector"].get("matchLabels") or {}, labels):
        yield f"{name_of(workload)}: selector does not match its own pod labels"
    spreads = workload["spec"]["template"]["spec"].get("topologySpreadConstraints") or []
    if "kubernetes.io/hostname" not in [s["topologyKey"] for s in spreads]:
        yield f"{name_of(workload)}: pods are not spread over nodes"
    for spread in spreads:
        if not selects(spread.get("labelSelector", {}).get("matchLabels") or {}, labels):
            yield f"{name_of(workload)}: spread over {spread['topologyKey']} does not count its own pods"


def _volumes(workload: dict) -> Iterator[str]:
    pod = workload["spec"]["template"]["spec"]
    claims = {t["metadata"]["name"] for t in workload["spec"].get("volumeClaimTemplates") or []}
    known = claims | {v["name"] for v in pod.get("volumes") or []}
    mounted = {m["name"] for c in pod["containers"] for m in c.get("volumeMounts") or []}
    for name in sorted(mounted - known):
        yield f"{name_of(workload)}: volume {name} is mounted but not declared"
    for name in sorted(known - mounted):
        yield f"{name_of(workload)}: volume {name} is declared but not mounted"
    if workload["kind"] == "StatefulSet" and not claims:
        yield f"{name_of(workload)}: no volumeClaimTemplates"


def _references(objects: list[dict], workload: dict) -> Iterator[str]:
    account = workload["spec"]["template"]["spec"].get("serviceAccountName")
    if find(objects, "ServiceAccount", str(account)) is None:
        yield f"{name_of(workload)}: no ServiceAccount {account}"
    for container in containers([workload]):
        for variable in container.spec.get("env") or []:
            ref = variable.get("valueFrom", {}).get("configMapKeyRef")
            if ref and ref["key"] not in (find(objects, "ConfigMap", ref["name"]) or {}).get("data", {}):
                yield f"{container.where}: {variable['name']}: no key {ref['key']} in ConfigMap {ref['name']}"


def _budget(objects: list[dict], workload: dict) -> Iterator[str]:
    budgets = [b for b in of_kind(objects, "PodDisruptionBudget")
               if selects(b["spec"]["selector"].get("matchLabels") or {}, pod_labels(workload))]
    if len(budgets) != 1:
        yield f"{name_of(workload)}: {len(budgets)} disruption budgets, not one"
    replicas = workload["spec"].get("replicas", 1)
    for budget in budgets:
        # More would let a drain take a majority of the voters, or the last one of the others.
        if budget["spec"].get("maxUnavailable") != 1 or replicas < 2:
            yield f"{name_of(budget)}: wants maxUnavailable 1 and at least two replicas"
    if workload["metadata"]["name"] == "consensus" and replicas not in (1, 3, 5):
        yield f"{name_of(workload)}: {replicas} voters; 1, 3 or 5"


def _governing_service(objects: list[dict], statefulset: dict) -> Iterator[str]:
    service = find(objects, "Service", statefulset["spec"]["serviceName"])
    if service is None or service["spec"].get("clusterIP") != "None":
        yield f"{name_of(statefulset)}: serviceName is no headless Service"
        return
    if not selects(service["spec"].get("selector") or {}, pod_labels(statefulset)):
        yield f"{name_of(statefulset)}: {name_of(service)} does not select its pods"
    if service["spec"].get("publishNotReadyAddresses") is not True:
        yield f"{name_of(service)}: members must find one another before they are ready (publishNotReadyAddresses)"
    if statefulset["spec"].get("podManagementPolicy") != "Parallel":
        yield f"{name_of(statefulset)}: the first member would wait for the others (podManagementPolicy)"


def _network_policy(objects: list[dict], policy: dict) -> Iterator[str]:
    pods = selected(objects, policy["spec"]["podSelector"].get("matchLabels") or {})
    known = {name for w in pods for c in containers([w]) for name in port_numbers(c.spec)}
    named = {p["port"] for rule in policy["spec"].get("ingress") or [] for p in rule.get("ports") or []}
    for port in sorted(named - known, key=str):
        yield f"{name_of(policy)}: port {port} is a port of none of its pods"
    for port in sorted(known - named):
        yield f"{name_of(policy)}: nothing may reach port {port}"
