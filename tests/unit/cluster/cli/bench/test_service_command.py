from __future__ import annotations

import pytest

from cluster.cli.main import main


@pytest.mark.parametrize("cameras", ["0", "1,x", "", "1,1000000"])
def test_cameras_that_cannot_be_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cameras: str
) -> None:
    monkeypatch.setattr("cluster.supervisor.inside", lambda: True)

    with pytest.raises(SystemExit) as ended:
        main(["bench", "service", "--cameras", cameras])

    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "is no list of numbers up to 500" in said.err
