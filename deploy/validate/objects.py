"""The manifests as one set of objects, read the strict way: a key twice is an error."""

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import yaml

WORKLOADS = ("StatefulSet", "Deployment")


class StrictLoader(yaml.SafeLoader):
    """YAML as the API server's strict decoding reads it."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} twice", node.start_mark)
        return super().construct_mapping(node, deep)


@dataclass
class Container:
    """A container and the pod and workload that it belongs to."""

    workload: dict
    spec: dict

    @property
    def where(self) -> str:
        return f"{name_of(self.workload)} container {self.spec.get('name')}"

    @property
    def pod(self) -> dict:
        return self.workload["spec"]["template"]["spec"]


def parse(text: str) -> list[dict]:
    """All objects of one YAML text. Raises yaml.YAMLError, also when a document is not an object."""
    documents = [d for d in yaml.load_all(text, Loader=StrictLoader) if d is not None]
    for document in documents:
        if not isinstance(document, dict) or not {"apiVersion", "kind", "metadata"} <= document.keys():
            raise yaml.YAMLError("a document without apiVersion, kind and metadata")
    return documents


def read(directory: Path) -> list[dict]:
    """All objects of the directory's *.yaml files, in the order in which kubectl applies them."""
    return [o for path in sorted(directory.glob("*.yaml")) for o in parse(path.read_text())]


def name_of(obj: dict) -> str:
    return f"{obj['kind']}/{obj['metadata'].get('name')}"


def of_kind(objects: list[dict], *kinds: str) -> list[dict]:
    return [o for o in objects if o["kind"] in kinds]


def find(objects: list[dict], kind: str, name: str) -> dict | None:
    return next((o for o in of_kind(objects, kind) if o["metadata"].get("name") == name), None)


def containers(objects: list[dict]) -> Iterator[Container]:
    for workload in of_kind(objects, *WORKLOADS):
        for spec in workload["spec"]["template"]["spec"]["containers"]:
            yield Container(workload, spec)


def pod_labels(workload: dict) -> dict:
    return workload["spec"]["template"]["metadata"].get("labels") or {}


def selects(selector: dict, labels: dict) -> bool:
    """Whether a selector of plain labels picks pods with these labels. An empty one picks nothing here."""
    return bool(selector) and selector.items() <= labels.items()


def selected(objects: list[dict], selector: dict) -> list[dict]:
    return [w for w in of_kind(objects, *WORKLOADS) if selects(selector, pod_labels(w))]


def port_numbers(spec: dict) -> dict[str, int]:
    """A container's ports by name."""
    return {p.get("name", str(p["containerPort"])): p["containerPort"] for p in spec.get("ports") or []}
