"""`doorbell-edge spool`: look at the frames on disk, and put right what can be."""

from __future__ import annotations

import json
import os
import pwd
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.errors import Damaged, SettingsInvalid, SpoolUnusable
from edge.settings import SpoolSettings, read_settings
from edge.spool.frame_file import decode, read_header
from edge.spool.key import SpoolKey, make_spool_key
from edge.spool.queue import DAMAGED, REFUSED, Spool, entries_in
from edge.spool.set_aside import listed, remove_set_aside
from edge.spool.told import key_of, limits_of

spool_app = typer.Typer(help="Look at the frames on disk; safe while an agent runs, but for retry.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
SpoolFolder = Annotated[Path | None, typer.Option("--spool", help="The spool folder.")]
Config = Annotated[Path | None, typer.Option("--config", help="The settings that name the spool folder.")]
KeyFile = Annotated[Path | None, typer.Option(help="Decrypts the frames; else the settings name it.")]


@spool_app.command("list")
def spool_list(spool: SpoolFolder = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show the frames that wait, oldest first; encrypted ones too, without their images."""
    for entry in entries_in(_told(spool, config).folder):
        try:
            header, _ = read_header(entry.path)
        except OSError:
            # Delivered by a running agent meanwhile.
            continue
        told = {name: header.text(name) or None for name in ("camera_id", "captured_at", "trigger", "label")}
        row = {"frame_id": entry.frame_id, **told, "face": entry.face, "bytes": entry.size}
        _print_row({**row, "encrypted": header.key is not None} if as_json else row, as_json)


@spool_app.command("damaged")
def spool_damaged(spool: SpoolFolder = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show the files whose checksum was wrong."""
    for row in listed(_told(spool, config).folder / DAMAGED):
        _print_row(row, as_json)


@spool_app.command("refused")
def spool_refused(spool: SpoolFolder = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show the frames the gateway will never accept, with its reasons."""
    for row in listed(_told(spool, config).folder / REFUSED):
        _print_row(row, as_json)


@spool_app.command("retry")
def spool_retry(spool: SpoolFolder = None, config: Config = None, key_file: KeyFile = None) -> None:
    """Put the refused frames at the end of the queue again; no agent may run on the spool."""
    told = _told(spool, config)
    # What root writes here, the agent could not read.
    _check_user(told.folder, {told.folder.stat().st_uid})
    key = key_of(told.model_copy(update={"key_file": key_file or told.key_file}))
    with Spool(told.folder, limits_of(told), key=key) as queue:
        back = [queue_again(queue, each, key) for each in sorted((told.folder / REFUSED).glob("*.frame"))]
        dropped = queue.dropped.total()
    others = f", {dropped} others were dropped for them" if dropped else ""
    print(f"{sum(back)} of {len(back)} frames wait again{others}")


@spool_app.command("key")
def spool_key(file: Annotated[Path, typer.Argument(help="Where the new key goes; must not exist.")]) -> None:
    """Make a key that encrypts waiting frames; name its file as spool.key_file in the settings."""
    fingerprint = make_spool_key(file)
    print(f"wrote {file}, key {fingerprint}; without it the frames on the disk cannot be read")


def queue_again(queue: Spool, file: Path, key: SpoolKey | None) -> bool:
    """Move a file that was set aside to the end of the queue; a damaged one stays, and is told. Raises SpoolUnusable.

    It is there twice rather than nowhere if the power goes in between; its id makes one event of both.
    """
    try:
        queue.take(decode(file.read_bytes(), key), time.monotonic())
        remove_set_aside(file)
        return True
    except Damaged as error:
        print(f"{file.name} stays: {error}", file=sys.stderr)
        return False
    except OSError as error:
        raise SpoolUnusable(f"cannot move {file}: {error.strerror}", "check disk and owner") from error


def _told(spool: Path | None, config: Path | None) -> SpoolSettings:
    if spool is None and config is None:
        raise SettingsInvalid("no spool named", "give --spool FOLDER or --config edge.yaml")
    told = read_settings(config).spool if config else SpoolSettings(folder=Path())
    told = told.model_copy(update={"folder": spool}) if spool else told
    if not told.folder.is_dir():
        raise SpoolUnusable(f"there is no spool in {told.folder}", "check the folder's name")
    _check_user(told.folder, {told.folder.stat().st_uid, 0})
    return told


def _check_user(folder: Path, allowed: set[int]) -> None:
    if os.geteuid() not in allowed:
        owner = _user_name(folder.stat().st_uid)
        raise SpoolUnusable(f"the spool {folder} belongs to {owner}", f"run this with sudo -u '{owner}'")


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"


def _print_row(row: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(row) if as_json else "  ".join(str(value) for value in row.values() if value is not None))
