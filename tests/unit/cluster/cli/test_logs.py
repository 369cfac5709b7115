"""`doorbell logs` and `doorbell logs level`, without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.cli.main import main


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    return tmp_path


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["logs", *arguments])
    return int(ended.value.code or 0)


def test_a_level_is_kept_shown_and_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("level", "serve_apps.api", "debug", "--minutes", "0") == 0
    assert status("level", "cluster", "error") == 0
    assert status("level") == 0
    told = capsys.readouterr().out
    assert status("level", "cluster", "usual") == 0

    assert "serve_apps.api  DEBUG  for good" in told
    assert "cluster  ERROR  until " in told
    assert "cluster" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (("level", "root", "debug"), "serve_apps"),
        (("level", "serve_apps", "loud"), "debug"),
        (("level", "serve_apps", "debug", "--minutes", "1e12"), "--minutes"),
        (("--where", "camera"), "FIELD=VALUE"),
        (("--since", "long ago"), "15m"),
        (("--level", "loud"), "warning"),
        ((), "cluster was ever started"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_way_out(
    arguments: tuple[str, ...], way_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(*arguments) == 2
    assert way_out in capsys.readouterr().err
