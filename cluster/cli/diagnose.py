"""`doorbell diagnose`: one report on everything. It must answer when little else does, so it imports little."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.health.examine import Check, examine
from cluster.health.finding import Examined, State, exit_status, failed

URL = "http://127.0.0.1:8000"
DASHBOARD = "http://127.0.0.1:8265"
SIGNS = {State.OK: "ok", State.WARNING: "WARNING", State.FAILED: "FAILED", State.UNKNOWN: "unknown"}


def diagnose(
    url: Annotated[str, typer.Option(envvar="DOORBELL_API_URL", help="The cluster's public address.")] = URL,
    dashboard: Annotated[str, typer.Option(help="Address of Ray's dashboard.")] = DASHBOARD,
    bundle: Annotated[
        Path | None, typer.Option(help="Write a tar.gz for whoever helps, without secrets and names of people.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """How everything is, in less than five seconds, whatever is dead; with evidence and what to do next.

    Status 0: all is well; 1: warnings, or a part that could not be seen; 2: something has failed.
    """
    began = time.monotonic()
    report = examine(_checks(url, dashboard))
    told = as_told(report, time.monotonic() - began)
    print(json.dumps(told) if as_json else "\n".join(lines(report)))
    if bundle is not None:
        from cluster.cli.diagnose_bundle import bundled

        said = bundled(bundle, told, lines(report), dashboard)
        if not as_json:
            print(said)
    return exit_status(report)


def as_told(report: Sequence[Examined], seconds: float) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version("doorbell-cluster"),
        "status": exit_status(report),
        "seconds": round(seconds, 2),
        "parts": [
            {
                "part": each.part,
                "state": each.finding.state.value,
                "evidence": each.finding.evidence,
                "next_step": each.finding.next_step,
                "seconds": round(each.seconds, 3),
            }
            for each in report
        ],
    }


def lines(report: Sequence[Examined]) -> list[str]:
    """For people: a line for each part, and below it what to do where there is something to do."""
    wide = max(len(each.part) for each in report)
    said = []
    for each in report:
        said.append(f"{SIGNS[each.finding.state]:<8} {each.part:<{wide}}  {each.finding.evidence}")
        if each.finding.next_step and each.finding.state is not State.OK:
            said.append(f"{'':<8} {'':<{wide}}  → {each.finding.next_step}")
    return said


def _checks(url: str, dashboard: str) -> list[Check]:
    """Settings that cannot be read are a finding too, and then the only one."""
    from serve_apps.settings import SettingsError, load

    try:
        settings = load()
    except SettingsError as error:
        finding = failed(str(error), "correct it in the environment of every process, then start anew")
        return [Check("settings", lambda: finding)]
    from cluster.cli.diagnosed import Places, checks

    return checks(settings, Places(url.rstrip("/"), dashboard.rstrip("/")))
