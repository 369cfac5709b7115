"""`doorbell audit list|verify`."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cluster.cli.access import database
from cluster.cli.keys import AsJson
from cluster.security.audit import AuditBroken, Entry, newest, walk

app = typer.Typer(help="Who did what: a trail that only grows.", no_args_is_help=True)
SHORT = 12


@app.command("list")
def list_acts(
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many of the last ones.")] = 50,
    action: Annotated[str, typer.Option(help="Only those that begin like this: rollout, key.made, person, …")] = "",
    as_json: AsJson = False,
) -> None:
    """The last acts, the newest at the end. People, keys and devices are told by their ids."""
    entries = newest(database(), limit, action)
    if as_json:
        print(json.dumps([dataclasses.asdict(entry) for entry in entries]))
        return
    table = Table("", Column("when (UTC)", no_wrap=True), "actor", "action", "object", "details", box=box.SIMPLE)
    for entry in entries:
        table.add_row(*(escape(cell) for cell in _cells(entry)))
    Console().print(table)


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(metavar="HASH", help="A head that was written down earlier: it must still be there.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Walk the whole chain; status 1 and the first broken row when it is not as it was written.

    Write the head down elsewhere now and then: only that tells whether the end was cut off.
    """
    if head is not None and not re.fullmatch("[0-9a-f]{64}", head):
        raise typer.BadParameter("--head is a hash of 64 hex digits, as 'doorbell audit verify' prints it")
    engine = database()
    try:
        whole = walk(engine, head)
    except AuditBroken as broken:
        if as_json:
            print(json.dumps({"whole": False, "broken": str(broken)}))
        print(f"doorbell: the audit trail is broken: {broken}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({"whole": True} | dataclasses.asdict(whole)))
    else:
        print(f"the audit trail is whole: {whole.rows} rows, head {whole.head}")
    return 0


def _cells(entry: Entry) -> tuple[str, ...]:
    told = ", ".join(f"{name} {_short(value)}" for name, value in entry.details.items() if value is not None)
    return str(entry.seq), entry.at[:19].replace("T", " "), entry.actor, entry.action, entry.object, told


def _short(value: object) -> str:
    """A digest by its beginning."""
    text = str(value)
    return text[:SHORT] if re.fullmatch("[0-9a-f]{64}", text) else text
