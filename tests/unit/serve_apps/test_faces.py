from __future__ import annotations

import pytest

from serve_apps.faces import Standing, Verdict, verdict_of

KNOWN, UNKNOWN, BLACKLISTED = Standing.KNOWN, Standing.UNKNOWN, Standing.BLACKLISTED


@pytest.mark.parametrize(
    ("standings", "verdict"),
    [
        ([], Verdict.NO_FACE),
        ([KNOWN, KNOWN], Verdict.KNOWN),
        ([KNOWN, UNKNOWN], Verdict.UNKNOWN),
        ([UNKNOWN, KNOWN], Verdict.UNKNOWN),
        ([KNOWN, BLACKLISTED, UNKNOWN], Verdict.BLACKLISTED),
    ],
)
def test_the_gravest_standing_is_the_verdict(standings: list[Standing], verdict: Verdict) -> None:
    assert verdict_of(standings) is verdict
