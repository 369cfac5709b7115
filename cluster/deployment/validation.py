"""All that was seen of a release before it gets traffic, and what is said of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.deployment import shadow
from cluster.deployment.judge import percentile
from cluster.deployment.rollout import Rollout
from cluster.deployment.shadow import Pair
from cluster.deployment.validate import Limits, Tried, growth, shortcomings


@dataclass(frozen=True, slots=True)
class Validation:
    """`golden` has all rounds of the new release, `live` those of the live one; `replayed` is None when the golden
    frames kept the release from going on.
    """

    rollout: Rollout
    golden: Tried
    live: Tried
    limits: Limits
    replayed: Sequence[Pair] | None = None

    @property
    def found(self) -> list[str]:
        """One sentence for each thing that keeps the release from traffic."""
        slower = self.rollout.plan.slower
        golden = shortcomings(self.golden, self.live, slower, self.limits)
        return golden + shadow.shortcomings(self.replayed or (), slower, self.limits)

    @property
    def said(self) -> str:
        """One line, when nothing was found."""
        frames = {answer.frame for answer in self.golden.answers}
        wrong = {answer.frame for answer in self.golden.answers if not answer.right}
        golden = f"{len(frames) - len(wrong)} of {len(frames)} golden frames as expected"
        return f"{golden}; {shadow.agreement(self.replayed or ()).said}"


def as_json(seen: Validation) -> dict[str, Any]:
    """A report without pictures and without the names of those who were recognized at doors."""
    rollout, limits = seen.rollout, seen.limits
    return {
        "rollout": rollout.id,
        "release": rollout.release,
        "live": rollout.before,
        "at": rollout.updated_at.isoformat(timespec="seconds"),
        "accepted": not seen.found,
        "found": seen.found,
        "limits": {
            "accuracy": limits.accuracy,
            "agreement": limits.agreement,
            "growth_mb": limits.growth_mb,
            "slower": rollout.plan.slower,
        },
        "golden": _golden(seen),
        "replay": None if seen.replayed is None else _replay(seen.replayed),
    }


def _golden(seen: Validation) -> dict[str, Any]:
    wrong = {each.frame: each for each in seen.golden.answers if not each.right}
    frames = {each.frame for each in seen.golden.answers}
    return {
        "set": seen.golden.golden,
        "frames": len(frames),
        "answers": len(seen.golden.answers),
        "accuracy": 1 - len(wrong) / len(frames),
        "wrong": [{"frame": each.frame, "expected": each.expected, "said": each.said} for each in wrong.values()],
        "unusable_photographs": sorted(set(seen.golden.unusable)),
        "latency_ms": _latency(
            [each.milliseconds for each in seen.live.answers], [each.milliseconds for each in seen.golden.answers]
        ),
        "growth_mb": {str(pid): round(grown, 2) for pid, grown in growth(seen.golden).items()},
        "resident_mb": {str(pid): round(values[-1] / 1e6, 1) for pid, values in seen.golden.memory.items()},
    }


def _replay(pairs: Sequence[Pair]) -> dict[str, Any]:
    found = shadow.agreement(pairs)
    return {
        "frames": found.frames,
        "judged": found.judged,
        "said": found.said,
        "same": found.same,
        "agreement": round(found.share, 4) if found.frames else None,
        "interval": [round(found.low, 4), round(found.high, 4)],
        "latency_ms": _latency([pair.live.milliseconds for pair in pairs], [pair.new.milliseconds for pair in pairs]),
        "changed": [
            {
                "event_id": pair.event_id,
                "camera_id": pair.camera_id,
                "captured_at": pair.captured_at,
                "live": pair.live.verdict,
                "new": pair.new.verdict,
                "same_names": pair.live.who == pair.new.who,
            }
            for pair in shadow.changed(pairs)
        ],
    }


def _latency(live: Sequence[float], new: Sequence[float]) -> dict[str, dict[str, float] | None]:
    return {
        side: {f"p{percent}": round(percentile(values, percent), 1) for percent in (50, 99)} if values else None
        for side, values in (("live", live), ("new", new))
    }
