"""The policy as Serve's controller calls it: `policy_function: autoscaling.serve_adapter:ForecastPolicy`.

The controller runs it for every look, and whatever it raises stops the reconciliation of all applications: so it holds
the present target instead, counts the error and says so. It waits for nothing. Serve pickles the class by value; what
it imports has to be installed where the controller runs. Serve's own delays come on top: set both to 0.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autoscaling.notes import Note, Notes
from autoscaling.policy import BadScaling, Bounds, Decision, Memory, Observation, Scaling, decide
from autoscaling.starts import Starts
from autoscaling.stats import ARRIVING, SERVICE, START, horizon_of, middle, within

FOLDER = "autoscaling"
"""In the data folder: a file for each application."""

FRESH_S = 30.0
"""How long replicas that say nothing are waited for after the controller's start; then what Serve counts is taken."""

STALE_S = 60.0
"""What a replica reported so long ago, or as far in the future, is not known any more."""


JUST_S = 3.0
"""What arrives is told every second; older than this it says nothing of now."""


class ForecastPolicy:
    """One deployment's. Its arguments are `policy_kwargs` in Serve's config: fields of Scaling."""

    def __init__(self, **settings: float) -> None:
        self._errors = 0
        self._error = ""
        self._began = time.monotonic()
        self._starts = Starts()
        self._notes: Notes | None = None
        self._counted: Callable[[str], None] | None = None
        try:
            self._scaling = Scaling(**settings)
        except (BadScaling, TypeError) as error:  # raised here, it would stop the controller; `serve check` finds it
            self._scaling = Scaling()
            self._error = f"policy_kwargs are not used, but the defaults: {error}"

    def __call__(self, ctx: Any) -> tuple[int, dict[str, Any]]:
        """The wanted replicas and the policy's memory. Raises nothing."""
        try:
            return self._decided(ctx)
        except Exception as error:
            return self._held(ctx, error)

    def seen(self, ctx: Any) -> Observation:
        """What the policy is told: Serve's own numbers, and what the replicas reported."""
        said = _newest(ctx)
        start = self._starts.seconds
        if start is None:
            start = middle(said.get(START, []))
        soon, later = _horizons(start, self._scaling)
        silent = not said and time.monotonic() - self._began < FRESH_S
        return Observation(
            now=ctx.current_time,
            replicas=ctx.current_num_replicas,
            target=ctx.target_num_replicas,
            requests=None if silent else ctx.total_num_requests,
            expected_per_s=max(said.get(within(soon), []), default=None),
            expected_later_per_s=max(said.get(within(later), []), default=None),
            service_s=middle(said.get(SERVICE, [])),
            start_s=start,
            bounds=Bounds(ctx.capacity_adjusted_min_replicas, ctx.capacity_adjusted_max_replicas),
            arriving_per_s=_arriving(ctx),
        )

    def _decided(self, ctx: Any) -> tuple[int, dict[str, Any]]:
        began = time.perf_counter()
        seen = self.seen(ctx)
        decision = decide(seen, self._scaling, Memory.of(ctx.policy_state.get("policy", {})))
        self._starts.looked(time.monotonic(), seen.replicas, seen.target, decision.target)
        took = time.perf_counter() - began
        self._note(ctx, lambda: _told(decision) | {"decision_ms": round(took * 1000, 3)})
        return decision.target, {"policy": decision.memory.as_dict()}

    def _held(self, ctx: Any, error: Exception) -> tuple[int, dict[str, Any]]:
        """The present target: something is wrong with the policy, or with what it is given."""
        self._errors += 1
        self._error = f"{type(error).__name__}: {error}"[:500]
        target, replicas = ctx.target_num_replicas, ctx.current_num_replicas
        why = f"{target} replicas: held, because the policy failed: {self._error}"
        try:
            self._count(ctx.app_name)
            self._note(ctx, lambda: {"target": target, "replicas": replicas, "why": why})
        except Exception as second:
            self._error += f"; then {type(second).__name__}"
        return target, {}

    def _note(self, ctx: Any, told: Note) -> None:
        """Have the file written; where no data folder is named there is no place for it."""
        if self._notes is None and (data := os.environ.get("DOORBELL_DATA")):
            self._notes = Notes(Path(data, FOLDER, f"{ctx.app_name}.json"))
        if self._notes is not None:
            names = {"application": ctx.app_name, "deployment": ctx.deployment_name, "at": ctx.current_time}
            errors = {"errors": self._errors, "error": self._error}
            self._notes.put(lambda: {**names, **told(), **errors})

    def _count(self, application: str) -> None:
        """In Ray's metrics, as ray_doorbell_autoscaling_errors_total."""
        if self._counted is None:
            from ray.util.metrics import Counter

            said = "Looks at which the policy failed and the present target was held."
            counter = Counter("doorbell_autoscaling_errors", said, tag_keys=("application",))
            self._counted = lambda name: counter.inc(tags={"application": name})
        self._counted(application)


def _newest(ctx: Any) -> dict[str, list[float]]:
    """What each replica reported last, by name; what none has is not there."""
    by_name = (ctx.raw_metrics or {}).items()
    return {name: told for name, by_replica in by_name if (told := _last(ctx, by_replica, STALE_S))}


def _last(ctx: Any, by_replica: Mapping[str, Any], within_s: float) -> list[float]:
    """Of one name. Too old reports, and those of a future, are left out."""
    newest = [series[-1] for series in by_replica.values() if series]
    return [each.value for each in newest if abs(ctx.current_time - each.timestamp) < within_s]


def _arriving(ctx: Any) -> float | None:
    """Of all replicas that have said so just now; a clock that is off makes it unknown."""
    told = _last(ctx, (ctx.raw_metrics or {}).get(ARRIVING, {}), JUST_S)
    return sum(told) if told else None


def _horizons(start: float | None, scaling: Scaling) -> tuple[int, int]:
    """Seconds ahead that decide whether replicas are started, and whether they are ended."""
    return horizon_of(start or 0.0), horizon_of(scaling.later_s(start or 0.0))


def _told(decision: Decision) -> dict[str, Any]:
    """Called in the notes' thread."""
    soon, later = _horizons(decision.seen.start_s, decision.scaling)
    return {
        "target": decision.target,
        "replicas": decision.seen.replicas,
        "why": decision.why,
        "asks": asdict(decision.asks) | {"horizon_s": soon, "later_s": later},
        "seen": asdict(decision.seen),
        "settings": asdict(decision.scaling),
    }
