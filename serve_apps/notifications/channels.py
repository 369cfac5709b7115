"""How a message leaves: through an apprise URL, or into the notices' log."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit


class NotDelivered(Exception):
    """The channel did not take the message; the text has no secret in it."""


class Channel(Protocol):
    """One recipient's channel."""

    def send(self, notice_id: str, title: str, text: str) -> None:
        """Raises NotDelivered."""


class AppriseChannel:
    """Any of apprise's services. Webhooks get the notice's id as `Idempotency-Key`, so they can drop a repetition."""

    def __init__(self, url: str) -> None:
        """Raises NotDelivered when apprise does not know this kind of URL."""
        # apprise names hosts and tokens in its log lines.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        self._url = url
        self._scheme = urlsplit(url).scheme or "url"
        self._service()

    def send(self, notice_id: str, title: str, text: str) -> None:
        """Raises NotDelivered."""
        service = self._service()
        headers = getattr(service, "headers", None)
        if isinstance(headers, dict):
            headers["Idempotency-Key"] = notice_id
        if not service.notify(body=text, title=title):
            raise NotDelivered(f"the {self._scheme} channel did not take it")

    def _service(self) -> Any:
        """One for each message: notices to one recipient leave from several threads, each with its own headers."""
        import apprise

        service = apprise.Apprise.instantiate(self._url, suppress_exceptions=True)
        if service is None:
            raise NotDelivered(f"apprise does not know this {self._scheme} URL")
        return service


class LogChannel:
    """One JSON line a notice, synced."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send_all(self, notices: Iterable[tuple[str, str, str]]) -> None:
        """Id, title and text of each; one sync for all of them. Raises NotDelivered."""
        lines = [json.dumps({"notice": id_, "title": title, "text": text}) + "\n" for id_, title, text in notices]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write("".join(lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotDelivered(f"{self._path}: {error.strerror}") from error

    def has(self, notice_id: str) -> bool:
        """Whether this notice was written."""
        try:
            with self._path.open() as file:
                return any(f'"{notice_id}"' in line for line in file)
        except OSError:
            return False
