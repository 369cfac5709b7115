"""`doorbell backup init|snapshot|list|status`; the other commands have modules of their own."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from backup import slots
from backup.keyring import object_name
from backup.repository import Repository
from backup.snapshot import snapshot as take
from cluster.cli import backed_up, backup_keys, left
from cluster.cli.backup_shown import described, moment, progress, size
from cluster.cli.devices import age
from cluster.cli.keys import AsJson
from serve_apps.settings import Settings, load

app = typer.Typer(help="Snapshots, and the way back from them.", no_args_is_help=True)
app.add_typer(backup_keys.app, name="key")
PASSPHRASE_BYTES = 32


def now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


@app.command()
def init(as_json: AsJson = False) -> None:
    """Make the repository that the settings name, once; and the passphrase's file, where it is not there yet."""
    settings = load()
    target, apart, keys = backed_up.place(settings), backed_up.keyring_place(settings), backed_up.providers(settings)
    made = settings.backup_passphrase_file is not None and make_passphrase(settings.backup_passphrase_file)
    opened = Repository.create(target, keys[0], now())
    if as_json:
        print(json.dumps({"repository": opened.id, "place": target.place, "keyring_place": apart.place}))
        return
    print(f"{target.place} is ready")
    if made:
        print(f"{settings.backup_passphrase_file} is new: keep a copy elsewhere, without it no snapshot can be read")


@app.command()
def snapshot(
    whole: Annotated[bool, typer.Option("--whole", help="Read everything, also what has not changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a snapshot of the running cluster; nothing is stopped for it."""
    settings = load()
    opened, apart = backed_up.repository(settings), backed_up.keyring_place(settings)
    state = backed_up.state(settings)
    left.clear_forsaken_drill(settings.folder, state.database)
    with progress("taking a snapshot", as_json=as_json) as shown:
        taken = take(state, opened, apart, now, shown, whole)
    told = {"bytes_uploaded": taken.bytes_uploaded, "objects": taken.objects, "seconds": round(taken.seconds, 3)}
    if as_json:
        print(json.dumps(described(taken.manifest) | told))
        return
    print(
        f"{taken.manifest.id}: {taken.manifest.rows:,} rows, {size(taken.bytes_uploaded)} uploaded in "
        f"{taken.objects} objects, {taken.seconds:.1f} s"
    )


@app.command("list")
def list_snapshots(
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 20, as_json: AsJson = False
) -> None:
    """The newest snapshots, the last at the end, and when each was last found to be good."""
    opened = backed_up.repository(load())
    verified = opened.verified_ids()
    rows = [
        described(opened.manifest(each)) | {"verified_at": moment(verified[each]) if each in verified else None}
        for each in opened.ids()[-limit:]
    ]
    if as_json:
        print(json.dumps(rows))
        return
    numbers = (Column(name, justify="right", no_wrap=True) for name in ("people", "events", "size"))
    table = Table(Column("id", no_wrap=True), *numbers, "good at (UTC)", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for row in rows:
        good = (row["verified_at"] or "")[:16].replace("T", " ")
        table.add_row(row["id"], f"{row['people']:,}", f"{row['events']:,}", size(row["bytes"]), good)
    Console().print(table)


@app.command()
def status(as_json: AsJson = False) -> int:
    """How old the newest snapshot is, when a restore was last rehearsed.

    Status 1 when there is no snapshot, or the keyring's copy is gone.
    """
    settings = load()
    found = standing(settings, now())
    if as_json:
        print(json.dumps(found))
    else:
        for line in _lines(found):
            print(line)
    return 0 if found["newest"] and found["keyring_copy"] else 1


def standing(settings: Settings, at: datetime) -> dict[str, Any]:
    """What `status` tells. Raises BackupError when the repository cannot be opened."""
    from backup.replicate import lag_seconds

    opened = backed_up.repository(settings)
    ids, verified = opened.ids(), opened.verified_ids()
    newest = opened.manifest(ids[-1]) if ids else None
    second = backed_up.second_place(settings)
    return {
        "place": opened.target.place,
        "snapshots": len(ids),
        "newest": described(newest) if newest else None,
        "newest_age_seconds": round((at - newest.taken_at).total_seconds(), 1) if newest else None,
        "verified_at": moment(max(verified.values())) if verified else None,
        "verified_age_seconds": round((at - max(verified.values())).total_seconds(), 1) if verified else None,
        "replication_lag_seconds": round(lag_seconds(opened, second, at), 1) if second else None,
        "keyring_copy": any(backed_up.keyring_place(settings).list(object_name(opened))),
        "keys": [asdict(slot)["name"] for slot in slots.read(opened.target)],
    }


def ready(settings: Settings) -> str | None:
    """What is wrong with the snapshots before a cluster starts, if anything: a place that is away is no reason to wait.

    Raises SettingsError, NoRepository, WrongKey: what somebody has to put right.
    """
    from backup.errors import TargetUnavailable

    try:
        backed_up.keyring_place(settings)
        backed_up.repository(settings)
    except TargetUnavailable as error:
        return f"no snapshots for now: {error}"
    return None


def make_passphrase(file: Path) -> bool:
    """Random, readable by its owner only, unless the file is there; whether it is new. Raises OSError."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as opened:
        opened.write(secrets.token_hex(PASSPHRASE_BYTES) + "\n")
    return True


def _lines(found: dict[str, Any]) -> list[str]:
    if not found["newest"]:
        return [f"{found['place']} has no snapshot yet; take one: doorbell backup snapshot"]
    verified, behind = found["verified_age_seconds"], found["replication_lag_seconds"]
    lines = [
        f"{found['place']}: {found['snapshots']} snapshots, the newest {age(found['newest_age_seconds'])} old",
        "no restore was rehearsed yet; doorbell backup drill"
        if verified is None
        else f"a restore was last rehearsed, and right, {age(verified)} ago",
    ]
    if behind is not None:
        lines.append("the second place has all of them" if behind == 0 else f"the second place is {age(behind)} behind")
    if not found["keyring_copy"]:
        lines.append("the keyring's copy is gone, and no snapshot gives a face back without: doorbell backup snapshot")
    if len(found["keys"]) == 1:
        lines.append("there is one key only: when it is lost, so are the snapshots; doorbell backup key add")
    return lines
