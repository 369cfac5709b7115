"""How a box gets its own key: a one-time code, shown on the cluster, is exchanged for it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import EnrolmentFailed, TryLater
from edge.upload.addresses import Addresses
from edge.upload.connection import Answer, Connection
from edge.upload.key_file import new_key_file
from edge.upload.tls import tls_for

_CREATED = 201
_WAYS_OUT = {
    400: ("the cluster does not take this for a code", "copy it again, in one piece"),
    404: ("the cluster does not know this code, or no codes at all", "copy it again, and check the address"),
    409: ("this code was used already", "have a new one made on the cluster"),
    410: ("this code was used already or is too old", "have a new one made on the cluster"),
    422: ("the cluster does not take this for a code", "copy it again, in one piece"),
    429: ("too many codes were tried", "wait a minute and try again"),
}


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A box as the cluster knows it from now on."""

    device_id: str
    name: str
    key: str = field(repr=False)


def enrol(connection: Connection, code: str) -> Enrolled:
    """Exchange a code for a key. Raises EnrolmentFailed; neither code nor key is ever quoted."""
    body = json.dumps({"code": code.strip()}).encode()
    try:
        answer = connection.ask("POST", "/api/v1/devices", {"Content-Type": "application/json"}, lambda: body)
    except TryLater as failure:
        what = f"{failure.problem['title']}: {failure.problem['detail']}"
        raise EnrolmentFailed(what, "check the address and the network") from failure
    if answer.status != _CREATED:
        what, way_out = _WAYS_OUT.get(answer.status, (f"the answer was {answer.status}", "is this the gateway?"))
        raise EnrolmentFailed(what, way_out)
    return _enrolled(answer)


def enrol_into(
    file: Path,
    url: str,
    code: str,
    *,
    replace: bool = False,
    ca_file: Path | None = None,
    certificate_file: Path | None = None,
    certificate_key_file: Path | None = None,
    timeout_s: float = 10.0,
) -> str:
    """Enrol this box, keep its key in a file that only its owner may read, and return the name it was given.

    The file is made ready before the code is used up. Raises EnrolmentFailed, KeyUnusable, SettingsInvalid.
    """
    addresses = Addresses((url,))
    tls = tls_for(addresses, ca_file, certificate_file, certificate_key_file)
    with (
        new_key_file(file, replace=replace) as key_file,
        closing(Connection(addresses, tls, timeout_s=timeout_s)) as connection,
    ):
        enrolled = enrol(connection, code)
        key_file.keep(enrolled.key)
    return enrolled.name


def _enrolled(answer: Answer) -> Enrolled:
    body = answer.json
    told = [str(body.get(name) or "") for name in ("id", "name", "key")] if isinstance(body, dict) else ["", "", ""]
    if not all(each.isprintable() and each for each in told) or not told[2].isascii():
        raise EnrolmentFailed("the answer holds no key", "is this the gateway?")
    return Enrolled(*told)
