"""The notices file: YAML, checked strictly, read again when it changes.

recipients:
  family: mailto://…            # any apprise URL
  porter: {url_file: /run/secrets/porter, when_uncertain: resend}
rules:
  - notify: [family]
    verdicts: [unknown, blacklisted]
    cameras: ["front-*"]
    people: ["Aunt"]
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from serve_apps.faces import Verdict
from serve_apps.notifications.rules import LOG, Rule, Rules

log = logging.getLogger(__name__)


class NoticesFileError(Exception):
    """The notices file cannot be used."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Recipient(_Strict):
    url: str | None = None
    url_file: Path | None = None
    when_uncertain: Literal["hold", "resend"] = "hold"

    @model_validator(mode="before")
    @classmethod
    def a_url_alone(cls, given: Any) -> Any:
        return {"url": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either url or url_file")
        return self

    def read(self) -> str:
        return self.url or (self.url_file.read_text().strip() if self.url_file else "")


class _Rule(_Strict):
    notify: Annotated[tuple[str, ...], Field(min_length=1)]
    verdicts: tuple[Verdict, ...] = ()
    cameras: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


class _File(_Strict):
    recipients: dict[Annotated[str, Field(pattern=r"^[\w.@+-]{1,100}$")], _Recipient] = {}
    rules: tuple[_Rule, ...]


def load(path: Path) -> Rules:
    """Raises NoticesFileError: one line that names the place and never shows a URL."""
    try:
        parsed = _File.model_validate(yaml.safe_load(path.read_text()))
        urls = {name: recipient.read() for name, recipient in parsed.recipients.items()}
    except OSError as error:
        raise NoticesFileError(f"{error.filename}: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NoticesFileError(f"{path}: is no YAML" + (f": see line {mark.line + 1}" if mark else "")) from None
    except ValidationError as error:
        raise NoticesFileError(f"{path}: {_first_of(error)}") from None
    except ValueError:
        raise NoticesFileError(f"{path}: is no text that YAML can be read from") from None
    unknown = {name for rule in parsed.rules for name in rule.notify} - urls.keys() - {LOG}
    if unknown:
        shown = ", ".join(sorted(_without_url(name) for name in unknown))
        raise NoticesFileError(f"{path}: rules notify {shown}, who is no recipient")
    rules = tuple(Rule(rule.notify, rule.verdicts, rule.cameras, rule.people) for rule in parsed.rules)
    resend = frozenset(name for name, value in parsed.recipients.items() if value.when_uncertain == "resend")
    return Rules(rules, urls, resend)


def _first_of(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(_without_url(str(part)) for part in first["loc"])
    return f"{place or 'the file'}: {first['msg']}"


def _without_url(text: str) -> str:
    return "(a URL)" if ":/" in text else text


class WatchedRules:
    """The rules as the file says them now; a file that became wrong keeps the last good rules and is reported."""

    def __init__(self, path: Path | None) -> None:
        """Raises NoticesFileError when the file is wrong from the start."""
        self._path = path
        self._stamp = self._stamped()
        self._rules = load(path) if path else Rules()
        self.problem: str | None = None

    def __call__(self) -> Rules:
        """The rules in force."""
        stamp = self._stamped()
        if self._path and stamp != self._stamp:
            self._stamp = stamp
            try:
                self._rules, self.problem = load(self._path), None
            except NoticesFileError as error:
                self.problem = str(error)
                log.error("notices.file_wrong, the rules before it stay in force: %s", error)
        return self._rules

    def _stamped(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if found else None
