"""`doorbell golden make`: golden frames from one's own doors."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

import typer
from pydantic import ValidationError

from cluster.deployment.api import AT_ONCE
from cluster.deployment.golden import FILE, LARGEST_FILE, Golden, GoldenError, GoldenFrame, GoldenPerson, write
from serve_apps.settings import load

app = typer.Typer(help="Golden frames: what every release must answer.", no_args_is_help=True)

COLUMNS = ["frame", "verdict", "names"]
IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
SPARE_BYTES = 200_000
"""Of a request, for names and JSON."""

Verdict = Literal["no_face", "known", "unknown", "blacklisted"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Expected(NamedTuple):
    """A line of the CSV."""

    line: int
    frame: str
    verdict: Verdict
    who: tuple[str, ...]


@app.callback()
def golden() -> None:
    """Golden frames: what every release must answer."""


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The new set; never changed afterwards.")],
    people: Annotated[Path, typer.Option(metavar="DIR", help="DIR/NAME/*.jpg: photographs with one face each.")],
    frames: Annotated[Path, typer.Option(metavar="DIR", help="Frames as your doors send them.")],
    expect: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV: frame,verdict,names with ; between names. DIR/expected.csv if absent."),
    ] = None,
    blacklisted: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Who of them is blacklisted.")] = None,
    version: Annotated[str, typer.Option(help="What the set is called in reports.")] = "",
) -> None:
    """Make a set that each release is tried with before it gets traffic."""
    table = expect or frames / "expected.csv"
    standings = _standings(people, set(blacklisted or []))
    content: dict[str, bytes] = {}
    enrolled = tuple(_person(people / name, number, standings, content) for number, name in enumerate(standings, 1))
    wanted = [_checked(each, standings, frames, table, content) for each in _lines(table)]
    _must_fit(content, [frame.file for frame in wanted])
    try:
        name = version or f"own-{datetime.now(UTC):%Y-%m-%d}"
        made = Golden(version=name, people=enrolled, frames=tuple(wanted))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise GoldenError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    write(folder, made, content)
    print(f"{folder}: {len(wanted)} frames with {len(enrolled)} people, version {made.version}")
    if folder.absolute() != load().golden_folder:
        print(f"deploy uses it with DOORBELL_RELEASE_GOLDEN={folder.absolute()}")


def _standings(people: Path, blacklisted: set[str]) -> dict[str, Literal["known", "blacklisted"]]:
    names = sorted(each.name for each in people.iterdir() if each.is_dir())
    if not names:
        raise GoldenError(f"{people}: there is no folder of anybody's photographs; make {people}/NAME/1.jpg")
    if strangers := blacklisted - set(names):
        raise GoldenError(f"--blacklisted {min(strangers)}: nobody of that name has a folder in {people}")
    return {name: "blacklisted" if name in blacklisted else "known" for name in names}


def _person(
    folder: Path, number: int, standings: Mapping[str, Literal["known", "blacklisted"]], content: dict[str, bytes]
) -> GoldenPerson:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES)
    if not 1 <= len(paths) <= 10:
        raise GoldenError(f"{folder}: {len(paths)} photographs; give 1 to 10 as .jpg, .png or .webp")
    photos = []
    for place, path in enumerate(paths, 1):
        photos.append(f"person-{number}-{place}{path.suffix.lower()}")
        content[photos[-1]] = _image(path)
    return GoldenPerson(name=folder.name, standing=standings[folder.name], photos=tuple(photos))


def _lines(table: Path) -> Iterator[Expected]:
    try:
        rows = list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise GoldenError(f"{table}: this is no CSV in UTF-8: {error}") from None
    if not rows or [cell.strip() for cell in rows[0]] != COLUMNS:
        raise GoldenError(f"{table}, line 1: the first line must be '{','.join(COLUMNS)}'")
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) not in (2, 3):
            raise GoldenError(f"{table}, line {line}: {len(row)} cells; give frame,verdict,names with ; between names")
        frame, said, *rest = (cell.strip() for cell in row)
        verdict = next((each for each in VERDICTS if each == said), None)
        if verdict is None:
            raise GoldenError(f"{table}, line {line}: '{said}' is no verdict; give one of {', '.join(VERDICTS)}")
        who = {name.strip() for name in (rest[0] if rest else "").split(";")} - {""}
        yield Expected(line, frame, verdict, tuple(sorted(who)))


def _checked(
    expected: Expected, standings: Mapping[str, str], frames: Path, table: Path, content: dict[str, bytes]
) -> GoldenFrame:
    """Adds the frame to `content`. Raises GoldenError with the line."""
    where = f"{table}, line {expected.line}"
    if not re.match(FILE, expected.frame):
        raise GoldenError(f"{where}: '{expected.frame}' is no file's name of letters, digits, '.', '_' and '-'")
    if expected.frame in content:
        raise GoldenError(f"{where}: {expected.frame} is there twice, or called as a photograph is; rename it")
    if strangers := set(expected.who) - standings.keys():
        raise GoldenError(f"{where}: nobody is called '{min(strangers)}'; people are {', '.join(standings)}")
    if wrong := _contradiction(expected.verdict, {standings[name] for name in expected.who}):
        raise GoldenError(f"{where}: {wrong}")
    try:
        content[expected.frame] = _image(frames / expected.frame)
    except OSError as error:
        raise GoldenError(f"{where}: {frames / expected.frame}: {error.strerror}") from None
    return GoldenFrame(file=expected.frame, verdict=expected.verdict, who=expected.who)


def _contradiction(verdict: Verdict, standings: set[str]) -> str | None:
    """What cannot be, as a verdict is the gravest standing in a frame."""
    if verdict == "no_face" and standings:
        return "a frame without a face names nobody"
    if verdict in ("known", "blacklisted") and verdict not in standings:
        return f"the verdict is {verdict}, and nobody who is {verdict} is named"
    if verdict != "blacklisted" and "blacklisted" in standings:
        return f"the verdict cannot be {verdict} with somebody in the frame who is blacklisted"
    return None


def _image(path: Path) -> bytes:
    # FastAPI comes with them, which no other command needs.
    from serve_apps.api.admission import AdmissionLimits, admit_image
    from serve_apps.api.problems import Problem

    settings = load()
    content = path.read_bytes()
    if len(content) > LARGEST_FILE:
        raise GoldenError(f"{path} is larger than {LARGEST_FILE} bytes")
    try:
        admit_image(content, AdmissionLimits(settings.max_body_bytes, settings.max_pixels))
    except Problem as problem:
        raise GoldenError(f"{path}: {problem.detail}") from None
    return content


def _must_fit(content: Mapping[str, bytes], frames: list[str]) -> None:
    """All photographs travel with each few frames, in base64. Raises GoldenError."""
    if not frames:
        raise GoldenError("no frame is expected; write one line for each into the CSV")
    sizes = sorted((len(content[name]) for name in frames), reverse=True)
    photos = sum(len(image) for name, image in content.items() if name not in frames)
    needed = (photos + sum(sizes[:AT_ONCE])) * 4 // 3
    most = load().max_body_bytes - SPARE_BYTES
    if needed > most:
        raise GoldenError(
            f"the photographs ({photos / 1e6:.1f} MB) and the {AT_ONCE} largest frames are {needed / 1e6:.1f} MB in "
            f"one request, at most {most / 1e6:.1f} are taken; make them smaller, or raise DOORBELL_MAX_BODY_BYTES"
        )
