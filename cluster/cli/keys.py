"""`doorbell keys create|list|revoke`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cluster.cli.access import key_store
from cluster.security.api_keys import ApiKey, Scope, id_of

app = typer.Typer(help="API keys.", no_args_is_help=True)
LONGEST_NAME = 100
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[list[Scope], typer.Option(help="frames, people, events, alerts or admin; may be repeated.")],
    days: Annotated[float | None, typer.Option(min=0.001, max=36500, help="End by itself after so many days.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this one time."""
    now = datetime.now(UTC)
    if not 0 < len(name) <= LONGEST_NAME:
        raise typer.BadParameter(f"a name has 1 to {LONGEST_NAME} characters")
    key = key_store().create(name, frozenset(scope), now, now + timedelta(days=days) if days else None)
    print(json.dumps({"id": id_of(key), "key": key}) if as_json else key)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Every key, without its secret."""
    keys = key_store().all()
    if as_json:
        print(json.dumps([_row(key) for key in keys]))
        return
    table = Table(Column("id", no_wrap=True), "name", "scopes", "created", "ends", "revoked")
    for key in keys:
        table.add_row(*(escape(value or "") for value in _row(key).values()))
    Console().print(table)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as listed.")]) -> None:
    """End a key; within a second nothing answers to it."""
    key_store().revoke(key_id, datetime.now(UTC))
    print(f"{key_id} is revoked")


def _row(key: ApiKey) -> dict[str, str | None]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": ",".join(sorted(key.scopes)),
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": key.expires_at.isoformat(timespec="seconds") if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
    }
