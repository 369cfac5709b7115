"""Numbers on the command line: `nan` is below no minimum and above no maximum, so it would pass every range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import typer


def only_finite(command: Any) -> Any:
    """The command, whose options and those of its subcommands take no `nan` and no `inf`."""
    for each in _with_subcommands(command):
        for parameter in each.params:
            if parameter.callback is None:
                parameter.callback = _finite
    return command


def _finite(context: object, parameter: Any, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no number that this takes", param=parameter)
    return value


def _with_subcommands(command: Any) -> Iterator[Any]:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from _with_subcommands(each)
