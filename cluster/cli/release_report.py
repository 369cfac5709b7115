"""`doorbell release report`, and the writing of reports while a release is validated."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image, ImageOps
from sqlalchemy.exc import SQLAlchemyError

from cluster.cli.keys import AsJson
from cluster.deployment.report_page import MOST_PICTURES, Detail
from cluster.deployment.reports import Reports, write_private
from cluster.deployment.running import ApplicationError
from cluster.deployment.shadow import Pair, changed
from cluster.deployment.validate import Limits
from cluster.deployment.validation import Validation, as_json
from cluster.security.keyring import Keyring, KeyringError, master_key
from serve_apps.database import connect
from serve_apps.settings import Settings, load

LONGEST_SIDE = 320
"""Of a picture, in pixels."""


def limits_of(settings: Settings) -> Limits:
    """What a release must reach before it gets traffic."""
    return Limits(settings.release_accuracy, settings.release_growth_mb, settings.release_agreement)


def reports_of(settings: Settings) -> Reports:
    """The data folder's. Raises KeyringError."""
    assert settings.master_key_file is not None
    keyring = Keyring(connect(settings.keyring_url), master_key(settings.master_key_file))
    return Reports(settings.reports_folder, keyring)


def reporter(picture: Callable[[str], bytes]) -> Callable[[Validation], None]:
    """Writes each validation's report; `picture` gives a recent frame by its event. What fails is one line on stderr:
    a rollout does not end for its report.
    """

    def write(seen: Validation) -> None:
        try:
            reports, otherwise = reports_of(load()), changed(seen.replayed or ())
            key = reports.new_key() if otherwise else None
            reports.write(as_json(seen), _details(otherwise, picture), key)
        except (OSError, KeyringError, SQLAlchemyError) as error:
            said = " ".join(str(error).split())
            print(f"doorbell: the validation's report was not written: {said}", file=sys.stderr)

    return write


def report_path(rollout: str) -> Path | None:
    """Where a rollout's report is, if it came so far."""
    path = load().reports_folder / f"{rollout}.json"
    return path if path.exists() else None


def report(
    rollout: Annotated[str, typer.Argument(metavar="[ROLLOUT|last]", help="A rollout's id, or the last one.")] = "last",
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page with names and pictures, for your eyes only.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """What a release's validation showed: golden frames, and recent frames answered otherwise than by the live one."""
    reports = reports_of(load())
    path = reports.path(rollout)
    found = reports.read(path)
    if html is not None:
        write_private(html, reports.opened_page(path).encode())
    if as_json:
        print(json.dumps(found | {"path": str(path)}))
        return 0
    for line in _summary(found):
        print(line)
    print(f"{path}" if html is None else f"{path}; with names and pictures, not sealed: {html}")
    return 0


def _summary(report: dict[str, Any]) -> list[str]:
    golden, replay = report["golden"], report["replay"]
    ended = "accepted" if report["accepted"] else "not accepted: " + "; ".join(report["found"])
    lines = [
        f"{report['release']} beside {report['live']}, {report['at']}: {ended}",
        f"golden frames: {golden['accuracy']:.1%} of {golden['frames']} as expected",
    ]
    if replay is not None:
        lines.append(replay["said"])
        lines += [
            f"  {each['captured_at']} {each['camera_id']}: {each['live']}, now {each['new']}"
            + ("" if each["same_names"] else ", other names")
            for each in replay["changed"]
        ]
    return lines


def _details(otherwise: list[Pair], picture: Callable[[str], bytes]) -> dict[str, Detail]:
    return {
        pair.event_id: Detail(pair.live.who, pair.new.who, _small(pair, picture) if number < MOST_PICTURES else b"")
        for number, pair in enumerate(otherwise)
    }


def _small(pair: Pair, picture: Callable[[str], bytes]) -> bytes:
    """The frame as a small JPEG without metadata; empty when it is kept no longer."""
    try:
        with Image.open(BytesIO(picture(pair.event_id)), formats=("JPEG",)) as image:
            image.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (ApplicationError, OSError, SyntaxError, ValueError):
        return b""
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    content = BytesIO()
    upright.save(content, "JPEG", quality=80)
    return content.getvalue()
