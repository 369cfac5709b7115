import stat
from pathlib import Path

import pytest

from cluster.deployment.colours import Deployed, State
from cluster.deployment.kept import KeptStateDamaged, keep, kept, state_file

STATE = State("green", {"green": Deployed("yunet-sface-1")}, {"green": 100}, epoch=3)


def test_a_kept_state_is_read_back_and_closed_to_others(tmp_path: Path) -> None:
    file = state_file(tmp_path / "data")

    keep(file, State("blue", {"blue": Deployed("a")}, {"blue": 100}))
    keep(file, STATE)

    assert kept(file) == STATE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_nothing_kept_is_no_state(tmp_path: Path) -> None:
    assert kept(state_file(tmp_path)) is None


def test_a_write_that_fails_leaves_the_old_state_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = state_file(tmp_path)
    keep(file, STATE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        keep(file, State("blue", {"blue": Deployed("a")}, {"blue": 100}))

    assert kept(file) == STATE
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("damage", ["", "{", "\x00" * 40, '{"live": "blue"}'])
def test_a_damaged_file_is_one_line_with_the_way_out(tmp_path: Path, damage: str) -> None:
    file = state_file(tmp_path)
    file.write_text(damage)

    with pytest.raises(KeptStateDamaged, match=r"^\S+ is damaged \(.+\); restore it, or remove it .+$"):
        kept(file)
