from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from cluster.cli.up import pack_default_release
from cluster.releases.manifest import ReleaseError
from serve_apps.app import RecognizerArgs
from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.probe import Probe
from serve_apps.recognition.reference import FaceRecognition
from serve_apps.recognition.registered import DEFAULT_RELEASE, fetched_release, released_engine
from serve_apps.settings import Settings, SettingsError, load


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, weights_folder: Path) -> Settings:
    """Of a data folder that the default release was packed in."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "weights").symlink_to(weights_folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOORBELL_DATA", str(folder))
        found = load()
    pack_default_release(found)
    return found


def test_what_up_packs_runs_and_is_packed_once(settings: Settings) -> None:
    release = fetched_release(settings, DEFAULT_RELEASE)
    engine = released_engine(settings, release)

    pack_default_release(settings)

    assert isinstance(engine, YunetDlib)
    assert engine.space == release.manifest.space
    Probe(engine).check()
    assert fetched_release(settings, DEFAULT_RELEASE, release.digest).digest == release.digest


def test_a_release_of_another_digest_is_refused(settings: Settings) -> None:
    with pytest.raises(ReleaseError, match=r"its digest is .*, the one asked for is 0000"):
        fetched_release(settings, DEFAULT_RELEASE, "0" * 64)


def test_the_reference_takes_the_place_of_an_engine_of_its_own_space_only(settings: Settings) -> None:
    reference = settings.model_copy(update={"engine": "face_recognition"})
    release = fetched_release(settings, DEFAULT_RELEASE)
    manifest = release.manifest.model_copy(update={"space": "sface-2021dec"})
    other = type(release)(manifest, release.folder, release.digest, release.signed_by)

    assert isinstance(released_engine(reference, release), FaceRecognition)
    with pytest.raises(SettingsError, match=r"DOORBELL_ENGINE=face_recognition .* in sface-2021dec; unset"):
        released_engine(reference, other)


@pytest.mark.parametrize("args", [{"digest": "12"}, {"release": "../up"}, {"relase": "yunet-dlib-1"}])
def test_arguments_of_a_replica_are_checked(args: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        RecognizerArgs.model_validate(args)
