"""The layout of Labeled Faces in the Wild: a folder for each person, and a list of pairs beside them.

http://vis-www.cs.umass.edu/lfw/README.txt: the first line of pairs.txt has the number of folds and of pairs n, that
of pairsDevTest.txt n alone; then each fold has n lines `name i j` and n lines `name i name j`.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.pairs import BadPairs, Pair, Pairs, checked, folder, is_file, picture, text_lines

LIST = "pairs.txt"
SUFFIXES = (".jpg", ".png", ".jpeg")
MOST_PAIRS = 10_000_000


def read_lfw(images: Path, file: Path | None = None) -> Pairs:
    """A list's pairs with its folds: pairs.txt in the folder or beside it, unless one is given. Raises BadPairs."""
    folder(images)
    listed = file or _list(images)
    lines = [(number, line.split()) for number, line in enumerate(text_lines(listed), 1) if line.strip()]
    if not lines:
        raise BadPairs(f"{listed}: it is empty; the first line has the number of folds and of pairs")
    folds, each = _counts(listed, *lines[0])
    if len(lines) - 1 != 2 * folds * each:
        raise BadPairs(
            f"{listed}, line {lines[-1][0]}: {2 * folds * each} pairs are announced by the first line, "
            f"and {len(lines) - 1} are there"
        )
    expected = ((fold, same) for fold in range(folds) for same in [True] * each + [False] * each)
    numbered = [
        (fold, _pair(listed, number, images, fields, same))
        for (number, fields), (fold, same) in zip(lines[1:], expected, strict=True)
    ]
    given = tuple(fold for fold, _ in numbered) if folds > 1 else None
    return checked(Pairs("lfw", str(listed), tuple(pair for _, pair in numbered), given))


def _list(images: Path) -> Path:
    for place in (images / LIST, images.parent / LIST):
        if place.is_file():
            return place
    raise BadPairs(f"{images}: there is no {LIST} in it or beside it; give the list with --pairs")


def _counts(file: Path, line: int, fields: list[str]) -> tuple[int, int]:
    if not (1 <= len(fields) <= 2 and all(field.isascii() and field.isdigit() for field in fields)):
        raise BadPairs(f"{file}, line {line}: the number of folds and of pairs is needed here, as '10 300' or '500'")
    folds, each = (1, int(fields[0])) if len(fields) == 1 else (int(fields[0]), int(fields[1]))
    if not 1 <= folds * each <= MOST_PAIRS:
        raise BadPairs(f"{file}, line {line}: {folds} folds of {each} pairs of each kind cannot be")
    return folds, each


def _pair(file: Path, line: int, images: Path, fields: list[str], same: bool) -> Pair:
    if len(fields) != (3 if same else 4):
        form = "'name i j'" if same else "'name i name j'"
        raise BadPairs(f"{file}, line {line}: {form} is needed here, there are {len(fields)} fields")
    names = (fields[0], fields[0]) if same else (fields[0], fields[2])
    numbers = (fields[1], fields[2]) if same else (fields[1], fields[3])
    first, second = (_picture(file, line, images, *one) for one in zip(names, numbers, strict=True))
    if first == second:
        raise BadPairs(f"{file}, line {line}: a picture is compared with itself, which tells nothing")
    if not same and names[0] == names[1]:
        raise BadPairs(f"{file}, line {line}: two persons are needed here, and both are {names[0]}")
    return Pair(first, second, same, line)


def _picture(file: Path, line: int, images: Path, name: str, number: str) -> Path:
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise BadPairs(f"{file}, line {line}: '{number[:40]}' is no picture's number")
    stem = f"{name}/{name}_{int(number):04d}"
    found = next((suffix for suffix in SUFFIXES if is_file(images / (stem + suffix))), SUFFIXES[0])
    return picture(file, line, images, stem + found)
