from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import KeyUnusable, SettingsInvalid
from edge.settings import KEY_VARIABLE, OpencvSettings, read_key, read_settings

GOOD = """
gateway:
  url: https://gate.example
camera: {id: front-door, driver: opencv, source: 1}
trigger: {pin: 17}
spool: {folder: /var/lib/doorbell}
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "edge.yaml"
        path.write_text(text)
        return path

    return write


def test_a_short_file_is_enough(written: Callable[[str], Path]) -> None:
    settings = read_settings(written(GOOD))

    assert settings.camera == OpencvSettings(id="front-door", driver="opencv", source=1)
    assert settings.trigger.debounce_s == 0.05
    assert settings.gateway.key_file is None


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("  url:", "  ulr:"),
        ("source:", "sorce:"),
        ("pin:", "pinn:"),
        ("folder:", "foldr:"),
        ("gateway:", "gatway:"),
        ("trigger:", "triger:"),
    ],
)
def test_a_misspelt_key_is_one_line_that_names_the_right_one(
    written: Callable[[str], Path], right: str, wrong: str
) -> None:
    with pytest.raises(SettingsInvalid) as error:
        read_settings(written(GOOD.replace(right, wrong)))

    line = str(error.value)
    assert f"did you mean {right.strip(' :')}?" in line
    assert wrong.strip(" :") in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file"),
        ("a: [1", "no YAML"),
        ("- a", "the file"),
        (GOOD.replace("front-door", "front/door"), "camera id"),
        (GOOD.replace("https://gate.example", "gate.example"), "http"),
        (GOOD.replace("opencv", "opencw"), "opencv"),
        (GOOD.replace("trigger: {pin: 17}", ""), "trigger"),
        (GOOD.replace("{folder: /var/lib/doorbell}", "{folder: /x, max_frames: 0}"), "max_frames"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_place(written: Callable[[str], Path], text: str, told: str) -> None:
    with pytest.raises(SettingsInvalid) as error:
        read_settings(written(text))

    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot read"):
        read_settings(tmp_path / "none.yaml")


def test_the_key_comes_from_its_file_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")

    assert read_key(tmp_path / "key", {KEY_VARIABLE: "from-environment"}) == "from-file"
    assert read_key(None, {KEY_VARIABLE: "from-environment"}) == "from-environment"


@pytest.mark.parametrize("key", ["", "  \n", "two\nlines", "schlüssel"])
def test_a_key_no_header_can_carry_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(KeyUnusable) as error:
        read_key(None, {KEY_VARIABLE: key})

    assert "schl" not in str(error.value)
    assert "two" not in str(error.value)
