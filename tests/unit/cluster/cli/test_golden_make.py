"""`doorbell golden make`: a set from folders and a CSV, and one line for what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cluster.cli.golden import golden_folder
from cluster.cli.main import main
from cluster.deployment.golden import GoldenSet
from serve_apps.settings import load


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of two people and three frames."""
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path / "data"))
    for name in ("people/Ada Lovelace/one photo.jpg", "people/Bert/1.PNG", "frames/a.jpg", "frames/b.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), "teal").save(path)
    (tmp_path / "frames" / "broken.jpg").write_bytes(b"no image")
    return tmp_path


def made(capsys: pytest.CaptureFixture[str], house: Path, table: str, *more: str) -> tuple[int, str, str]:
    (house / "frames" / "expected.csv").write_text(table)
    places = ["--people", str(house / "people"), "--frames", str(house / "frames")]
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["golden", "make", str(house / "set"), *places, *more])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_set_is_made_and_deploy_uses_it(
    house: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = "frame,verdict,names\na.jpg,known,Ada Lovelace\n\nb.jpg,blacklisted,Ada Lovelace; Bert\n"
    status, out, err = made(capsys, house, table, "--blacklisted", "Bert", "--version", "own-7")
    assert (status, err) == (0, "")
    assert f"DOORBELL_RELEASE_GOLDEN={house / 'set'}" in out
    monkeypatch.setenv("DOORBELL_RELEASE_GOLDEN", str(house / "set"))
    found = GoldenSet(golden_folder(load()))
    assert found.golden.version == "own-7"
    assert [(each.name, each.standing) for each in found.golden.people] == [
        ("Ada Lovelace", "known"),
        ("Bert", "blacklisted"),
    ]
    assert [(each.file, each.verdict, each.who) for each in found.golden.frames] == [
        ("a.jpg", "known", ("Ada Lovelace",)),
        ("b.jpg", "blacklisted", ("Ada Lovelace", "Bert")),
    ]
    assert not ((house / "set" / "a.jpg").stat().st_mode & 0o077)
    assert made(capsys, house, table, "--blacklisted", "Bert")[2].endswith(
        "give a new folder, a set is never changed\n"
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("a.jpg,known", "line 2: the verdict is known, and nobody who is known is named"),
        ("a.jpg,kown,Bert", "line 2: 'kown' is no verdict; give one of no_face, known, unknown, blacklisted"),
        ("a.jpg,known,Berta", "line 2: nobody is called 'Berta'; people are Ada Lovelace, Bert"),
        ("a.jpg,no_face,Bert", "line 2: a frame without a face names nobody"),
        ("a.jpg,unknown\na.jpg,unknown", "line 3: a.jpg is there twice"),
        ("c.jpg,unknown", "frames/c.jpg: No such file or directory"),
        ("../x.jpg,unknown", "line 2: '../x.jpg' is no file's name"),
        ("broken.jpg,unknown", "broken.jpg: the content is no JPEG, PNG or WebP"),
        ("a.jpg,known,Bert,Ada", "line 2: 4 cells; give frame,verdict,names"),
        ("", "no frame is expected"),
    ],
)
def test_a_wrong_line_is_one_line_with_its_number(
    house: Path, capsys: pytest.CaptureFixture[str], lines: str, said: str
) -> None:
    status, out, err = made(capsys, house, f"frame,verdict,names\n{lines}\n")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (house / "set").exists()


def test_a_missing_header_and_an_unknown_person_are_told(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "line 1: the first line must be 'frame,verdict,names'" in made(capsys, house, "a.jpg,unknown\n")[2]
    table = "frame,verdict,names\na.jpg,unknown\n"
    assert "--blacklisted Cleo: nobody of that name" in made(capsys, house, table, "--blacklisted", "Cleo")[2]
    assert made(capsys, house, table, "--version", "own:1")[2].startswith("doorbell: version: ")


def test_what_no_request_can_carry_is_told_now(
    house: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORBELL_MAX_BODY_BYTES", "201000")
    status, _, err = made(capsys, house, "frame,verdict,names\na.jpg,unknown\n")
    assert status == 2
    assert "make them smaller, or raise DOORBELL_MAX_BODY_BYTES" in err


def test_a_named_folder_without_a_set_is_not_filled_with_the_samples(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORBELL_RELEASE_GOLDEN", str(house / "nowhere"))
    assert golden_folder(load()) == house / "nowhere"
    assert not (house / "nowhere").exists()
