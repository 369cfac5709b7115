"""`doorbell enroll NAME PHOTO…`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import httpx
import typer

from cluster.cli.access import DEFAULT_URL, NoAnswer, client, detail
from cluster.security.api_keys import Scope


class EnrolledAs(StrEnum):
    """The standings a person can have."""

    KNOWN = "known"
    BLACKLISTED = "blacklisted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one photograph; `reason` is None when it was taken."""

    photo: str
    face_id: str | None
    reason: str | None


def enroll(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO…", help="JPEG, PNG or WebP with one face each.")],
    standing: Annotated[EnrolledAs | None, typer.Option(help="Known, for somebody new, unless given.")] = None,
    similar: Annotated[bool, typer.Option(help="Take faces that look like somebody else's, as siblings' do.")] = False,
    url: Annotated[str, typer.Option(envvar="DOORBELL_API_URL", help="The cluster's address.")] = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Enrol photographs; each is taken, or refused with its reason. Status 1 when one was refused."""
    with client(url, frozenset({Scope.PEOPLE})) as api:
        outcomes = [enrol_photo(api, name, photo, standing, similar=similar) for photo in photos]
    for outcome in outcomes:
        if as_json:
            print(json.dumps(asdict(outcome)))
        else:
            print(f"{outcome.photo}: " + (f"refused: {outcome.reason}" if outcome.reason else "taken"))
    return 1 if any(outcome.reason for outcome in outcomes) else 0


def enrol_photo(api: httpx.Client, name: str, photo: Path, standing: str | None, *, similar: bool = False) -> Outcome:
    """Post one photograph. Raises NoAnswer when the cluster does not decide."""
    try:
        content = photo.read_bytes()
    except OSError as error:
        return Outcome(str(photo), None, error.strerror)
    asked: dict[str, str] = {"subject": name, "similar": str(similar).lower()}
    if standing is not None:
        asked["standing"] = standing
    try:
        answer = api.post("/api/v1/recognition/faces", params=asked, content=content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{api.base_url} does not answer ({error}); is 'doorbell up' running?") from error
    if answer.status_code == httpx.codes.CREATED:
        return Outcome(str(photo), answer.json()["image_id"], None)
    if answer.status_code in (401, 403, 429) or answer.is_server_error:
        raise NoAnswer(f"the photograph was not looked at: {detail(answer)}")
    return Outcome(str(photo), None, detail(answer))
