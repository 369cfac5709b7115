"""The rollouts that `doorbell bench release` measures: sound and faulty releases, and controllers that are killed."""

from __future__ import annotations

from benchmarks.planned import Planned
from benchmarks.release_runs import (
    BRIEF,
    LIVE,
    OTHER,
    back_and_forth,
    deployed,
    killed,
    replayed,
    rolled_back,
    taken_back,
    unseen,
)
from benchmarks.releases import Cluster, Kill, Run

ENGINES = "benchmarks.faulty_engines"
CANARY = ("--steps", "1,5,25,50,100", "--hold", "5", "--requests", "10", "--most", "60")

ENVIRONMENT = {"DOORBELL_RECENT_FRAMES_PER_MINUTE": "300"}
"""A replay takes 100 recent frames: here they are there after 20 s, at the default's 20 a minute after five minutes."""

FRAMES_SENT = 450
"""By then 100 are kept, at 20 frames a second."""

CALM = 0.4
"""Seconds between two frames of a door where controllers are killed: with less traffic a rollout is sooner over."""

QUICK = ("--prove", "1", "--bake", "1", "--slower", "10")
WATCHED = ("--prove", "1", "--bake", "8", "--slower", "10")
"""Long enough to be killed in."""

LEASE_OVER = 40.0
"""Seconds without a controller after which the lease of the weights has ended."""

DEPLOYS: tuple[Planned, ...] = (
    Planned("deploy", deployed(OTHER, "deploy", OTHER, *BRIEF)),
    Planned(
        "deploy with 100 recent frames", replayed(OTHER, FRAMES_SENT, "deploy", OTHER, *BRIEF), why="of 100 recent"
    ),
    Planned("deploy while nobody rings", unseen(OTHER, "deploy", OTHER, *BRIEF), doors=0),
    Planned("canary to 100 %", deployed(OTHER, "canary", OTHER, *CANARY, *BRIEF)),
    Planned("rollback by hand", rolled_back(LIVE, OTHER)),
    Planned("rollback to another kept release", rolled_back(LIVE, OTHER, "sound")),
)


def _refused(name: str, new: str, why: str, *arguments: str) -> Planned:
    return Planned(name, taken_back(new, *arguments), "failed", why, traffic=False)


FAULTS: tuple[Planned, ...] = (
    _refused("fails its constructor", "no-constructor", "cannot be built"),
    _refused("fails its constructor in a replica", "not-in-a-replica", "did not start"),
    _refused("fails its health check after 3 s", "fails-soon", "not well|did not start|broken|answered 5"),
    Planned(
        "fails after 30 s, with the traffic",
        taken_back("fails-later"),
        "failed",
        "not well|tries failed|broken",
        traffic=None,
    ),
    _refused("5 times slower", "slow", "frame takes"),
    _refused("wrong names", "wrong-names", "golden frames"),
    _refused("another space under the same name", "mislabelled", "recent frames", *BRIEF),
    _refused("leaks", "leaks", "grew by"),
)


def _killed(kill: Kill, moment: str = "", unwatched: float = 2.0, new: str = "sound") -> Planned:
    """A controller that goes on where it was. A release that stands by since the case before starts no replicas."""
    return Planned(
        f"SIGKILL while {kill.step}{moment}",
        killed(new, kill, unwatched, *(WATCHED if kill.step == "switching" else QUICK)),
    )


def _withdrawn(after: float, moment: str = "") -> Planned:
    run: Run = killed("wrong-names", Kill("rolling_back", after=after), 2.0, "--prove", "1")
    return Planned(f"SIGKILL while rolling_back{moment}", run, "failed", "golden frames", traffic=False, every=CALM)


KILLS: tuple[Planned, ...] = (
    _killed(Kill("preparing")),
    _killed(Kill("preparing", after=1.0), ", 1 s later"),
    _killed(Kill("deploying")),
    _killed(Kill("deploying", after=2.5), ", as replicas start", new=OTHER),
    _killed(Kill("validating")),
    _killed(Kill("validating", "in shadow", after=0.5), ", in the replay"),
    _killed(Kill("switching", after=3.0), ", taken up at once", unwatched=0.0),
    Planned(
        "SIGKILL while switching, never taken up",
        killed("sound", Kill("switching", after=3.0), LEASE_OVER, *WATCHED),
        "failed",
        "nobody watched",
        every=CALM,
    ),
    _withdrawn(0.0),
    _withdrawn(1.0, ", 1 s later"),
)

CASES: tuple[Planned, ...] = (
    *DEPLOYS,
    *FAULTS,
    *KILLS,
    # KubeRay's own gate for an upgrade has 10 users for 900 s, and allows no failure; ours runs for less.
    Planned("10 users, deploys back and forth", back_and_forth, doors=10, every=1.0),
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
