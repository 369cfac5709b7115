"""`doorbell backup key add|list|remove|rotate`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from backup import slots
from backup.key_command import KeyCommand
from backup.keys import KeyProvider
from backup.passphrase import Passphrase
from cluster.cli import backed_up
from cluster.cli.keys import AsJson
from serve_apps.settings import load

app = typer.Typer(help="The keys that open the snapshots: any one of them does.", no_args_is_help=True)
PassphraseFile = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="A file with a passphrase, beside the key of the settings.")
]
Command = Annotated[
    list[str] | None, typer.Option(metavar="PROGRAM", help="Called with wrap or unwrap: bytes in, bytes out.")
]


@app.command()
def add(passphrase_file: PassphraseFile = None, command: Command = None, as_json: AsJson = False) -> None:
    """A further key, which opens all snapshots, old ones too. Keep it elsewhere: it is what a lost key needs."""
    new = _given(passphrase_file, command)
    if len(new) != 1:
        raise typer.BadParameter("give the new key: --passphrase-file FILE, or --command PROGRAM")
    settings = load()
    target = backed_up.place(settings)
    with slots.changing(target):
        secrets, _ = slots.opened(slots.read(target), backed_up.providers(settings), target.place)
        slot = slots.add(target, secrets, new[0], datetime.now(UTC))
    print(json.dumps({"slot": slot.name, "kind": slot.kind}) if as_json else f"slot {slot.name} ({slot.kind}) is added")


@app.command("list")
def list_slots(as_json: AsJson = False) -> None:
    """Every slot. `generation` is the newest data key that it opens."""
    found = slots.read(backed_up.place(load()))
    if as_json:
        rows = [{"slot": s.name, "kind": s.kind, "made_at": s.made_at, "generation": s.generation} for s in found]
        print(json.dumps(rows))
        return
    table = Table("slot", "kind", "made (UTC)", "generation", box=box.SIMPLE)
    for slot in found:
        table.add_row(slot.name, slot.kind, slot.made_at[:19].replace("T", " "), str(slot.generation))
    Console().print(table)
    if len(found) == 1:
        print("there is one key only: when it is lost, so are the snapshots; doorbell backup key add")


@app.command()
def remove(slot: Annotated[str, typer.Argument(metavar="SLOT", help="As listed.")]) -> None:
    """End a key, unless it is the last. Whoever has it has the old snapshots' keys: rotate, too."""
    slots.remove(backed_up.place(load()), slot)
    print(f"slot {slot} is removed")


@app.command()
def rotate(passphrase_file: PassphraseFile = None, command: Command = None, as_json: AsJson = False) -> None:
    """Seal what is written from now on with a new data key. Nothing is written again; needs the keys of all slots."""
    settings = load()
    keys = backed_up.providers(settings, *_given(passphrase_file, command))
    generation = slots.rotate(backed_up.place(settings), keys).newest
    print(json.dumps({"generation": generation}) if as_json else f"new chunks are sealed with data key {generation}")


def _given(passphrase_files: list[Path] | None, commands: list[str] | None) -> list[KeyProvider]:
    passphrases: list[KeyProvider] = [Passphrase(file.absolute()) for file in passphrase_files or []]
    return [*passphrases, *(KeyCommand(each) for each in commands or [])]
