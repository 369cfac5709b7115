from datetime import UTC, datetime

import pytest

from cluster.deployment.colours import Deployed, Lease, State, StateError

UNTIL = datetime(2026, 11, 24, 2, 0, 0, 250_000, tzinfo=UTC)
RELEASES = {"blue": Deployed("yunet-dlib-1", "a" * 64), "green": Deployed("yunet-sface-1")}
CANARY = State("blue", RELEASES, {"blue": 95, "green": 5}, Lease(UNTIL, {"blue": 100}), 7)


def test_a_state_is_the_same_after_json() -> None:
    for state in (CANARY, State("green", RELEASES, {"green": 100}), CANARY.at_rest()):
        assert State.from_json(state.to_json()) == state


def test_at_rest_the_lease_is_gone_and_the_live_colour_has_all_of_it() -> None:
    assert CANARY.at_rest() == State("blue", RELEASES, {"blue": 100}, None, 7)


def test_a_split_without_a_lease_stays_at_rest() -> None:
    split = State("blue", RELEASES, {"blue": 90, "green": 10})

    assert split.at_rest() == split


def test_with_a_lease_the_heavier_colour_need_not_be_the_live_one() -> None:
    assert State("blue", RELEASES, {"green": 100}, Lease(UNTIL, {"blue": 100})).live == "blue"


@pytest.mark.parametrize(
    ("live", "weights", "lease", "said"),
    [
        ("blue", {"green": 100}, None, "the other colour is the heavier"),
        ("blue", {"blue": 0}, None, "no colour has any weight"),
        ("blue", {"blue": 101, "green": -1}, None, "no colour has any weight"),
        ("blue", {"blue": 100}, Lease(UNTIL, {"green": 100}), "the other colour is the heavier"),
    ],
)
def test_what_does_not_fit_together_is_refused(live: str, weights: dict, lease: Lease | None, said: str) -> None:
    with pytest.raises(StateError, match=said):
        State(live, RELEASES, weights, lease)


def test_a_weight_without_a_release_is_refused() -> None:
    with pytest.raises(StateError, match="green has a weight, and no release"):
        State("blue", {"blue": Deployed("a")}, {"blue": 99, "green": 1})


@pytest.mark.parametrize("text", ["", "{}", '{"live": "red"}', CANARY.to_json()[:-9], '{"live": "blue", "lvie": 1}'])
def test_text_that_is_no_state_is_one_line(text: str) -> None:
    with pytest.raises(StateError, match=r"^.+$"):
        State.from_json(text)
