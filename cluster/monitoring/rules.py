"""Prometheus' rules as values, and as the YAML that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Recording:
    """`expr` under a name of its own."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_yaml(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        found: dict[str, Any] = {"record": self.record, "expr": self.expr}
        return found | ({"labels": dict(self.labels)} if self.labels else {})


@dataclass(frozen=True, slots=True)
class Alert:
    """Fires when `expr` gives anything for as long as `lasting`."""

    alert: str
    expr: str
    lasting: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def as_yaml(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        found = {"alert": self.alert, "expr": self.expr, "for": self.lasting}
        return found | {"labels": dict(self.labels), "annotations": dict(self.annotations)}


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, every `interval`; empty is Prometheus' own."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str = ""

    def as_yaml(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        every = {"interval": self.interval} if self.interval else {}
        return {"name": self.name, **every, "rules": [rule.as_yaml() for rule in self.rules]}


def text(head: str, groups: Iterable[Group]) -> str:
    """A rule file that begins with `head` as its comment."""
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    found = {"groups": [group.as_yaml() for group in groups]}
    return comment + yaml.dump(found, Dumper=_Readable, sort_keys=False, width=120, allow_unicode=True)


class _Readable(yaml.SafeDumper):
    """Lines as lines."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _Readable.represent_text)
