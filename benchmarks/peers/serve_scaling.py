"""Serve's own autoscaling, by Ray's own functions, without a cluster: the peer of `doorbell bench autoscale`.

What the controller does at each look is called here as it does it (`ray/serve/autoscaling_policy.py` of Ray 2.60):
requests by target, scaling factors, delays, bounds. Its eyes are imitated: the mean over `look_back_period_s` of what
was noted until the last push.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ray.serve.autoscaling_policy import _apply_delay_logic, _apply_scaling_factors
from ray.serve.config import AutoscalingConfig

from autoscaling.simulate import Tick


@dataclass(slots=True)
class ServesOwn:
    """A policy of Serve with its config; metrics are pushed every `push_s` seconds."""

    config: AutoscalingConfig
    push_s: float
    _state: dict[str, Any] = field(default_factory=dict)

    def __call__(self, tick: Tick) -> int:
        pushed = tick.now // self.push_s * self.push_s
        requests = tick.notes.mean(tick.now - self.config.look_back_period_s, pushed)
        if requests is None:
            return tick.target
        wanted = requests / self.config.get_target_ongoing_requests()
        scaled = _apply_scaling_factors(wanted, tick.replicas, self.config)
        decided, self._state = _apply_delay_logic(max(0, scaled), tick.target, self.config, self._state, tick.now)
        return max(self.config.min_replicas, min(self.config.max_replicas, decided))


def default(minimum: int, maximum: int) -> ServesOwn:
    """As Serve comes, between these bounds."""
    return ServesOwn(AutoscalingConfig(min_replicas=minimum, max_replicas=maximum), push_s=10.0)


def tuned(minimum: int, maximum: int, target: float, down_after_s: float) -> ServesOwn:
    """As quick as it goes: metrics pushed every second, and short delays."""
    config = AutoscalingConfig(
        min_replicas=minimum,
        max_replicas=maximum,
        target_ongoing_requests=target,
        upscale_delay_s=1,
        look_back_period_s=4,
        metrics_interval_s=1,
        downscale_delay_s=down_after_s,
    )
    return ServesOwn(config, push_s=1.0)
