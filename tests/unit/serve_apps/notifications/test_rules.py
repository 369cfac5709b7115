from __future__ import annotations

from collections.abc import Callable

import pytest

from serve_apps.events.event import Event
from serve_apps.faces import Verdict
from serve_apps.notifications.rules import Rule, Rules, message

EventMaker = Callable[..., Event]


def test_everybody_is_told_once_in_the_rules_order(an_event: EventMaker) -> None:
    rules = Rules((Rule(("porter", "family")), Rule(("family", "log", "porter"))))

    assert rules.recipients(an_event()) == ("porter", "family", "log")


@pytest.mark.parametrize(
    ("patterns", "camera", "told"),
    [
        (("front-*",), "front-door", True),
        (("front-*",), "back-door", False),
        (("back-*", "front-door"), "front-door", True),
        (("Front-*",), "front-door", False),
        (("door[12]",), "door2", True),
        ((), "anywhere", True),
    ],
)
def test_cameras_are_shell_patterns(an_event: EventMaker, patterns: tuple[str, ...], camera: str, told: bool) -> None:
    assert Rule(("family",), cameras=patterns).fits(an_event(camera=camera)) is told


def test_a_rule_for_people_fits_when_one_of_them_is_there(an_event: EventMaker) -> None:
    rule = Rule(("family",), people=("Aunt", "Courier"))

    assert rule.fits(an_event(names=("Courier", "Resident")))
    assert not rule.fits(an_event(names=("Resident",)))
    assert not rule.fits(an_event())


def test_every_condition_of_a_rule_must_fit(an_event: EventMaker) -> None:
    rule = Rule(("family",), (Verdict.UNKNOWN,), ("front-*",))

    assert rule.fits(an_event(Verdict.UNKNOWN))
    assert not rule.fits(an_event(Verdict.KNOWN))
    assert not rule.fits(an_event(Verdict.UNKNOWN, "back-door"))


def test_without_a_file_the_log_is_told_of_faces_and_of_nothing_else(an_event: EventMaker) -> None:
    told = {verdict: Rules().recipients(an_event(verdict)) for verdict in Verdict}

    assert told.pop(Verdict.NO_FACE) == ()
    assert set(told.values()) == {("log",)}


def test_urls_are_in_no_repr() -> None:
    assert "hunter2" not in repr(Rules((), {"family": "mailto://me:hunter2@mail.invalid"}))


@pytest.mark.parametrize(
    ("verdict", "names", "title"),
    [
        (Verdict.KNOWN, ("Resident", "Courier"), "Courier, Resident at front-door"),
        (Verdict.KNOWN, (), "Somebody known at front-door"),
        (Verdict.UNKNOWN, (), "Somebody unknown at front-door"),
        (Verdict.UNKNOWN, ("Resident",), "Somebody unknown with Resident at front-door"),
        (Verdict.BLACKLISTED, ("Barred",), "Blacklisted: Barred at front-door"),
        (Verdict.BLACKLISTED, (), "Blacklisted: somebody who was removed since at front-door"),
        (Verdict.NO_FACE, (), "Somebody without a visible face at front-door"),
    ],
)
def test_the_title_says_who_is_where(
    an_event: EventMaker, verdict: Verdict, names: tuple[str, ...], title: str
) -> None:
    told, text = message(an_event(verdict, names=names))

    assert told == title
    assert text == f"{title}, 2026-03-01 12:00:00 UTC (button). Event event-1."
