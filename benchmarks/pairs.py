"""Which pictures to compare: a CSV of one's own, or every pair of the sample photographs. LFW's layout is in `lfw`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from samples.frames import PHOTOS

COLUMNS = ("file_x", "file_y", "same")
SAME = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class AccuracyError(Exception):
    """Why accuracy cannot be measured."""


class WorkersEnded(AccuracyError):
    """A process that computes embeddings is gone."""


class BadPairs(AccuracyError):
    """A list of pairs, or a picture in it, that cannot be used: file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures and whether they show the same person; `line` is its place in the list, 0 where there is none."""

    first: Path
    second: Path
    same: bool
    line: int = 0


@dataclass(frozen=True, slots=True)
class Pairs:
    """What to compare. `folds` has a number for each pair where the list itself says which belong together.

    `repeated` counts the lines left out because an earlier one names the same two pictures.
    """

    source: str
    place: str
    pairs: tuple[Pair, ...]
    folds: tuple[int, ...] | None = None
    repeated: int = 0

    @property
    def pictures(self) -> dict[Path, int]:
        """Every picture once, with the line that first names it."""
        lines: dict[Path, int] = {}
        for pair in self.pairs:
            lines.setdefault(pair.first, pair.line)
            lines.setdefault(pair.second, pair.line)
        return lines


def read_csv(file: Path, images: Path) -> Pairs:
    """The pairs of a CSV with the columns file_x, file_y and same; other columns are left alone.

    Pictures are looked for in `images`; `same` is 1 or 0, true or false, yes or no. Raises BadPairs.
    """
    folder(images)
    lines: dict[frozenset[Path], Pair] = {}
    repeated = 0
    for line, (first, second, same) in _rows(file):
        pair = Pair(
            picture(file, line, images, first), picture(file, line, images, second), _same(file, line, same), line
        )
        if pair.first == pair.second:
            raise BadPairs(f"{file}, line {line}: a picture is compared with itself, which tells nothing")
        earlier = lines.setdefault(frozenset((pair.first, pair.second)), pair)
        if earlier.same != pair.same:
            raise BadPairs(f"{file}, line {line}: line {earlier.line} says otherwise of the same two pictures")
        repeated += earlier is not pair
    return checked(Pairs("csv", str(file), tuple(lines.values()), repeated=repeated))


def sample_pairs() -> Pairs:
    """Every two of the sample photographs. `courier-2` and `courier-3` show one person, each stranger is another."""
    photos = sorted(PHOTOS.glob("*.jpg"))
    pairs = (
        Pair(first, second, _sample_person(first) == _sample_person(second))
        for first, second in combinations(photos, 2)
    )
    return checked(Pairs("samples", str(PHOTOS), tuple(pairs)))


def text_lines(file: Path) -> list[str]:
    """The lines of a UTF-8 file, with their ends, and without a byte order mark. Raises BadPairs."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadPairs(f"{file}: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadPairs(f"{file}, line {line}: this is no UTF-8 text; save the list as UTF-8") from None


def folder(images: Path) -> None:
    """Raises BadPairs when it is none."""
    if not images.is_dir():
        raise BadPairs(f"{images}: this is no folder; give the folder with the pictures")


def picture(file: Path, line: int, images: Path, name: str) -> Path:
    """The picture's path. Raises BadPairs when it is missing."""
    path = images / name
    if not name or not is_file(path):
        raise BadPairs(f"{file}, line {line}: there is no picture '{name}' in {images}")
    return path


def is_file(path: Path) -> bool:
    """Whether there is a file, whatever the path looks like."""
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that is closed
        return False


def checked(pairs: Pairs) -> Pairs:
    """The pairs, when there are both kinds. Raises BadPairs."""
    if not pairs.pairs:
        raise BadPairs(f"{pairs.place}: there is no pair in it")
    kinds = {pair.same for pair in pairs.pairs}
    if kinds == {True}:
        raise BadPairs(f"{pairs.place}: every pair shows one person; pairs of two persons (same 0) are needed too")
    if kinds == {False}:
        raise BadPairs(f"{pairs.place}: every pair shows two persons; pairs of one person (same 1) are needed too")
    return pairs


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text_lines(file), strict=True)
    try:
        header = next(((reader.line_num, row) for row in reader if row), None)
        if header is None:
            raise BadPairs(f"{file}: it is empty; the first line names the columns {', '.join(COLUMNS)}")
        columns = _columns(file, *header)
        for row in reader:
            if row and len(row) != len(header[1]):
                raise BadPairs(f"{file}, line {reader.line_num}: {_fields(row)}, the first line has {len(header[1])}")
            if row:
                yield reader.line_num, [row[column].strip() for column in columns]
    except csv.Error as error:
        raise BadPairs(f"{file}, line {reader.line_num}: this cannot be read as CSV: {error}") from None


def _columns(file: Path, line: int, header: list[str]) -> list[int]:
    names = [name.strip() for name in header]
    if any(names.count(column) != 1 for column in COLUMNS):
        found = ", ".join(names)[:100]
        raise BadPairs(f"{file}, line {line}: the columns {', '.join(COLUMNS)} are needed, each once; it has: {found}")
    return [names.index(column) for column in COLUMNS]


def _fields(row: Iterable[str]) -> str:
    count = len(list(row))
    return f"there {'is 1 field' if count == 1 else f'are {count} fields'}"


def _same(file: Path, line: int, said: str) -> bool:
    try:
        return SAME[said.lower()]
    except KeyError:
        raise BadPairs(
            f"{file}, line {line}: same is '{said[:40]}'; 1 or 0, true or false, yes or no is needed"
        ) from None


def _sample_person(photo: Path) -> str:
    role = photo.stem.partition("-")[0]
    return photo.stem if role == "stranger" else role
