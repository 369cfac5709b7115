"""Which traces are kept, decided at their head alike by everybody who sees them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

log = logging.getLogger(__name__)

SAMPLER, ARGUMENT = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
PARENT_BASED = "parentbased_"
USUAL = "parentbased_always_on"
RANDOM_DIGITS = 14
SLOW_SECONDS = 0.05
"""A frame that took longer broke the promise: it is kept, whatever was decided at its head."""


@dataclass(frozen=True, slots=True)
class Head:
    """`share` of the traces, 0 to 1; where `parent_based`, those whose sender has decided go by that."""

    share: float = 1.0
    parent_based: bool = True

    def keeps(self, trace_id: str, parent_sampled: bool | None = None) -> bool:
        """By the last 56 bits of the trace id, as OpenTelemetry's consistent sampling has it.

        The SDK's own TraceIdRatioBased takes the last 64; the first two of those are the same in every random UUID, and
        our trace ids are UUIDs: of such it keeps none below a half, and all above three quarters.
        """
        if self.parent_based and parent_sampled is not None:
            return parent_sampled
        return int(trace_id[-RANDOM_DIGITS:], 16) < self.share * float(1 << 4 * RANDOM_DIGITS)


def head_of(environment: Mapping[str, str]) -> Head:
    """As the standard variables say. What they do not allow is the default, with a line in the log."""
    name = environment.get(SAMPLER, "").strip() or USUAL
    kind = name.removeprefix(PARENT_BASED)
    share = {"always_on": 1.0, "always_off": 0.0, "traceidratio": _share(environment.get(ARGUMENT, ""))}.get(kind)
    if share is None:
        log.warning("traces.sampler_unknown %s=%s: every trace is kept", SAMPLER, name)
        return Head()
    return Head(share, name.startswith(PARENT_BASED))


def _share(text: str) -> float:
    try:
        share = float(text or 1.0)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        log.warning("traces.share_wrong %s=%s: every trace is kept", ARGUMENT, text)
        return 1.0
    return share
