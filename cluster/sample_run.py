"""The samples: enrol the people, let the edge agent replay the frames, show the answers as they arrive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from cluster.cli.enroll import Outcome, enrol_photo
from cluster.preflight import CannotStart
from samples.frames import FRAMES, PEOPLE, SampleFrame

CAMERA = "sample-door"
ROW = "{mark} {frame:<22} {verdict:<12} {who:<26} {distance:<12} {milliseconds:>7}"


@dataclass(frozen=True, slots=True)
class Row:
    """One answer; `distance` is of each matched face, `milliseconds` from capture to answer at the edge."""

    frame: str
    verdict: str
    who: list[str]
    distance: list[float]
    milliseconds: float | None
    as_expected: bool


def run_samples(url: str, key: str, data: Path, *, as_json: bool) -> bool:
    """Whether every frame was answered as expected. Raises CannotStart when a sample person is refused."""
    enrol_samples(url, key)
    if not as_json:
        headings = {"frame": "frame", "verdict": "verdict", "who": "who", "distance": "distance"}
        print(ROW.format(mark=" ", milliseconds="ms", **headings), flush=True)
    rows = []
    for row in _answers(url, key, data):
        rows.append(row)
        print(json.dumps(asdict(row)) if as_json else _line(row), flush=True)
    right = sum(row.as_expected for row in rows)
    if not as_json:
        print(f"{right} of {len(FRAMES)} verdicts as expected", flush=True)
    return right == len(FRAMES)


def enrol_samples(url: str, key: str) -> None:
    """The sample people; again changes nothing. Raises CannotStart when a photograph is refused."""
    with httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30) as api:
        for person, photo in ((each, path) for each in PEOPLE for path in each.paths):
            outcome = enrol_photo(api, person.name, photo, person.standing)
            if outcome.reason and not _enrolled_before(outcome):
                raise CannotStart(f"the sample photograph {photo.name} was refused: {outcome.reason}")


def _enrolled_before(outcome: Outcome) -> bool:
    """A second start finds its people again."""
    return outcome.reason == "this person has this photograph already"


def _answers(url: str, key: str, data: Path) -> Iterator[Row]:
    """Let `doorbell-edge` post the frames, and read its lines as they come."""
    with tempfile.TemporaryDirectory(prefix="frames-", dir=data) as folder:
        sent = {frame.write(Path(folder), number).name: frame for number, frame in enumerate(FRAMES, 1)}
        command = [sys.executable, "-m", "edge.cli", "replay", folder, "--gateway", url, "--camera", CAMERA, "--json"]
        environment = os.environ | {"DOORBELL_EDGE_KEY": key}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as agent:
            assert agent.stdout is not None
            for line in agent.stdout:
                answer = json.loads(line)
                yield _row(sent[answer["frame"]], answer)


def _row(sent: SampleFrame, answer: dict[str, Any]) -> Row:
    event = answer.get("event")
    if event is None:
        return Row(sent.name, answer.get("problem", {}).get("detail", "no answer"), [], [], None, as_expected=False)
    matched = [face for face in event["faces"] if face["person"]]
    who = sorted(face["person"]["name"] for face in matched)
    expected = event["verdict"] == sent.verdict and tuple(who) == sent.who
    distances = [round(face["distance"], 2) for face in matched]
    return Row(sent.name, event["verdict"], who, distances, round(answer["milliseconds"], 1), as_expected=expected)


def _line(row: Row) -> str:
    return ROW.format(
        mark=" " if row.as_expected else "!",
        frame=row.frame,
        verdict=row.verdict,
        who=", ".join(row.who) or "-",
        distance=" ".join(f"{distance:.2f}" for distance in row.distance) or "-",
        milliseconds="-" if row.milliseconds is None else f"{row.milliseconds:.1f}",
    )
