"""What a measurement prints: a table for people, JSON for programs."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(fields: dict[str, Any], table: Table, as_json: bool) -> None:
    """`fields` as JSON on standard output, or the table."""
    if as_json:
        print(json.dumps(fields, indent=2))
    else:
        Console().print(table)
