from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.cli.kuberay import at_rest, pods
from cluster.deployment.colours import Deployed, Lease, State
from cluster.deployment.kept import keep, state_file
from cluster.deployment.kuberay_model import ManifestError
from cluster.deployment.serve_config import state_of

BOTH = {"blue": Deployed("yunet-dlib-1", "a" * 64), "green": Deployed("yunet-sface-1", "b" * 64)}
NOWHERE = "http://127.0.0.1:1"


def test_a_rollout_that_is_under_way_is_left_out(tmp_path: Path) -> None:
    lease = Lease(datetime(2026, 11, 24, tzinfo=UTC), {"blue": 100})
    keep(state_file(tmp_path), State("blue", BOTH, {"blue": 95, "green": 5}, lease))

    state = state_of(at_rest(tmp_path, NOWHERE)[1])

    assert state.lease is None
    assert state.weights == {"blue": 100}
    assert state.releases["blue"].digest == "a" * 64


def test_a_release_without_a_digest_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at_rest(tmp_path, NOWHERE)

    assert "no digest of yunet-dlib-1 is known" in capsys.readouterr().err


def test_workers_are_least_and_most() -> None:
    assert pods("1:8") == (1, 8)
    assert pods("3") == (3, 3)
    for wrong in ("", "a:b", ":3", "1:x", "-1:2"):
        with pytest.raises(ManifestError, match="LEAST:MOST"):
            pods(wrong)
