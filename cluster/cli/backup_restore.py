"""`doorbell backup restore|undo`."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from backup.restore import undo as going_back
from backup.restore.partial import PutBack, restore_config, restore_person
from backup.restore.whole import Restored
from backup.restore.whole import restore as put_back
from cluster.cli import backed_up
from cluster.cli.backup_shown import moment, progress, size
from cluster.cli.keys import AsJson
from serve_apps.settings import load


def restore(
    snapshot: Annotated[str | None, typer.Option(metavar="ID", help="As listed; else the newest.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="The newest that is not from after it: 2026-11-28T12:00:00Z.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this person's faces; the cluster may run.")
    ] = None,
    config: Annotated[bool, typer.Option("--config", help="Only rules, releases, and which of them ran.")] = False,
    without_faces: Annotated[
        bool,
        typer.Option("--without-faces", help="Everything but people and faces: their keys are lost with every copy."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a snapshot in the place of what the settings name, whole or not at all; the cluster must not run.

    It is loaded beside, looked into, and then swapped in. What was there stays until the next one, or
    'undo --forget'. Whoever was erased since has no key and is left out.
    """
    if (snapshot and at) or (person is not None) + config + without_faces > 1:
        raise typer.BadParameter("give --snapshot or --at, and one of --person, --config, --without-faces, not both")
    moment_wanted = when(at)
    settings = load()
    state, opened, apart = backed_up.state(settings), backed_up.repository(settings), backed_up.keyring_place(settings)
    done: Restored | PutBack
    if person is not None:
        done = restore_person(state, opened, apart, person, snapshot, moment_wanted)
    elif config:
        done = restore_config(state, opened, snapshot, moment_wanted)
    else:
        with progress("restoring", as_json=as_json) as shown:
            done = put_back(state, opened, apart, snapshot, moment_wanted, shown, without_faces)
    if as_json:
        print(json.dumps(asdict(done) | {"taken_at": moment(done.taken_at)}))
    else:
        print(_part(done) if isinstance(done, PutBack) else _line(done))


def undo(
    forget: Annotated[
        bool, typer.Option("--forget", help="Stay with the restored state; the one before goes, for ever.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Go back to the state before the last restore; the restored one goes. Or let go of the state before."""
    if forget:
        gone = going_back.forget(backed_up.state(load()))
        said = "the state before the restore is gone" if gone else "there is no state from before a restore"
        print(json.dumps({"forgotten": gone}) if as_json else said)
        return
    was = going_back.undo(backed_up.state(load()))
    print(json.dumps({"undone": was}) if as_json else f"the state from before {was} was restored is back")


def when(text: str | None) -> datetime | None:
    """A moment, UTC unless it says otherwise. Raises BadParameter."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--at {text} is no moment; write it as 2026-11-28T12:00:00Z") from None
    return found.replace(tzinfo=found.tzinfo or UTC)


def _line(done: Restored) -> str:
    gone = {name: count for name, count in done.left_out.items() if count}
    left_out = ", ".join(f"{count} of {name}" for name, count in gone.items())
    return (
        f"restored to {done.taken_at:%Y-%m-%d %H:%M:%S} UTC ({done.snapshot}): {done.rows:,} rows, {size(done.size)}, "
        f"{done.seconds:.1f} s" + (f"; left out, without a key: {left_out}" if gone else "")
    )


def _part(done: PutBack) -> str:
    rows = [f"{count} of {table}" for table, count in done.rows.items()]
    return f"put back from {done.snapshot}: {', '.join([*rows, *done.blobs]) or 'nothing that was not there'}"


COMMANDS = (restore, undo)
