"""`doorbell release report`, on reports that the driver's reporter wrote."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from cluster.cli.main import main
from cluster.cli.release_report import reporter, reports_of
from cluster.deployment.rollout import Plan, Rollout, Step
from cluster.deployment.running import ApplicationError
from cluster.deployment.shadow import Pair, Said
from cluster.deployment.validate import Answer, Limits, Tried
from cluster.deployment.validation import Validation
from cluster.security.keyring import make_master_key
from serve_apps.settings import load

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
ID = "00ff00ff00ff00ff"


def picture(event_id: str) -> bytes:
    if event_id == "event-1":
        raise ApplicationError("no frame of this event is kept")
    content = BytesIO()
    Image.new("RGB", (1280, 720), "teal").save(content, "JPEG")
    return content.getvalue()


def validation(others: int) -> Validation:
    """Twenty recent frames, so many of them answered otherwise."""
    rollout = Rollout(ID, "sface-1", "0" * 64, "green", "dlib-1", Step.VALIDATING, 0, Plan(), NOW, NOW)
    live, new = Said("known", ("Ada <b>",), 20.0), Said("unknown", (), 25.0)
    pairs = [
        Pair(f"event-{n}", "front-door", "2026-11-24T07:59:00Z", live, new if n < others else live) for n in range(20)
    ]
    golden = Tried([Answer("1.jpg", "known", "known", 20.0)], {7: [10**8, 10**8 + 10**6]})
    return Validation(rollout, golden, golden, Limits(), pairs)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path / "data"))
    make_master_key(tmp_path / "data" / "master.key")
    return tmp_path / "data"


def doorbell(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["release", "report", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_what_lies_there_has_numbers_and_nobody(data: Path) -> None:
    reporter(picture)(validation(3))
    folder = data / "release-reports"
    report = json.loads((folder / f"{ID}.json").read_bytes())
    assert report["accepted"] is False
    assert report["replay"]["agreement"] == 0.85
    assert [each["event_id"] for each in report["replay"]["changed"]] == ["event-0", "event-1", "event-2"]
    assert report["golden"]["growth_mb"] == {"7": 1.0}
    assert report["replay"]["latency_ms"]["live"] == {"p50": 20.0, "p99": 20.0}
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not any(what in path.read_bytes() for what in (b"Ada", b"JFIF", b"data:image"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert f"doorbell release report {ID} --html FILE" in (folder / f"{ID}.html").read_text()


def test_the_opened_page_has_small_pictures_and_escaped_names(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter(picture)(validation(3))
    status, out, _ = doorbell(capsys, "last", "--html", str(tmp_path / "page.html"))
    assert status == 0
    assert "17 of 20 recent frames were answered as by the live release" in out
    page = (tmp_path / "page.html").read_text()
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o600
    assert page.count("data:image/jpeg;base64,") == 2
    assert "known (Ada &lt;b&gt;)" in page
    assert "<script" not in page
    assert "http:" not in page.replace("http-equiv", "")
    assert "Not every frame has a picture" in page
    details = reports_of(load())._details(ID)
    with Image.open(BytesIO(details["event-0"].picture)) as small:
        assert small.size == (320, 180)


def test_an_erasure_ends_the_pictures_and_leaves_the_numbers(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter(picture)(validation(3))
    reports_of(load())._keyring.destroy(["ada"])
    assert doorbell(capsys, ID, "--html", str(tmp_path / "page.html"))[0] == 0
    page = (tmp_path / "page.html").read_text()
    assert "data:image" not in page
    assert "Ada" not in page
    assert "no names and pictures any more" in page
    assert json.loads(doorbell(capsys, ID, "--json")[1])["rollout"] == ID


def test_only_the_newest_reports_keep_pictures(data: Path) -> None:
    write = reporter(picture)
    for number in range(12):
        seen = validation(1)
        write(replace(seen, rollout=replace(seen.rollout, id=f"{number:016x}")))
    folder = data / "release-reports"
    assert len(list(folder.glob("*.pictures"))) == 10
    assert len(list(folder.glob("*.json"))) == 12


def test_a_report_that_cannot_be_written_is_one_line_and_no_error(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "release-reports").touch()
    reporter(picture)(validation(1))
    assert capsys.readouterr().err.startswith("doorbell: the validation's report was not written: ")


@pytest.mark.parametrize("content", ["", "[]", '{"rollout": "ffff"}'])
def test_a_damaged_report_is_one_line(data: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (data / "release-reports").mkdir()
    (data / "release-reports" / "ffff.json").write_text(content)
    status, out, err = doorbell(capsys, "ffff")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "the report cannot be read" in err


@pytest.mark.parametrize("asked", ["last", "../../etc/passwd", "ffff"])
def test_a_report_that_is_not_there_is_one_line(data: Path, capsys: pytest.CaptureFixture[str], asked: str) -> None:
    status, out, err = doorbell(capsys, asked)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "report" in err
