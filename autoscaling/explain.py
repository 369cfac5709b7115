"""A decision of the policy in one sentence for an operator. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoscaling.scaling import known

if TYPE_CHECKING:
    from autoscaling.policy import Decision


def sentence(decision: Decision) -> str:
    """What was asked, what holds the number and what the bounds did, with the numbers."""
    said = [_queue(decision), _forecast(decision), *_arrivals(decision), *_held(decision), *_bounded(decision)]
    return f"{_count(decision.target)}: {'; '.join(said)}"


def _queue(decision: Decision) -> str:
    asked, requests = decision.asks.queue, decision.seen.requests
    if asked is None:
        return "nobody has reported requests"
    each = decision.scaling.requests_per_replica
    return f"the queue asks {asked} ({requests:.1f} requests, {each:g} each)"


def _forecast(decision: Decision) -> str:
    seen, scaling = decision.seen, decision.scaling
    if decision.asks.forecast is None or seen.expected_per_s is None or seen.service_s is None:
        return "there is no forecast"
    start = known(seen.start_s)
    within = "" if start is None else f" within {start:.0f} s"
    return (
        f"the forecast asks {decision.asks.forecast} ({seen.expected_per_s:.1f}/s of {seen.service_s * 1000:.0f} ms"
        f"{within}, {scaling.utilisation:.0%} full or {scaling.spare:g} to spare)"
    )


def _arrivals(decision: Decision) -> list[str]:
    """Where they ask for more than both others."""
    asks, arriving = decision.asks, decision.seen.arriving_per_s
    if arriving is None or (asks.arrivals or 0) <= max(asks.queue or 0, asks.forecast or 0):
        return []
    return [f"what has just come asks {asks.arrivals} ({arriving:.1f}/s)"]


def _held(decision: Decision) -> list[str]:
    asks, scaling = decision.asks, decision.scaling
    if asks.held == "settling":
        return [f"held for {asks.held_s:.0f} s more, until enough was reported since the controller's start"]
    if asks.held == "starting":
        return [f"no more than {scaling.starts_at_once:g} start at once"]
    if asks.held == "rising":
        return [f"more if the queue asks for them for {asks.held_s:.1f} s longer"]
    if asks.held == "waiting":
        return [f"fewer would do, if that stays so for {asks.held_s:.0f} s"]
    if asks.held == "later" and (asks.later or 0) >= decision.target:
        return [f"the forecast asks {asks.later} again within {scaling.restart_pays_s:.0f} s"]
    return [f"fewer only when the queue is {scaling.hysteresis:.0%} shorter"] if asks.held == "later" else []


def _bounded(decision: Decision) -> list[str]:
    low, high = decision.asks.bounds
    if decision.asks.contradiction:
        return [f"the bounds contradict each other, {low} to {high} is taken"]
    asked = max(decision.asks.queue or 0, decision.asks.forecast or 0, decision.asks.arrivals or 0)
    return [f"bounds are {low} to {high}"] if not low <= asked <= high else []


def _count(replicas: int) -> str:
    return f"{replicas} replica{'' if replicas == 1 else 's'}"
