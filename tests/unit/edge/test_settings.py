from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import KeyUnusable, SettingsInvalid
from edge.settings import KEY_VARIABLE, read_key, read_settings
from edge.settings.cameras import OpencvSettings
from edge.settings.triggers import ButtonSettings

GOOD = """
gateway:
  url: https://gate.example
cameras:
  - {id: front-door, driver: opencv, source: 1, picture: {crop: {x: 0.5, width: 0.5}}}
triggers:
  - {driver: button, pin: 17}
  - {driver: motion, zones: [{points: [[0, 0], [1, 0], [1, 1]]}]}
feedback:
  - {driver: led, pin: 3, when: [known]}
spool: {folder: /var/lib/doorbell}
"""
REPLAY = "  - {id: films, driver: replay, folder: /films}\ntriggers:"


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "edge.yaml"
        path.write_text(text)
        return path

    return write


def test_a_short_file_is_enough(written: Callable[[str], Path]) -> None:
    settings = read_settings(
        written(
            "gateway: {url: 'https://gate.example'}\ncameras: [{id: front, driver: opencv}]\n"
            "triggers: [{driver: button, pin: 17}]\nspool: {folder: /var/lib/doorbell}\n"
        )
    )

    assert settings.cameras == (OpencvSettings(id="front", driver="opencv"),)
    assert settings.triggers == (ButtonSettings(driver="button", pin=17),)
    assert settings.gateway.key_file is None


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("  url:", "  ulr:"),
        ("source:", "sorce:"),
        ("pin:", "pinn:"),
        ("folder:", "foldr:"),
        ("gateway:", "gatway:"),
        ("triggers:", "triger:"),
        ("crop:", "crob:"),
        ("zones:", "zone:"),
        ("points:", "point:"),
        ("feedback:", "feedbak:"),
        ("when:", "whenn:"),
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
        (GOOD.replace("https://gate.example", "http://gate..example"), "possible host"),
        (GOOD.replace("https://gate.example", "http://gate.example:99999"), "possible host and port"),
        (GOOD.replace("https://gate.example", "https://gate.example\n  timeout_s: .inf"), "gateway.timeout_s"),
        (GOOD.replace("https://gate.example", "https://gate.example\n  first_retry_s: .nan"), "gateway.first_retry_s"),
        (GOOD.replace("driver: button, pin: 17", "driver: timer, every_s: 1.0e+11"), "every_s"),
        (GOOD + "installed: 2026-13-45\n", "month must be in 1..12"),
        (GOOD.replace("opencv", "opencw"), "'opencw' is no driver ; did you mean opencv?"),
        (GOOD.replace("driver: button", "driver: doorbell"), "known here: button, motion_sensor"),
        (GOOD.replace("driver: opencv, ", ""), "cameras.0 has no driver"),
        (GOOD.replace("width: 0.5", "width: 0.6"), "beyond the picture"),
        (GOOD.replace("[known]", "[knwon]"), "blacklisted"),
        (GOOD.replace("pin: 17", "pin: 17, cameras: [back]"), "'back', which is not under cameras"),
        (GOOD.replace("triggers:", "  - {id: front-door, driver: opencv}\ntriggers:"), "two cameras have the id"),
        (GOOD.replace("triggers:", "  - {id: back, driver: opencv}\ntriggers:"), "must name its camera"),
        (GOOD.replace("pin: 17", "pin: 17, cameras: [films]").replace("triggers:", REPLAY), "motion trigger"),
        (GOOD.replace("{folder: /var/lib/doorbell}", "{folder: /x, max_frames: 0}"), "max_frames"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_place(written: Callable[[str], Path], text: str, told: str) -> None:
    with pytest.raises(SettingsInvalid) as error:
        read_settings(written(text))

    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_camera_that_nothing_triggers_is_an_error_and_a_replay_is_none(written: Callable[[str], Path]) -> None:
    start = "gateway: {url: 'https://gate.example'}\nspool: {folder: /x}\ncameras:\n"
    with pytest.raises(SettingsInvalid, match="nothing triggers the camera 'front'"):
        read_settings(written(start + "  - {id: front, driver: opencv}\n"))

    assert read_settings(written(start + "  - {id: films, driver: replay, folder: /films}\n")).triggers == ()


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
