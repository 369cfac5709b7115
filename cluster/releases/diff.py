"""What differs between two releases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cluster.releases.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Difference:
    """A field by its path; None on the side that does not have it."""

    field: str
    before: Any
    after: Any


def differences(before: Manifest, after: Manifest) -> list[Difference]:
    """Every field that is not the same, the name apart; weights are compared by their role."""
    old, new = dict(fields(before)), dict(fields(after))
    return [
        Difference(field, old.get(field), new.get(field))
        for field in dict.fromkeys([*old, *new])
        if old.get(field) != new.get(field)
    ]


def must_reembed(before: Manifest, after: Manifest) -> bool:
    """Whether the gallery's embeddings are of no use to `after`."""
    return before.space != after.space


def fields(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """Every field by its path, the name apart; weights by their role."""
    content = manifest.model_dump(mode="json", exclude={"name"})
    content["weights"] = {weight.pop("role"): weight for weight in content["weights"]}
    return _flat("", content)


def _flat(prefix: str, content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value
