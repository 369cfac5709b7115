"""`doorbell devices enroll|list|revoke|forget`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cluster.cli.access import DEFAULT_URL, database
from cluster.cli.keys import LONGEST_NAME, AsJson
from cluster.security.api_keys import KeyStore
from cluster.security.device_codes import DeviceCodes
from cluster.security.devices import Device, DeviceStore

app = typer.Typer(help="The boxes at the doors.", no_args_is_help=True)
DeviceId = Annotated[str, typer.Argument(metavar="ID", help="The device's id, as listed.")]
NOTABLE_OFFSET_SECONDS = 1.0


@app.command()
def enroll(
    name: Annotated[str, typer.Argument(help="What the device is called.")],
    minutes: Annotated[float, typer.Option(min=1, max=10_080, help="How long the code can be used.")] = 60,
    url: Annotated[
        str, typer.Option(envvar="DOORBELL_API_URL", help="The cluster's address as the device reaches it.")
    ] = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make a one-time code, for which a new device gets a key of its own."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise typer.BadParameter(f"a name has 1 to {LONGEST_NAME} printable characters")
    now = datetime.now(UTC)
    expires_at = now + timedelta(minutes=minutes)
    code = DeviceCodes(database()).issue(name, now, expires_at)
    command = f"doorbell-edge enroll --gateway {url} --code {code}"
    if as_json:
        ends = expires_at.isoformat(timespec="seconds")
        print(json.dumps({"name": name, "code": code, "expires_at": ends, "command": command}))
        return
    print(f"code for {name}, good once within {minutes:g} minutes: {code}\ntype on the device:\n  {command}")
    if urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost"):
        print("with the address by which the device reaches the cluster in the place of this machine's own (--url)")


@app.command("list")
def list_devices(as_json: AsJson = False) -> None:
    """Every device: when it was seen, cameras that are not well, frames it has to send, how far its clock is off."""
    now = datetime.now(UTC)
    devices = DeviceStore(database()).all()
    if as_json:
        print(json.dumps([device.shown(now) for device in devices]))
        return
    whole = [Column(name, no_wrap=True) for name in ("id", "version", "seen", "state")]
    table = Table(
        whole[0], "name", *whole[1:], "not well", "spool", "oldest", "clock", box=box.SIMPLE, padding=(0, 1, 0, 0)
    )
    for device in devices:
        table.add_row(*(escape(cell) for cell in cells(device, now)))
    Console().print(table)


@app.command()
def revoke(device_id: DeviceId) -> None:
    """End a device's key, and no other; within a second nothing answers to it."""
    engine, now = database(), datetime.now(UTC)
    device = DeviceStore(engine).device(device_id)
    KeyStore(engine).revoke(device.id, now, "device.revoked")
    print(f"{device.id} ({device.name}) is revoked")


@app.command()
def forget(device_id: DeviceId) -> None:
    """Take a revoked device off the list; its events stay."""
    DeviceStore(database()).forget(device_id, datetime.now(UTC))
    print(f"{device_id} is forgotten")


def cells(device: Device, now: datetime) -> tuple[str, ...]:
    """A line of the list: ages and durations, and nothing where all is as it should be."""
    shown = device.shown(now)
    spool: dict[str, Any] = shown["spool"] or {}
    not_well = [f"{camera['id']} {camera['state']}" for camera in shown["cameras"] or [] if camera["state"] != "well"]
    oldest, offset = spool.get("oldest_seconds"), device.clock_offset_seconds
    return (
        device.id,
        device.name,
        shown["version"] or "",
        "" if device.last_seen is None else age((now - device.last_seen).total_seconds()),
        shown["state"],
        ", ".join(not_well),
        str(spool.get("frames") or ""),
        "" if oldest is None else age(oldest),
        "" if offset is None or abs(offset) <= NOTABLE_OFFSET_SECONDS else _signed(-offset),
    )


def age(seconds: float) -> str:
    """A duration in its largest whole unit: 42 s, 7 min, 3 h, 12 d."""
    for most, unit_seconds, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < most:
            return f"{max(0, seconds) // unit_seconds:.0f} {unit}"
    return f"{seconds // 86_400:.0f} d"


def _signed(seconds: float) -> str:
    """How the device's clock goes: behind the cluster's is minus."""
    return ("-" if seconds < 0 else "+") + age(abs(seconds))
