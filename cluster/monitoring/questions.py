"""Questions to Prometheus over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

SECONDS = 30.0


class NoPrometheus(Exception):
    """Prometheus did not answer, or not what was asked."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and values by epoch second."""

    labels: Mapping[str, str]
    values: Mapping[float, float]


class Prometheus:
    """The one at this address. Every question raises NoPrometheus: one line."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=SECONDS, transport=transport)

    def over(self, query: str, begin: datetime, end: datetime, step_seconds: float) -> list[Series]:
        """What a query gives at each step, both ends included."""
        asked = {"query": query, "start": begin.timestamp(), "end": end.timestamp(), "step": step_seconds}
        return [_series(each, each["values"]) for each in self._result("query_range", asked)]

    def at(self, query: str, moment: datetime) -> list[Series]:
        """What a query gives at one moment."""
        return [
            _series(each, [each["value"]])
            for each in self._result("query", {"query": query, "time": moment.timestamp()})
        ]

    def _result(self, kind: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            answer = self._client.post(f"{self._url}/api/v1/{kind}", data=dict(asked))
            found = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            way_out = "start it, or give its address with DOORBELL_PROMETHEUS_URL or --prometheus"
            raise NoPrometheus(f"Prometheus at {self._url} does not answer ({error}); {way_out}") from None
        except ValueError:
            raise NoPrometheus(f"{self._url} answers {answer.status_code}, and is no Prometheus") from None
        try:
            if found["status"] != "success":
                raise NoPrometheus(f"Prometheus at {self._url} refused: {found['error']}")
            result: list[dict[str, Any]] = found["data"]["result"]
        except (KeyError, TypeError):
            raise NoPrometheus(f"{self._url} answers {answer.status_code}, and is no Prometheus") from None
        return result


def _series(found: Mapping[str, Any], values: list[list[Any]]) -> Series:
    return Series(found["metric"], {float(at): float(value) for at, value in values})
