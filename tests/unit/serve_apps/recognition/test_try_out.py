"""The sample frames through a trial."""

from __future__ import annotations

import pytest

from samples.frames import FRAMES, PEOPLE
from serve_apps.faces import Standing
from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.match import MatchRules
from serve_apps.recognition.trial import TrialPerson
from serve_apps.recognition.try_out import try_out


def people() -> list[TrialPerson]:
    return [
        TrialPerson(each.name, Standing(each.standing), tuple(path.read_bytes() for path in each.paths))
        for each in PEOPLE
    ]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("frames")
    return [frame.write(folder, number).read_bytes() for number, frame in enumerate(FRAMES)]


def test_a_trial_answers_every_sample_frame_as_expected(engine: YunetDlib, frames: list[bytes]) -> None:
    found = try_out(engine, MatchRules(), people(), frames)
    assert not found.unusable
    assert [(each.verdict, each.who) for each in found.frames] == [
        (frame.verdict, tuple(sorted(frame.who))) for frame in FRAMES
    ]
    assert found.resident_bytes > 0


def test_a_photograph_without_a_face_is_named(engine: YunetDlib, frames: list[bytes]) -> None:
    nobody = frames[[frame.name for frame in FRAMES].index("nobody")]
    found = try_out(engine, MatchRules(), [TrialPerson("Ada", Standing.KNOWN, (nobody, b"no image"))], [nobody])
    assert found.unusable == (
        "photograph 1 of Ada: 0 faces are found",
        "photograph 2 of Ada: 0 faces are found",
    )
