"""What runs: nodes, replicas, the public address, releases, and whether the config is the one that is meant. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cluster.deployment.colours import State as Colours
from cluster.deployment.control import ApplicationDetails
from cluster.deployment.health import last_line
from cluster.deployment.rollout import Rollout
from cluster.deployment.serve_config import state_of
from cluster.health.finding import Finding, failed, ok, warning

LOGS = "read its log: doorbell logs"
ABANDONED = timedelta(minutes=2)
"""Between two controllers of a rollout. One that drives it renews its claim twice a second."""

RECENT = timedelta(hours=1)
EXPECTED_END = "Expected termination"
"""How Ray begins its word on a node that was taken away on purpose."""


def nodes(found: Sequence[Mapping[str, Any]], now: datetime) -> Finding:
    """Of the rows of Ray's state API; a node that died within the last hour, and was not meant to, is told."""
    alive = [each for each in found if each["state"] == "ALIVE"]
    dead = [each for each in found if each["state"] == "DEAD" and _died_lately(each, now)]
    said = f"{len(alive)} alive: {', '.join(sorted(each['node_ip'] for each in alive)[:8])}"
    if not any(each.get("is_head_node") for each in alive):
        return failed(f"{said}; no head among them", "docs/runbooks/head-lost.md")
    if dead:
        ips = ", ".join(f"{each['node_ip']} ({each.get('state_message') or 'no reason given'})" for each in dead[:4])
        return warning(f"{said}; died within the hour: {ips}", "see whether the machine is up; start Ray there again")
    return ok(said)


def _died_lately(node: Mapping[str, Any], now: datetime) -> bool:
    ended = node.get("end_time_ms") or 0
    lately = not ended or ended / 1000 > (now - RECENT).timestamp()
    return lately and not str(node.get("state_message") or "").startswith(EXPECTED_END)


def replicas(found: Mapping[str, ApplicationDetails]) -> Finding:
    """Every application with how many of its replicas run, of how many that Serve aims at."""
    if not found:
        return failed("Serve runs and has no application", "doorbell up, or: serve deploy serve_apps/serve.yaml")
    broken, few, said = [], [], []
    for name, application in found.items():
        running = sum(each.state == "RUNNING" for one in application.deployments for each in one.replicas)
        wanted = sum(one.target or 0 for one in application.deployments)
        said.append(f"{name} {running}/{wanted}")
        if application.status in ("DEPLOY_FAILED", "UNHEALTHY") or (wanted and not running):
            broken.append(f"{name} is {application.status}: {last_line(application)}")
        elif application.status != "RUNNING" or running < wanted:
            few.append(f"{name} is {application.status}")
    evidence = ", ".join(said)
    if broken:
        return failed(f"{evidence}; {'; '.join(broken)}", LOGS)
    return warning(f"{evidence}; {'; '.join(few)}", f"wait a minute; if it stays so, {LOGS}") if few else ok(evidence)


def public_address(status: int, detail: str, milliseconds: float) -> Finding:
    """Of what `/api/ready` answered."""
    if status == 200:
        return ok(f"ready, answered in {milliseconds:.0f} ms")
    return failed(f"not ready ({status}): {detail}", "see the part that is named; frames wait at the doors meanwhile")


def release(newest: Rollout | None, kept: Colours | None, now: datetime, *, driven: bool) -> Finding:
    """Of the newest rollout, and the state that a restart would begin with; `driven`: a controller holds the claim.

    A step may last long: a canary holds a share for up to an hour.
    """
    live = f"{kept.releases[kept.live].name} is live ({kept.live})" if kept else "the release that is shipped is live"
    if newest is None:
        return ok(f"{live}; there was no rollout")
    said = f"{live}; {newest.release}: {newest.step.value} since {newest.updated_at:%Y-%m-%d %H:%M:%S} UTC"
    if newest.step.ended:
        return ok(f"{said}, {newest.why}" if newest.why else said)
    if not driven and now - newest.updated_at > ABANDONED:
        return warning(f"{said}; nobody drives it", "doorbell release resume, or take it back: release resume --back")
    return ok(said)


def configuration(
    running: Mapping[str, Any], kept: Colours | None, switched: Rollout | None, wanted: Collection[str]
) -> Finding:
    """Whether the cluster runs what the kept state, the last rollout and the settings say.

    `switched` is the last rollout that was completed, `wanted` the applications that the settings ask for.
    """
    state = state_of(running)
    live, different = state.releases[state.live], []
    if kept is not None and kept.releases[kept.live] != live:
        different.append(f"{live.name} is live, the kept state has {kept.releases[kept.live].name}")
    if switched is not None and switched.release != live.name:
        different.append(f"{live.name} is live, the last rollout brought {switched.release}")
    if switched is not None and switched.release == live.name and live.digest not in (None, switched.digest):
        different.append(f"{live.name} runs with another content than it was rolled out with")
    names = {application["name"] for application in running["applications"]}
    different += [f"{name} is not deployed" for name in sorted(set(wanted) - names)]
    epoch = "" if state.epoch is None else f", epoch {state.epoch}"
    said = f"{len(names)} applications, {live.name} live{epoch}"
    if different:
        way = "doorbell serve config shows what runs, doorbell release status why; deploy again what is missing"
        return warning(f"{said}; {'; '.join(different)}", way)
    return ok(said)
