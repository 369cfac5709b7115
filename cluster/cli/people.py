"""`doorbell people list|erase`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backup.errors import BackupError
from cluster.cli import backed_up
from cluster.cli.access import DEFAULT_URL, NoAnswer, client, detail
from cluster.cli.keys import AsJson
from cluster.cli.left import gone_from_left
from cluster.security.api_keys import Scope
from serve_apps.settings import Settings, load

app = typer.Typer(help="Who is enrolled; 'doorbell enroll' adds somebody.", no_args_is_help=True)
Url = Annotated[str, typer.Option(envvar="DOORBELL_API_URL", help="The cluster's address.")]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the keyring, or one that was left, and whether it is known not to open that person; else `reason`."""

    place: str
    confirmed: bool
    reason: str = ""


@app.command("list")
def list_people(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Everybody, with standing and id."""
    with client(url, frozenset({Scope.PEOPLE})) as api:
        people = _asked(api, "GET", "/api/v1/recognition/people")["people"]
    if as_json:
        print(json.dumps(people))
        return
    table = Table("name", "standing", "id", box=box.SIMPLE)
    for person in people:
        table.add_row(escape(person["name"]), person["standing"], person["id"])
    Console().print(table)


@app.command()
def erase(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As listed.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> int:
    """Erase a person here and in every snapshot: the key is destroyed, in the keyring's copies too.

    And in what a restore or a drill has left. Status 1 when one of these places could not be reached: what is sealed
    for that person can be read with it until it is.
    """
    with client(url, frozenset({Scope.PEOPLE})) as api:
        _asked(api, "DELETE", f"/api/v1/recognition/subjects/{quote(name, safe='')}")
    settings = load()
    copies = [*renewed(settings), *(Copy(place, not reason, reason) for place, reason in gone_from_left(settings))]
    if as_json:
        print(json.dumps({"erased": name, "keyring_copies": [asdict(copy) for copy in copies]}))
    else:
        print(f"{name} is erased")
        for copy in copies:
            print(f"{copy.place}: " + ("the key is gone there, too" if copy.confirmed else f"NOT gone: {copy.reason}"))
    return 0 if all(copy.confirmed for copy in copies) else 1


def renewed(settings: Settings) -> list[Copy]:
    """Each copy of the keyring, written again from the present one; none where no snapshots are taken."""
    if not settings.backup_url:
        return []
    try:
        places = list(backed_up.keyring_copies(settings))
    except BackupError as error:
        return [Copy(settings.backup_keyring_url, confirmed=False, reason=str(error))]
    copies = []
    for place, renew in places:
        try:
            renew()
            copies.append(Copy(place, confirmed=True))
        except BackupError as error:
            copies.append(
                Copy(place, confirmed=False, reason=f"{error}; run 'doorbell backup snapshot' when it answers")
            )
    return copies


def _asked(api: httpx.Client, method: str, path: str) -> dict[str, Any]:
    """Raises NoAnswer, also for what the cluster refuses."""
    try:
        answer = api.request(method, path)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{api.base_url} does not answer ({error}); is 'doorbell up' running?") from error
    if not answer.is_success:
        raise NoAnswer(detail(answer))
    found: dict[str, Any] = answer.json()
    return found
