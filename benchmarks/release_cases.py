"""The rollouts that `doorbell bench release` measures: sound and faulty releases, and controllers that are killed."""

from __future__ import annotations

import time
from dataclasses import asdict

from benchmarks.doors import Doors
from benchmarks.releases import SETTLING_SECONDS, Case, Cluster, Line, Run, old_traffic, summed

DOORS = 4
EVERY_SECONDS = 0.2
LOADED_USERS = 10
"""KubeRay's own gate for an upgrade has so many, for 900 seconds, and allows no failure; ours runs for less."""

LOADED_SECONDS = 90.0
LIVE = "yunet-dlib-1"
OTHER = "sface-1"
ENGINES = "benchmarks.faulty_engines"


def _deployed(*arguments: str) -> Run:
    """There, and back by hand: the figures of both together, the time to the old traffic being the rollback's."""

    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        begun = time.monotonic()
        lines = cluster.command(*arguments)
        time.sleep(SETTLING_SECONDS)
        asked = time.monotonic()
        back = cluster.command("rollback") if lines[-1].step == "completed" else lines
        time.sleep(SETTLING_SECONDS)
        heard = doors.since(begun)
        case = summed(name, lines, heard, OTHER, begun, kept=True)
        fields = asdict(case) | {"seconds_to_old_traffic": old_traffic(heard, OTHER, asked), "seconds": case.seconds}
        return Case(**fields) if back is not lines else case

    return run


def _taken_back(new: str, *arguments: str) -> Run:
    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        begun = time.monotonic()
        lines = cluster.command("deploy", new, *arguments)
        time.sleep(SETTLING_SECONDS)
        return summed(name, lines, doors.since(begun), new, begun, kept=False)

    return run


def _killed(new: str, step: str, *arguments: str) -> Run:
    """The controller is killed when it says so; `resume` ends the rollout, and what has then the traffic goes back."""

    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        begun = time.monotonic()
        cluster.command("deploy", new, *arguments, kill_at=step)
        killed = time.monotonic()
        time.sleep(UNWATCHED_SECONDS[step])
        lines = cluster.command("resume")
        if lines[-1].step == "completed":
            cluster.command("rollback")
        time.sleep(SETTLING_SECONDS)
        heard = doors.since(begun)
        case = summed(name, lines, heard, new, begun, kept=True)
        back = old_traffic(heard, new, killed) if lines[-1].step != "completed" else None
        return Case(**asdict(case) | {"seconds_to_old_traffic": back})

    return run


def _loaded(cluster: Cluster, doors: Doors, name: str) -> Case:
    """To the other release and back by two rollouts, as often as the time allows, at least once."""
    begun = time.monotonic()
    lines: list[Line] = []
    while not lines or time.monotonic() - begun < LOADED_SECONDS:
        for new in (OTHER, LIVE):
            lines += cluster.command("deploy", new, *BRIEF)
            if lines[-1].step != "completed":
                return summed(name, lines, doors.since(begun), new, begun, kept=True)
    return summed(name, lines, doors.since(begun), OTHER, begun, kept=True)


BRIEF = ("--bake", "10", "--slower", "10")
"""SFace takes more than twice as long as dlib's ResNet on most processors, and is no fault here."""

UNWATCHED_SECONDS = {"preparing": 2.0, "deploying": 2.0, "validating": 2.0, "switching": 40.0, "rolling_back": 2.0}
"""How long nobody drives the rollout after the kill; once traffic moves, longer than its lease."""

CANARY = ("--steps", "1,5,25,50,100", "--hold", "5", "--requests", "10", "--most", "60")
CASES: tuple[tuple[str, int, float, Run], ...] = (
    ("deploy", DOORS, EVERY_SECONDS, _deployed("deploy", OTHER, *BRIEF)),
    ("canary to 100 %", DOORS, EVERY_SECONDS, _deployed("canary", OTHER, *CANARY, *BRIEF)),
    ("fails its constructor", DOORS, EVERY_SECONDS, _taken_back("no-constructor")),
    ("fails its constructor in a replica", DOORS, EVERY_SECONDS, _taken_back("not-in-a-replica")),
    ("fails its health check after 3 s", DOORS, EVERY_SECONDS, _taken_back("fails-soon")),
    ("fails after 30 s, with the traffic", DOORS, EVERY_SECONDS, _taken_back("fails-later")),
    ("5 times slower", DOORS, EVERY_SECONDS, _taken_back("slow")),
    ("wrong names", DOORS, EVERY_SECONDS, _taken_back("wrong-names")),
    ("another space under the same name", DOORS, EVERY_SECONDS, _taken_back("mislabelled", *BRIEF)),
    ("leaks", DOORS, EVERY_SECONDS, _taken_back("leaks")),
    *(
        (f"SIGKILL while {step}", DOORS, EVERY_SECONDS, _killed("sound", step, "--bake", "10"))
        for step in ("preparing", "deploying", "validating", "switching")
    ),
    ("SIGKILL while rolling_back", DOORS, EVERY_SECONDS, _killed("wrong-names", "rolling_back")),
    ("10 users, deploys back and forth", LOADED_USERS, 1.0, _loaded),
)


def pack_all(cluster: Cluster) -> None:
    """The releases of the cases. Raises MeasurementFailed."""
    cluster.pack(OTHER, "--recipe", "yunet-sface")
    cluster.pack("sound", "--from", LIVE, "--long-side", "416")
    cluster.pack("wrong-names", "--from", LIVE, "--threshold", "2", "--margin", "0")
    cluster.pack("mislabelled", "--recipe", "yunet-sface", "--space", "dlib-resnet-v1")
    for name, engine in FAULTY.items():
        cluster.pack(name, "--from", LIVE, "--engine", f"{ENGINES}:{engine}")


FAULTY = {
    name.replace("_", "-"): name
    for name in ("no_constructor", "not_in_a_replica", "fails_soon", "fails_later", "slow", "leaks")
}
