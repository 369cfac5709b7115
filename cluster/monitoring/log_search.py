"""Lines of every node of a running cluster, through the log API of Ray's dashboard (2.60), searched by any field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from cluster.monitoring.logs import FOLDER

SECONDS = 30.0
AT_ONCE = 8
LEVELS = ("debug", "info", "warning", "error", "critical")

Line = Mapping[str, Any]

_ROTATED = re.compile(r"(?P<process>.+\.jsonl)(?:\.(?P<age>\d+))?")


class LogsUnreachable(Exception):
    """Ray's dashboard does not answer, or not to us."""


@dataclass(frozen=True, slots=True)
class Query:
    """Fields that must be as said, as text; `since` and `until` bound the time, `level` is the least."""

    fields: Mapping[str, str]
    since: datetime | None = None
    until: datetime | None = None
    level: str = "debug"

    def fits(self, line: Line) -> bool:
        """Whether the line is asked for. One without a time that can be read never is."""
        moment = moment_of(line)
        return (
            moment is not None
            and (self.since is None or moment >= self.since)
            and (self.until is None or moment < self.until)
            and _rank(line.get("level")) >= _rank(self.level)
            and all(name in line and _text(line[name]) == value for name, value in self.fields.items())
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Lines in the order of their times; `silent` are the nodes and files that gave none, with the reason."""

    lines: Sequence[Line]
    silent: Sequence[str]


class NodeLogs:
    """Asks the dashboard. `transport` stands in for the network."""

    def __init__(self, dashboard: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        # No proxy of the environment may see the token.
        self._client = httpx.Client(
            base_url=dashboard, headers=headers, timeout=SECONDS, trust_env=False, transport=transport
        )

    def __enter__(self) -> NodeLogs:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def nodes(self) -> list[str]:
        """Ids of the nodes that are alive. Raises LogsUnreachable."""
        nodes = self._asked("/api/v0/nodes", {"limit": "10000"})
        return [node["node_id"] for node in nodes if node["state"] == "ALIVE"]

    def files(self, node: str) -> list[str]:
        """Our files on a node, those of a process behind each other, its newest first. Raises LogsUnreachable."""
        by_kind = self._asked("/api/v0/logs", {"node_id": node, "glob": f"{FOLDER}/*.jsonl*"})
        return sorted((name for names in by_kind.values() for name in names), key=_age)

    def lines(self, node: str, file: str) -> Iterator[str]:
        """Every line of a file. Raises LogsUnreachable."""
        asked = {"node_id": node, "filename": file, "lines": "-1"}
        try:
            with self._client.stream("GET", "/api/v0/logs/file", params=asked) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise LogsUnreachable(f"{file} on node {node[:8]}: the dashboard answers {answer.status_code}")
                yield from answer.iter_lines()
        except httpx.HTTPError as error:
            raise LogsUnreachable(f"{file} on node {node[:8]}: {type(error).__name__}") from error

    def _asked(self, path: str, asked: Mapping[str, str]) -> Any:
        url = self._client.base_url
        try:
            answer = self._client.get(path, params=asked)
        except httpx.HTTPError as error:
            said = f"Ray's dashboard at {url} does not answer: {type(error).__name__}; give its address by --dashboard"
            raise LogsUnreachable(said) from error
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise LogsUnreachable(f"the cluster at {url} is another one: it refuses this data folder's token")
        try:
            result = answer.json()["data"]["result"]
            return result["result"] if isinstance(result, dict) and "total" in result else result
        except (ValueError, KeyError, TypeError) as error:
            raise LogsUnreachable(f"{url}{path} is not what Ray 2.60 answers: {answer.status_code}") from error


def search(logs: NodeLogs, query: Query) -> Found:
    """What fits, from all nodes. A node that does not answer is told and hides no other. Raises LogsUnreachable."""
    found: list[Line] = []
    silent: list[str] = []
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for lines, problems in threads.map(lambda node: _on_node(logs, node, query), logs.nodes()):
            found += lines
            silent += problems
    return Found(sorted(found, key=lambda line: str(line["time"])), silent)


def _on_node(logs: NodeLogs, node: str, query: Query) -> tuple[list[Line], list[str]]:
    found: list[Line] = []
    problems: list[str] = []
    try:
        files = logs.files(node)
    except LogsUnreachable as error:
        return [], [f"node {node[:8]}: {error}"]
    done: set[str] = set()
    for file in files:
        process = _process(file)
        if process in done:
            continue
        try:
            lines = list(read(logs.lines(node, file)))
        except LogsUnreachable as error:
            problems.append(str(error))
            continue
        found += [line for line in lines if query.fits(line)]
        oldest = next((moment for line in lines if (moment := moment_of(line))), None)
        if query.since is not None and oldest is not None and oldest < query.since:
            done.add(process)  # what was rotated before is older still
    return found, problems


def read(lines: Iterable[str]) -> Iterator[Line]:
    """The lines that are whole; a full disk leaves halves."""
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line


def moment_of(line: Line) -> datetime | None:
    """When it was written."""
    try:
        moment = datetime.fromisoformat(line["time"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def told(line: Line) -> str:
    """One line for people: time, level, what happened, and every other field."""
    hidden = {"time", "level", "event", "message", "exception", "logger", "pid", "node", "replica"}
    fields = " ".join(f"{name}={_shown(value)}" for name, value in line.items() if name not in hidden)
    text = _shown(line.get("message") or line.get("event", ""))
    return f"{line.get('time', '')} {line.get('level', '')!s:8} {text}  {fields}"


def _shown(value: object) -> str:
    """What is no plain text is escaped: a terminal must not obey what a log quotes."""
    text = _text(value)
    return text if text.isprintable() else json.dumps(text)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _rank(level: object) -> int:
    return LEVELS.index(level) if isinstance(level, str) and level in LEVELS else 0


def _process(file: str) -> str:
    found = _ROTATED.fullmatch(file)
    return found["process"] if found else file


def _age(file: str) -> tuple[str, int]:
    found = _ROTATED.fullmatch(file)
    return (found["process"], int(found["age"] or 0)) if found else (file, 0)
