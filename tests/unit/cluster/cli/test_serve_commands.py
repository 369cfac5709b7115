from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.cli.serve_config import present, problems_of
from cluster.deployment.colours import Deployed, Lease, State
from cluster.deployment.kept import KeptStateDamaged, keep, state_file
from cluster.deployment.serve_config import state_of
from cluster.deployment.shipped import shipped
from cluster.launcher import serve_config
from cluster.preflight import Ports

RELEASES = {"blue": Deployed("yunet-dlib-1"), "green": Deployed("yunet-sface-1")}
CANARY = State("green", RELEASES, {"blue": 50, "green": 50}, Lease(datetime(2026, 11, 24, tzinfo=UTC), {"green": 100}))
NOWHERE = "http://127.0.0.1:1"


def test_without_a_cluster_and_a_kept_state_the_config_is_the_shipped_one(tmp_path: Path) -> None:
    assert present(tmp_path, NOWHERE)[1] == shipped()


def test_without_a_cluster_the_config_is_that_of_the_kept_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(state_file(tmp_path), CANARY)
    (tmp_path / "ray_token").write_text("t")

    source, config = present(tmp_path, NOWHERE)

    assert source == f"from the state kept in {state_file(tmp_path)}"
    assert state_of(config) == CANARY.at_rest()
    assert "does not answer" in capsys.readouterr().err


def test_a_start_is_on_the_live_colour_of_the_kept_state() -> None:
    config = serve_config(Ports(http=8123), CANARY)

    assert state_of(config).weights == {"green": 100}
    assert state_of(config).releases == RELEASES
    assert config["http_options"]["port"] == 8123


def test_a_damaged_state_is_not_passed_over(tmp_path: Path) -> None:
    state_file(tmp_path).write_text("{")

    with pytest.raises(KeptStateDamaged):
        present(tmp_path, NOWHERE)


def test_a_file_that_is_no_yaml_is_one_line(tmp_path: Path) -> None:
    for text in (b"a: [", b"\xff\xfe\x00"):
        (tmp_path / "f.yaml").write_bytes(text)
        found = problems_of(tmp_path / "f.yaml")
        assert len(found) == 1
        assert found[0].startswith("is no YAML: ")
        assert "\n" not in found[0]
