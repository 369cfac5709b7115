"""`doorbell calibrate`."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cluster.cli.access import database
from cluster.cli.bench.output import AsJson, show
from serve_apps.settings import Settings, load

if TYPE_CHECKING:
    from benchmarks.calibration import Expected, Probes, Proposal, Rate
    from serve_apps.gallery.person import Member

CAVEATS = (
    "A stranger is estimated by each person against a gallery without them; real strangers may be more alike, and "
    "a larger gallery accepts more of them.",
    "Enrolment refuses a face within the threshold of somebody else's unless that is allowed, so that false "
    "accepts below the threshold of that time are rarely seen here.",
    "Photographs for enrolment are better than a door's: expect more false rejects at night and from afar.",
)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Everybody with a readable embedding, their names by id, and how many enrolled faces could not be read."""

    members: list[Member]
    names: dict[str, str]
    unreadable: int


def calibrate(
    far: Annotated[
        float, typer.Option(min=0, max=0.5, help="The share of strangers' faces that may be taken for somebody.")
    ] = 0.001,
    as_json: AsJson = False,
) -> int:
    """Propose threshold and margin from the gallery's own distances. Status 1 when none keeps to --far."""
    from benchmarks.calibration import probes, propose
    from serve_apps.recognition.match import MatchRules
    from serve_apps.recognition.registered import DEFAULT_RELEASE

    settings = load()
    enrolled = gallery(settings)
    found = probes([member.embeddings for member in enrolled.members])
    proposal = propose(found, far, MatchRules())
    fields = report(proposal, found, enrolled)
    show(fields, table(proposal, fields), as_json)
    if not as_json and fields["thresholds"]:
        options = " ".join(f"--{name} {value!r}" for name, value in fields["thresholds"].items())
        print(f"doorbell release pack NEW-NAME --from {DEFAULT_RELEASE} {options}")
    return 0 if proposal.chosen else 1


def gallery(settings: Settings) -> Enrolled:
    """The gallery that the settings name. Raises CannotCalibrate, KeyringError, DatabaseError."""
    from benchmarks.calibration import CannotCalibrate
    from serve_apps.app import build_gallery
    from serve_apps.recognition.engine import DLIB_SPACE

    logging.getLogger("serve_apps").addHandler(logging.NullHandler())  # unreadable faces are counted, not listed
    store = build_gallery(settings)
    database(settings)
    with store.everybody(DLIB_SPACE) as (_, _, parts):
        members = [member for part in parts for member in part]
    enrolled = len(store.faces())
    if enrolled and not members:
        raise CannotCalibrate(
            f"none of the {enrolled} enrolled faces can be read; are keyring and master key those of this database?"
        )
    unreadable = enrolled - sum(len(member.embeddings) for member in members)
    return Enrolled(members, {person.id: person.name for person in store.people()}, unreadable)


def report(proposal: Proposal, found: Probes, enrolled: Enrolled) -> dict[str, Any]:
    """What `--json` prints."""
    chosen = proposal.chosen
    rules = chosen.expected.rules if chosen else None
    sizes = [len(member.embeddings) for member in enrolled.members]
    within = sum(size * (size - 1) // 2 for size in sizes)
    names = [enrolled.names.get(member.person_id, member.person_id) for member in enrolled.members]
    nearest, farthest = int(found.other.argmin()), int(_known(found).argmax())
    return {
        **(_expected(chosen.expected) if chosen else dict.fromkeys(_expected(proposal.present))),
        "thresholds": {"threshold": rules.threshold, "margin": rules.margin} if rules else {},
        "far_target": proposal.target,
        "equal_thresholds": [chosen.needed, chosen.ceiling if chosen.ceiling < math.inf else None] if chosen else None,
        "held_back": bool(chosen and chosen.held_back),
        "present": _expected(proposal.present),
        "persons": len(sizes),
        "persons_with_two_photographs": sum(size > 1 for size in sizes),
        "photographs": sum(sizes),
        "unreadable_photographs": enrolled.unreadable,
        "pairs_within": within,
        "pairs_between": sum(sizes) * (sum(sizes) - 1) // 2 - within,
        "nearest_of_two": {
            "distance": float(found.other[nearest]),
            "persons": sorted([names[found.owners[nearest]], names[found.others[nearest]]]),
        },
        "farthest_of_one": {"distance": float(found.own[farthest]), "person": names[found.owners[farthest]]},
        "caveats": list(CAVEATS),
    }


def table(proposal: Proposal, fields: dict[str, Any]) -> Table:
    """The report for people."""
    title = f"{fields['persons']} persons, {fields['photographs']} photographs"
    shown = Table("", "proposed", "present", title=title, caption=_caption(proposal, fields), caption_justify="left")
    chosen = proposal.chosen
    for name, of in _ROWS:
        shown.add_row(name, of(chosen.expected) if chosen else "none", of(proposal.present))
    return shown


def _caption(proposal: Proposal, fields: dict[str, Any]) -> str:
    near, far = fields["nearest_of_two"], fields["farthest_of_one"]
    alone = fields["persons"] - fields["persons_with_two_photographs"]
    lines = [
        f"It rests on {fields['pairs_within']} pairs within persons and {fields['pairs_between']} between them"
        + (f"; {alone} persons have one photograph, and count as strangers only." if alone else "."),
        f"Nearest of two: {near['persons'][0]} and {near['persons'][1]}, {near['distance']:.3f}. "
        f"Farthest of one: {far['person']}, {far['distance']:.3f}.",
    ]
    if fields["unreadable_photographs"]:
        lines.append(f"{fields['unreadable_photographs']} photographs could not be read, and are left out.")
    chosen = proposal.chosen
    if chosen is None:
        lines.append(f"No rules keep to {proposal.target:g} and recognize anybody; are the nearest two one person?")
    elif chosen.ceiling < math.inf:
        lines.append(f"Every threshold from {chosen.needed:.3f} to below {chosen.ceiling:.3f} does as well on them.")
    if chosen is not None and chosen.held_back:
        lines.append("A higher threshold would recognize more of them; it takes more persons to know that it is safe.")
    return escape("\n".join([*lines, *CAVEATS]))


def _known(found: Probes) -> Any:
    import numpy as np

    return np.where(np.isfinite(found.own), found.own, -1)


def _expected(of: Expected) -> dict[str, Any]:
    rates = {"false_accept": of.false_accept, "false_reject": of.false_reject, "misidentified": of.misidentified}
    return {
        "threshold": of.rules.threshold,
        "margin": of.rules.margin,
        **{
            name: {"rate": rate.rate, "interval_95": rate.interval, "errors": rate.errors, "trials": rate.trials}
            for name, rate in rates.items()
        },
    }


def _rate(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.rate:.4f} ({low:.4f} to {high:.4f}), {rate.errors} of {rate.trials}"


_ROWS: tuple[tuple[str, Callable[[Expected], str]], ...] = (
    ("threshold", lambda of: f"{of.rules.threshold:g}"),
    ("margin", lambda of: f"{of.rules.margin:g}"),
    ("strangers accepted (95 %)", lambda of: _rate(of.false_accept)),
    ("members rejected (95 %)", lambda of: _rate(of.false_reject)),
    ("members taken for another (95 %)", lambda of: _rate(of.misidentified)),
)
