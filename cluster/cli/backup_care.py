"""`doorbell backup verify|prune|replicate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated

import typer

from backup.damage import Damage
from backup.errors import Damaged, NoSuchObject
from backup.keyring import keys_apart, object_name
from backup.prune import prune as prune_repository
from backup.replicate import Replicated, replicate_keyring
from backup.replicate import replicate as copy_snapshots
from backup.repository import Repository
from backup.verify import verify as read_back
from cluster.cli import backed_up
from cluster.cli.backup import now
from cluster.cli.backup_references import complaints
from cluster.cli.backup_shown import progress, size
from cluster.cli.devices import age
from cluster.cli.keys import AsJson
from serve_apps.settings import Settings, SettingsError, load


def verify(
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share of the content that is read.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Which share: another number, another one.")] = 0,
    repair: Annotated[
        bool, typer.Option("--repair", help="Have the next snapshot write what is damaged again.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Read everything back, decrypt, hash and count it; status 1 and the name of whatever is damaged."""
    settings = load()
    opened = backed_up.repository(settings)
    with progress("reading back", as_json=as_json) as shown:
        found = read_back(opened, sample, seed, complaints(opened), repair, shown)
    if found.newest and settings.backup_keyring_url:
        found = replace(found, damaged=(*found.damaged, *_keyring(opened, settings)))
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        for damage in found.damaged:
            print(f"doorbell: {damage}", file=sys.stderr)
        part = "all" if found.whole else f"{sample:.0%}"
        print(
            f"{part} of {found.snapshots} snapshots read: {found.objects} objects, {size(found.bytes)}, "
            f"{len(found.damaged)} damaged"
        )
    return 1 if found.damaged else 0


def _keyring(opened: Repository, settings: Settings) -> Iterator[Damage]:
    """What is wrong with the keyring's copy, without which no snapshot gives a face back."""
    apart = backed_up.keyring_place(settings)
    try:
        keys_apart(opened, apart)
    except (NoSuchObject, Damaged) as error:
        reason = f"{error}; while the keyring itself is there, 'doorbell backup snapshot' copies it again"
        yield Damage(f"{apart.place}/{object_name(opened)}", reason, (), (), ())


def prune(as_json: AsJson = False) -> None:
    """Let go of snapshots beyond DOORBELL_BACKUP_KEEP, an hour later of what none needs; the cluster does it too.

    Never goes the newest, nor the newest whose restore was rehearsed.
    """
    settings = load()
    done = prune_repository(backed_up.repository(settings), backed_up.policy(settings), now())
    if as_json:
        print(json.dumps(asdict(done)))
        return
    print(f"{len(done.kept)} snapshots kept, {len(done.removed)} removed, {size(done.bytes_freed)} freed")
    if done.condemned:
        print(f"{done.condemned} objects that no snapshot needs are deleted by a prune in an hour or later")
    if done.waiting:
        print(f"nothing was deleted: {done.waiting}")


def replicate(as_json: AsJson = False) -> int:
    """Bring the second place up to date, the keyring's copy too; status 1 when a damaged snapshot was left out."""
    settings = load()
    opened = backed_up.repository(settings)
    with progress("copying", as_json=as_json):
        done = replicated(settings, opened, now())
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        for line in done.damaged:
            print(f"doorbell: not copied: {line}", file=sys.stderr)
        behind = "has all of them" if done.lag_seconds == 0 else f"is {age(done.lag_seconds)} behind"
        print(f"{len(done.snapshots)} snapshots copied, {size(done.bytes)}; the second place {behind}")
    return 1 if done.damaged else 0


def replicated(settings: Settings, opened: Repository, at: datetime) -> Replicated:
    """Snapshots and keyring to the second places. Raises SettingsError where none is set, BackupError."""
    second = backed_up.second_place(settings)
    if second is None:
        raise SettingsError("DOORBELL_BACKUP_REPLICATE_TO is not set: give a place in another region")
    if settings.backup_keyring_replicate_to:
        apart = backed_up.second_keyring_place(settings)
        replicate_keyring(opened.id, backed_up.keyring_place(settings), apart)
    return copy_snapshots(opened, second, at, backed_up.policy(settings))


COMMANDS = (verify, prune, replicate)
