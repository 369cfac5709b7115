"""Which traces are kept."""

from __future__ import annotations

import random
import uuid

import pytest

from cluster.monitoring.sampling import Head, head_of
from edge.spans import head_keeps


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_random_frames_that_is_kept_is_the_one_asked_for(share: float) -> None:
    drawn = random.Random(7)
    frames = [uuid.UUID(int=drawn.getrandbits(128), version=4) for _ in range(4000)]

    kept = [frame for frame in frames if Head(share).keeps(frame.hex)]

    assert len(kept) / len(frames) == pytest.approx(share, abs=0.03)
    assert kept == [frame for frame in frames if head_keeps(str(frame), share)]


def test_the_sender_decides_where_the_sampler_asks_it() -> None:
    trace = "f" * 32

    assert Head(0.0).keeps(trace, parent_sampled=True)
    assert not Head(1.0).keeps(trace, parent_sampled=False)
    assert not Head(0.0, parent_based=False).keeps(trace, parent_sampled=True)


@pytest.mark.parametrize(
    ("sampler", "argument", "head"),
    [
        ("", "", Head()),
        ("always_on", "", Head(1.0, parent_based=False)),
        ("always_off", "", Head(0.0, parent_based=False)),
        ("traceidratio", "0.1", Head(0.1, parent_based=False)),
        ("parentbased_traceidratio", "0.25", Head(0.25)),
        ("parentbased_always_off", "", Head(0.0)),
        ("parentbased_traceidratio", "lots", Head()),
        ("parentbased_traceidratio", "7", Head()),
        ("jaeger_remote", "", Head()),
    ],
)
def test_the_standard_variables_say_it(sampler: str, argument: str, head: Head) -> None:
    assert head_of({"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}) == head
