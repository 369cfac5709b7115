from __future__ import annotations

import os
from pathlib import Path

import pytest

from serve_apps.settings import SettingsError, load


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DOORBELL_")]:
        monkeypatch.delenv(name)


def test_everything_lies_in_the_data_folder_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = load()

    assert settings.database_url == f"sqlite:///{tmp_path}/data/doorbell.db"
    assert settings.keyring_url == f"sqlite:///{tmp_path}/data/keyring.db"
    assert settings.crops_url == f"{tmp_path}/data/crops"
    assert settings.master_key_file == tmp_path / "data" / "master.key"
    assert settings.releases_url == f"{tmp_path}/data/releases"
    assert settings.release_keys_file == tmp_path / "data" / "release_keys.pub"
    assert settings.release_signing_key_file == tmp_path / "data" / "release_signing.key"
    assert settings.releases_cache == tmp_path / "data" / "releases-cache"


def test_a_url_that_is_given_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_DATABASE_URL", "postgresql://db/doorbell")
    monkeypatch.setenv("DOORBELL_MAX_WAITING", "7")

    assert load().database_url == "postgresql://db/doorbell"
    assert load().max_waiting == 7


def test_a_misspelt_name_is_told_the_nearest_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_MAX_WATING", "5")

    with pytest.raises(SettingsError, match=r"DOORBELL_MAX_WATING is no setting.*DOORBELL_MAX_WAITING\?"):
        load()


def test_a_name_like_nothing_we_know_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_0123456789", "1")

    with pytest.raises(SettingsError, match=r"DOORBELL_0123456789 is no setting$"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [("DOORBELL_BODY_SECONDS", "0"), ("DOORBELL_ENGINE", "magic"), ("DOORBELL_MAX_WAITING", "many")],
)
def test_a_value_out_of_range_is_one_line_with_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=name) as caught:
        load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("DOORBELL_MATCH_THRESHOLD", "--threshold"),
        ("DOORBELL_MATCH_MARGIN", "--margin"),
        ("DOORBELL_DETECT_LONG_SIDE", "--long-side"),
    ],
)
def test_what_a_release_says_now_is_no_setting_and_the_way_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, option: str
) -> None:
    monkeypatch.setenv(name, "0.5")

    with pytest.raises(
        SettingsError, match=f"{name} moved into the release: .*release pack NAME --from .* {option} 0.5"
    ):
        load()


def test_what_the_command_line_reads_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_API_KEY", "db_…")

    assert load().engine == "yunet_dlib"


@pytest.mark.parametrize("given", ["sqlite:///data/doorbell.db", "sqlite:///./data/../data/doorbell.db"])
def test_one_file_is_not_database_and_keyring_however_it_is_written(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOORBELL_KEYRING_URL", given)

    with pytest.raises(SettingsError, match="another database"):
        load()
