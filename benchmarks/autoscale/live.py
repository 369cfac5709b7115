"""`doorbell bench autoscale-live`: a tenfold swing of the load against the real application.

Two cores cannot hold four busy recognizers, so each may be filled to 7 % only: the swing then asks for as many
replicas as it would on a larger cluster with ten times the frames, and the processor is not what keeps frames waiting.
The week before is made up: the low load, all the time. The swing is announced in the file of expected rushes, or nobody
knows of it. The same moments are given to the simulator, with the settings, the service time and the longest start that
were measured.
"""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from autoscaling.arrivals import arrivals
from autoscaling.history import History
from autoscaling.policy import Scaling
from autoscaling.queueing import Requests
from autoscaling.replay import Forecaster, Ours, forecaster, outlook
from autoscaling.schedule_file import parsed
from autoscaling.simulate import Fleet, Run
from benchmarks.autoscale.looks import LOOP, POLICY, Looks, looking
from benchmarks.autoscale.posting import Answered, post_at
from benchmarks.autoscale.swing import Swing, announced
from benchmarks.child import MeasurementFailed
from benchmarks.cpu_time import Processor, Seen, processor, seen, taken
from benchmarks.machine import machine
from benchmarks.run import frames
from cluster.deployment.control import Serve

SEED = 2026
PROMISE_MS = 50.0
SCALING = Scaling(
    requests_per_replica=0.14,
    utilisation=0.07,
    spare=0.0,
    starts_at_once=1,
    down_after_s=10.0,
    restart_pays_s=10.0,
)
LEAST, MOST, CPUS = 1, 4, 0.6
BESIDE_SECONDS = 25
READY_SECONDS = 90.0
WINDOW = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cluster is: URL and key, its data folder, its file of rushes, Ray's file of metrics addresses."""

    address: tuple[str, str]
    data: Path
    rushes: Path
    discovery: Path

    @property
    def decision(self) -> Path:
        """The policy's file."""
        return self.data / "autoscaling" / "recognizer-blue.json"


def measure(
    place: Place, serve: Serve, recorded: Callable[[], History], swing: Swing, say: Callable[[str], None]
) -> dict[str, Any]:
    """What `--json` prints. `recorded` reads the load that the cluster recorded. Raises MeasurementFailed."""
    minutes = list(arrivals(swing.rates(), Fleet().pick, SEED))
    moments = [float(moment) for minute in minutes for moment in minute.times]
    say("Serve's own policy, for the controller's time …")
    _deploy(serve, None)
    beside = _looked_on(place, [moment for moment in moments if moment < BESIDE_SECONDS], time.monotonic())[0]
    say("our policy …")
    _deploy(serve, SCALING)
    start = _next_minute()
    schedule = announced(swing, start)
    place.rushes.write_text(schedule)
    before = processor(), seen()
    looks, answered = _looked_on(place, moments, time.monotonic() + start - time.time())
    others = _others(*before)
    fleet = _fleet(looks, swing)
    simulated = _simulated(minutes, fleet, forecaster(recorded(), parsed(schedule)), start)
    seconds = len(swing.rates())
    return {
        "swing": asdict(swing),
        "settings": asdict(SCALING),
        "fleet": asdict(fleet),
        **_answers(answered, swing),
        **_followed(looks, swing),
        "other_share": others,
        "replica_hours": _hours(looks.replica_seconds(seconds), simulated.outcome.replica_seconds),
        "controller": _controller(beside, looks),
        "series": _series(answered, looks, simulated, seconds),
        "decided": looks.decided,
        "last": looks.last,
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _deploy(serve: Serve, scaling: Scaling | None) -> None:
    """Small recognizers with our policy, or with Serve's and one replica. Raises MeasurementFailed."""
    config = copy.deepcopy(serve.config())
    recognizer = config["applications"][0]["deployments"][0]
    recognizer["ray_actor_options"] = {"num_cpus": CPUS}
    recognizer["autoscaling_config"] |= {"min_replicas": LEAST, "max_replicas": MOST if scaling else LEAST}
    recognizer["autoscaling_config"]["policy"] = (
        {"policy_function": "autoscaling.serve_adapter:ForecastPolicy", "policy_kwargs": asdict(scaling)}
        if scaling
        else {}
    )
    serve.put(config)
    time.sleep(1)
    ends = time.monotonic() + READY_SECONDS
    while not _settled(serve):
        if time.monotonic() > ends:
            raise MeasurementFailed(f"the recognizers did not settle within {READY_SECONDS:.0f} s")
        time.sleep(0.5)


def _settled(serve: Serve) -> bool:
    found = serve.details()
    states = [replica.state for each in found["recognizer-blue"].deployments for replica in each.replicas]
    return states == ["RUNNING"] * LEAST and all(each.status == "RUNNING" for each in found.values())


def _next_minute() -> float:
    """Epoch seconds, with the time to write what is expected before it."""
    return math.ceil((time.time() + 5) / 60) * 60.0


def _looked_on(place: Place, moments: Sequence[float], begun: float) -> tuple[Looks, list[Answered]]:
    images = frames()
    with looking(place.decision, place.discovery, begun) as looks:
        answered = post_at(moments, place.address, images, begun)
    return looks, answered


def _others(processor_before: Processor, seen_before: Seen) -> float:
    """The share of the processor that programs beside this measurement took; replicas that ended count as such."""
    after, ours = processor(), sum(taken(seen_before, seen()).values())
    whole = after.all - processor_before.all
    return round(max(0.0, whole - (after.idle - processor_before.idle) - ours) / whole, 3)


def _fleet(looks: Looks, swing: Swing) -> Fleet:
    """As the policy saw it; how long a frame takes is the median while there are many. Raises MeasurementFailed."""
    up, down = swing.before, swing.before + swing.during
    services = [look.service_s for look in looks.seen if up <= look.at < down and look.service_s]
    start_s = (looks.last.get("seen") or {}).get("start_s")
    if not services or not start_s:
        raise MeasurementFailed(f"the policy did not learn how long frames and starts take: {looks.last}")
    machines = {"minimum": LEAST, "maximum": MOST, "replicas_per_node": MOST}
    return Fleet(service_s=median(services), start_s=start_s, **machines)


def _simulated(minutes: Sequence[Requests], fleet: Fleet, at: Forecaster, start: float) -> Run:
    """The same moments; services of the measured mean, and the forecasts that were made."""
    scale = fleet.service_s / Fleet().service_s
    run = Run(Ours(SCALING, fleet, outlook(at, start, len(minutes)), start), fleet, LEAST)
    for minute in minutes:
        run.advance(replace(minute, services=minute.services * scale))
    return run


def _answers(answered: Sequence[Answered], swing: Swing) -> dict[str, Any]:
    failures = Counter(each.failed for each in answered if each.failed)
    return {
        "requests": len(answered),
        "failed_requests": sum(failures.values()),
        "failures": [f"{times} x {text}" for text, times in failures.most_common(3)],
        "phases": {
            name: _phase([each.milliseconds for each in answered if since <= each.due < until])
            for name, (since, until) in swing.phases().items()
        },
    }


def _phase(milliseconds: Sequence[float]) -> dict[str, float]:
    late = sum(each > PROMISE_MS for each in milliseconds) / max(1, len(milliseconds))
    p50, p99 = np.percentile(milliseconds, [50, 99]) if milliseconds else (0.0, 0.0)
    return {"p50_ms": round(float(p50), 1), "p99_ms": round(float(p99), 1), "late_share": round(late, 4)}


def _followed(looks: Looks, swing: Swing) -> dict[str, Any]:
    """From the step on, seconds until more were wanted, and until as many ran as the high load asked for in the end."""
    up, down = swing.before, swing.before + swing.during
    high = [look for look in looks.seen if up <= look.at < down]
    needed = round(median(look.target for look in high[len(high) // 2 :])) if high else LEAST
    decided = next((look.at - up for look in high if look.target > LEAST), None)
    ran = next((look.at - up for look in high if look.replicas >= needed), None)
    ended = next((look.at - down for look in looks.seen if look.at >= down and look.replicas <= LEAST), None)
    return {
        "replicas_needed": needed,
        "seconds_to_decide": _rounded(decided),
        "seconds_to_follow": _rounded(ran),
        "seconds_to_scale_down": _rounded(ended),
    }


def _hours(live: float, simulated: float) -> dict[str, float]:
    hour = 3600.0
    off = round(simulated / live - 1, 4)
    return {"live": round(live / hour, 4), "simulated": round(simulated / hour, 4), "simulated_is_off_by": off}


def _controller(beside: Looks, ours: Looks) -> dict[str, Any]:
    """Milliseconds of the controller's loop and of one look of the policy, both with one replica and the low load."""
    found = {"serves_own": beside, "ours": ours}
    loop = {name: looks.middle(LOOP, BESIDE_SECONDS) for name, looks in found.items()}
    policy = {name: _rounded(looks.middle(POLICY, BESIDE_SECONDS), 3) for name, looks in found.items()}
    return {"loop_ms": {name: _rounded(each and each * 1000, 2) for name, each in loop.items()}, "policy_ms": policy}


def _series(answered: Sequence[Answered], looks: Looks, simulated: Run, seconds: int) -> dict[str, list[Any]]:
    at = list(range(0, seconds, WINDOW))
    windows = [[each for each in answered if begin <= each.due < begin + WINDOW] for begin in at]
    since, counts = zip(*simulated.outcome.ready, strict=True)
    return {
        "seconds": at,
        "per_s": [len(window) / WINDOW for window in windows],
        "p99_ms": [_phase([each.milliseconds for each in window])["p99_ms"] for window in windows],
        "at": [round(look.at, 2) for look in looks.seen],
        "replicas": [look.replicas for look in looks.seen],
        "target": [look.target for look in looks.seen],
        "requests": [look.requests for look in looks.seen],
        "simulated": [int(counts[place - 1]) for place in np.searchsorted(since, at, "right")],
    }


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)
