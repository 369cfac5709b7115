"""What is larger than it should be: `python -m tests.size_budgets` prints it and exits 1 when there is any.

A function's length is its lines from `def` to the end without the docstring. Bodies that are a docstring only, as
in Protocols, do not count towards the median: they would flatter it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
FOLDERS = ("edge", "serve_apps", "autoscaling", "backup", "cluster", "benchmarks", "samples")
LEFT_OUT = ("serve_apps/migrations/versions/",)
"""A migration is a list of what changes, never edited again; cutting it up would not make it clearer."""

MODULE_LINES = 250
CLASS_LINES = 150
FUNCTION_LINES = 40
MEDIAN_BELOW = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Size:
    """Something with its length in lines and the most it may have."""

    place: str
    what: str
    lines: int
    most: int

    def __str__(self) -> str:
        return f"{self.place}: {self.what} has {self.lines} lines, {self.most} are the most"


def sizes(path: str, source: str) -> Iterator[Size]:
    """The module, and every class and function in it, nested ones too."""
    yield Size(path, "the module", len(source.splitlines()), MODULE_LINES)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield Size(f"{path}:{node.lineno}", f"class {node.name}", _length(node), CLASS_LINES)
        elif isinstance(node, Function) and _has_body(node):
            yield Size(
                f"{path}:{node.lineno}", f"function {node.name}", _length(node) - _docstring(node), FUNCTION_LINES
            )


def exceeding(found: list[Size]) -> list[str]:
    """One line for each thing over its budget, the largest first, then one when the median is."""
    over = sorted((size for size in found if size.lines > size.most), key=lambda size: size.most - size.lines)
    lines = [str(size) for size in over]
    middle = median_function(found)
    if middle >= MEDIAN_BELOW:
        lines.append(f"the median function has {middle:g} lines, it should have fewer than {MEDIAN_BELOW}")
    return lines


def median_function(found: list[Size]) -> float:
    """The median length of the functions; 0 without any."""
    return median([size.lines for size in found if size.what.startswith("function ")] or [0])


def product_sizes(root: Path = ROOT) -> list[Size]:
    """Everything in the product folders that exist."""
    paths = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
    named = [(path.relative_to(root).as_posix(), path) for path in paths]
    return [size for name, path in named if not name.startswith(LEFT_OUT) for size in sizes(name, path.read_text())]


def main() -> int:
    """The exit status."""
    found = product_sizes()
    lines = exceeding(found)
    for line in lines:
        print(line)
    modules = sum(size.what == "the module" for size in found)
    print(f"{modules} modules, median function {median_function(found):g} lines, {len(lines)} over budget")
    return 1 if lines else 0


def _length(node: ast.ClassDef | Function) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def _docstring(node: Function) -> int:
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is None or first.end_lineno is None:
        return 0
    return first.end_lineno - first.lineno + 1


def _has_body(node: Function) -> bool:
    return not (len(node.body) == 1 and _docstring(node))


if __name__ == "__main__":
    sys.exit(main())
