"""Bad samples: each is the good set with one fault, and the words in which that fault must be refused.

A sample is a YAML file with `refused` (words of the expected finding) and one of
  patch:         operations of JSON Patch (add, replace, remove) on `object`, written KIND/NAME
  manifest:      text of one more manifest
  containerfile: [old text, new text] in the Containerfile
"""

import copy
from dataclasses import dataclass
from pathlib import Path

import yaml

from objects import name_of, parse


@dataclass
class Sample:
    name: str
    refused: str
    body: dict

    @classmethod
    def read(cls, path: Path) -> "Sample":
        body = yaml.safe_load(path.read_text())
        return cls(path.stem, body.pop("refused"), body)

    def objects(self, good: list[dict]) -> list[dict]:
        """The good set with this sample's fault in it. Raises yaml.YAMLError for text that does not parse."""
        objects = copy.deepcopy(good)
        if "manifest" in self.body:
            return objects + parse(self.body["manifest"])
        if "patch" in self.body:
            target = next(o for o in objects if name_of(o) == self.body["object"])
            for operation in self.body["patch"]:
                _apply(target, operation)
        return objects

    def containerfile(self, good: str) -> str:
        if "containerfile" not in self.body:
            return good
        old, new = self.body["containerfile"]
        if old not in good:
            raise ValueError(f"{self.name}: {old!r} is not in the Containerfile")
        return good.replace(old, new)


def _apply(target: dict, operation: dict) -> None:
    # JSON Pointer: ~1 stands for a slash inside a key.
    *parents, last = [p.replace("~1", "/") for p in operation["path"].split("/")[1:]]
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target[part]
    if isinstance(target, list):
        last = len(target) if last == "-" else int(last)
    if operation["op"] == "remove":
        del target[last]
    elif operation["op"] == "add" and isinstance(target, list):
        target.insert(last, operation["value"])
    elif operation["op"] == "add" or last in target or isinstance(target, list):
        target[last] = operation["value"]
    else:
        raise KeyError(operation["path"])
