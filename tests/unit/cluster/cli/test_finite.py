from __future__ import annotations

import pytest

from cluster.cli.main import main


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_what_is_no_number_is_refused_in_one_line(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["logs", "level", "serve_apps", "debug", "--minutes", number])

    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert "--minutes" in said
