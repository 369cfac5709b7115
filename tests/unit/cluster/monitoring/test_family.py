from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.monitoring.family import LONGEST_VALUE, OTHER, Bounds, Family, Label, plain
from cluster.monitoring.metrics import FAMILIES

ANYTHING = st.text(max_size=200)
PLAIN = set(string.ascii_letters + string.digits + "_ .:/@+-")
COLOURED = Family("doors_total", "counter", "Doors.", (Label("colour", ("red", "blue")), Label("camera", most=3)))


def test_a_value_that_a_label_does_not_list_becomes_other() -> None:
    assert Bounds().of(COLOURED, ("green", "front")) == (OTHER, "front")


def test_of_values_without_a_list_the_first_ones_are_told_apart_and_stay() -> None:
    bounds = Bounds()
    seen = [bounds.of(COLOURED, ("red", f"camera-{number}"))[1] for number in (1, 2, 3, 4, 5, 1, 3)]

    assert seen == ["camera-1", "camera-2", "camera-3", OTHER, OTHER, "camera-1", "camera-3"]


@pytest.mark.parametrize("hostile", ["a\nb", 'a"} 1\nfake{x="', "a\\n", "a" * 10_000, "\x00", "🔔" * 70, " ", ""])
def test_a_hostile_name_is_one_short_line_that_ends_no_label(hostile: str) -> None:
    said = plain(hostile)

    assert 0 < len(said) <= LONGEST_VALUE
    assert set(said) <= PLAIN


def test_two_long_paths_that_begin_alike_are_told_apart_and_each_stays_itself() -> None:
    doors = [
        f"/etc/letsencrypt/live/{'a-long-name.' * 6}example.org/{door}/fullchain.pem" for door in ("front", "back")
    ]

    assert len({plain(door) for door in (*doors, *doors)}) == 2


@given(family=st.sampled_from(FAMILIES), data=st.data())
def test_whoever_sends_no_family_has_more_series_than_it_declares(family: Family, data: st.DataObject) -> None:
    labels = st.tuples(*[st.one_of(ANYTHING, st.sampled_from(each.values or ("one",))) for each in family.labels])
    bounds = Bounds()

    series = {bounds.of(family, sent) for sent in data.draw(st.lists(labels, max_size=60))}

    assert len(series) <= family.most_series
    for values in series:
        for label, value in zip(family.labels, values, strict=True):
            assert value == OTHER or value in label.values or (not label.values and set(value) <= PLAIN)


def test_a_hundred_thousand_camera_names_make_a_thousand_and_one_series() -> None:
    cameras = next(family for family in FAMILIES if family.name == "camera_events_today")
    bounds = Bounds()

    assert len({bounds.of(cameras, (f"camera-{number}",)) for number in range(100_000)}) == 1001


def test_every_name_is_declared_once_with_help_and_bounded_labels() -> None:
    names = [family.name for family in FAMILIES]

    assert len(set(names)) == len(names)
    assert all(family.help.endswith(".") for family in FAMILIES)
    assert all(label.values or label.most for family in FAMILIES for label in family.labels)
    assert all((family.kind == "counter") == family.name.endswith("_total") for family in FAMILIES)
    assert all(bool(family.buckets) == (family.kind == "histogram") for family in FAMILIES)
