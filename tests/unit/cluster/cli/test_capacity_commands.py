"""`doorbell capacity …`: figures once, and what is refused: one line, exit status 2."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from cluster.cli.main import main
from serve_apps.database import connect, migrate
from serve_apps.load.counts import Sixty
from serve_apps.load.store import LoadStore


def capacity(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Status, stdout and stderr of a command."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["capacity", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Four hours of 20 requests a second, with a quiet half."""
    path = tmp_path / "load.csv"
    path.write_text("time,count\n" + "".join(f"{60 * at},{1200 if at % 120 < 60 else 120}\n" for at in range(240)))
    return path


def test_a_plan_has_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = capacity(capsys, "plan", "--cameras", "400000", "--price", "0.5", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["nodes"] * 0.5 * 730 == found["monthly_cost"] > found["autoscaled_monthly_cost"]
    assert found["expected_p99_ms"] <= 50
    assert abs(found["model_off_percent"]) < 17
    assert found["utilisation"] == pytest.approx(found["peak_per_s"] * 0.014 / found["replicas"], abs=1e-3)


def test_a_plan_says_how_far_off_its_model_is(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = capacity(capsys, "plan", "--cameras", "400000")
    assert "% off a simulation" in " ".join(out.split())


def test_a_recorded_profile_is_one(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = capacity(capsys, "plan", "--cameras", "400000", "--profile", str(recorded), "--json")
    assert json.loads(out)["peak_per_s"] > 1.5 * 400_000 * 20 / 86400


def test_the_cheapest_settings_and_their_saving(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = ["--node", "large:8:0.8", "--node", "small:2:0.1"]
    status, out, _ = capacity(capsys, "optimize", "--load", str(recorded), *nodes, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["cheapest"]["node"] == "small"
    assert found["cheapest"]["late_share"] <= 0.01
    saving = found["present"]["monthly_cost"] - found["cheapest"]["monthly_cost"]
    assert found["monthly_saving"] == pytest.approx(saving, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan"], "Missing option '--cameras'"),
        (["plan", "--cameras", "0"], "Invalid value for '--cameras': Input should be greater than or equal to 1"),
        (
            ["plan", "--cameras", "9", "--profile", "seaside"],
            "--profile 'seaside' is neither a file nor one of doorbells, flat",
        ),
        (["plan", "--cameras", "9", "--promise-ms", "20"], "a frame alone takes 29 ms"),
        (["optimize"], "no load was recorded yet; let the cluster run for a while, or give a file with --load"),
        (["optimize", "--load", "/nowhere/load.csv"], "/nowhere/load.csv: No such file or directory"),
        (["optimize", "--node", "m7i.xlarge"], "--node 'm7i.xlarge' must be NAME:CPUS:PRICE, such as m7i.xlarge:4:0.2"),
        (["optimize", "--node", "m:4:-1"], "--node 'm:4:-1': from 0.1 to 1024 CPUs, and a price of at least 0"),
        (["optimize", "--node", "m:0.5:1"], "a replica of 0.8 CPUs does not fit m, which has 0.5"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    status, out, err = capacity(capsys, *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_wrong_zone_is_one_line(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = capacity(capsys, "optimize", "--load", str(recorded), "--zone", "Europe/Berl")
    assert (status, err) == (2, "doorbell: there is no time zone 'Europe/Berl'; use a name such as Europe/Berlin\n")


def test_what_the_cluster_recorded_is_looked_at_without_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    engine = connect(f"sqlite:///{tmp_path}/doorbell.db")
    migrate(engine)
    hour = int(time.time()) // 3600 * 3600
    LoadStore(engine).write([Sixty(hour - 3600 * back, 60, "all", "", [600] * 60) for back in range(1, 30)])
    engine.dispose()

    status, out, err = capacity(capsys, "optimize", "--json")

    assert (status, err) == (0, "")
    assert json.loads(out)["minutes"] > 60
