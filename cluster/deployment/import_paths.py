"""Whether an `import_path` names something, found out without importing it: no library is loaded by a check."""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path


def why_not(import_path: str) -> str | None:
    """What is wrong with `module:name`, or None. Ray takes `module.name` as well."""
    module, _, name = import_path.partition(":") if ":" in import_path else import_path.rpartition(".")
    if not module or not name:
        return "is no module:name"
    source = _source(module)
    if source is None:
        return f"there is no module {module}"
    known = set(_top_level(ast.parse(source.read_bytes())))
    if name in known:
        return None
    nearest = difflib.get_close_matches(name, sorted(known), 1)
    return f"{module} has no {name}" + (f"; did you mean {module}:{nearest[0]}?" if nearest else "")


def _source(module: str) -> Path | None:
    """The file of a module, from the folders of its parents; importlib.util.find_spec would import those."""
    folders: list[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        spec = _spec(".".join(parts[:depth]), folders)
        if spec is None:
            return None
        folders = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _spec(module: str, folders: list[str] | None) -> ModuleSpec | None:
    """From the first finder that knows it: an editable installation brings one of its own."""
    asked = (finder.find_spec(module, folders) for finder in sys.meta_path)
    return next((spec for spec in asked if spec is not None), None)


def _top_level(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
