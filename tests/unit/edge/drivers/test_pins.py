from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from edge.drivers.pins import import_lgpio

LGPIO = """
import os
folder = os.environ["LG_WD"]
os.chdir(folder)
os.mkfifo(".lgd-nfy0")
"""


@pytest.fixture
def _lgpio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that does with its import what the real one does: a pipe in LG_WD, which becomes the working folder."""
    (tmp_path / "lgpio.py").write_text(LGPIO)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("LG_WD", raising=False)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.delitem(sys.modules, "lgpio", raising=False)


@pytest.mark.usefixtures("_lgpio")
def test_lgpio_makes_its_pipe_in_a_folder_that_goes_again_and_the_working_folder_stays() -> None:
    here = Path.cwd()

    import_lgpio()

    folder = Path(sys.modules.pop("lgpio").folder)
    assert Path.cwd() == here
    assert folder != here
    assert not folder.exists()
    assert "LG_WD" not in os.environ


@pytest.mark.usefixtures("_lgpio")
def test_lgpio_is_left_alone_when_another_library_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")

    import_lgpio()

    assert "lgpio" not in sys.modules


@pytest.mark.usefixtures("_lgpio")
def test_a_lgpio_that_cannot_be_imported_is_gpiozeros_to_tell(tmp_path: Path) -> None:
    (tmp_path / "lgpio.py").write_text("raise OSError('no such chip')")

    import_lgpio()

    assert "LG_WD" not in os.environ
