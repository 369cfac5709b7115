"""Who is told of alerts, and by what: the YAML that `doorbell monitoring alertmanager` takes.

Secrets are never in it, nor in what is made of it: Alertmanager reads each from a file of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Lasting = Annotated[str, Field(pattern=r"^\d+(s|m|h)$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class ReceiversError(Exception):
    """A file of receivers that cannot be used."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Slack(_Strict):
    """`url_file` has the incoming webhook's address."""

    channel: str
    url_file: Path


class Discord(_Strict):
    """`url_file` has the webhook's address with `/slack` at its end: Discord takes Slack's form there."""

    url_file: Path


class Email(_Strict):
    """By `smarthost` (HOST:PORT), with TLS."""

    to: str
    sender: str = Field(alias="from")
    smarthost: Annotated[str, Field(pattern=r"^[^:\s]+:\d+$")]
    username: str = ""
    password_file: Path | None = None


class Pagerduty(_Strict):
    """`key_file` has the integration key of Events API v2."""

    key_file: Path


class Sms(_Strict):
    """By AWS SNS, with the credentials of the machine's own role."""

    number: Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]
    region: str


class Webhook(_Strict):
    """`token_file` has a bearer token."""

    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    token_file: Path | None = None


class Receiver(_Strict):
    """Exactly one of them."""

    slack: Slack | None = None
    discord: Discord | None = None
    email: Email | None = None
    pagerduty: Pagerduty | None = None
    sms: Sms | None = None
    webhook: Webhook | None = None

    @model_validator(mode="after")
    def _one(self) -> Receiver:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"give one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def kind(self) -> str:
        """Which one."""
        return next(iter(self.model_fields_set))


class Escalation(_Strict):
    """Who is told of a page that is neither over nor silenced `after` so long."""

    after: Lasting = "30m"
    tell: Annotated[tuple[Name, ...], Field(min_length=1)]


class Receivers(_Strict):
    """`tell` says which of them hear of which severity. `guard` is the cluster itself, which takes releases back."""

    receivers: Annotated[dict[Name, Receiver], Field(min_length=1)]
    tell: dict[Literal["page", "ticket"], Annotated[tuple[Name, ...], Field(min_length=1)]]
    escalate: Escalation | None = None
    guard: Webhook | None = None

    @model_validator(mode="after")
    def _known(self) -> Receivers:
        if missing := {"page", "ticket"} - self.tell.keys():
            raise ValueError(f"tell: nobody hears of severity {', '.join(sorted(missing))}")
        named = {*(name for names in self.tell.values() for name in names), *(self.escalate or _nobody()).tell}
        if unknown := sorted(named - self.receivers.keys()):
            raise ValueError(f"no receiver is called {unknown[0]}; there are {', '.join(sorted(self.receivers))}")
        return self


def _nobody() -> Escalation:
    return Escalation.model_construct(tell=())


def read(file: Path) -> Receivers:
    """Raises ReceiversError: one line."""
    try:
        found: Any = yaml.safe_load(file.read_text())
        return Receivers.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ReceiversError(f"{file}: {place + ': ' if place else ''}{first['msg']}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ReceiversError(f"{file}: is no YAML: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise ReceiversError(f"{file}: {error.strerror}") from None
