"""How a command reaches the cluster: by HTTP, with the caller's key or one that lives as long as the command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import Engine

from backup.restore.journal import is_between
from cluster.security.api_keys import KeyStore, Scope, id_of
from serve_apps.database import DatabaseError, connect, migrate
from serve_apps.settings import Settings, load

DEFAULT_URL = "http://127.0.0.1:8000"


class NoAnswer(Exception):
    """The cluster did not answer, or answered that this cannot be."""


def database(settings: Settings | None = None) -> Engine:
    """The database that the settings name, of this version. Raises DatabaseError, SettingsError, CannotRestore."""
    settings = settings or load()
    _must_be_settled(settings.folder)
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = connect(settings.database_url)
    migrate(engine)
    try:
        _must_be_settled(settings.folder)  # a restore that began since would not wait for this connection
    except DatabaseError:
        engine.dispose()
        raise
    return engine


def _must_be_settled(folder: Path) -> None:
    if is_between(folder):
        raise DatabaseError(f"a restore is under way in {folder}, or was killed there: then 'doorbell up' ends it")


def key_store() -> KeyStore:
    """The keys in that database. Raises DatabaseError, SettingsError."""
    return KeyStore(database())


@contextmanager
def temporary_key(name: str, scopes: frozenset[Scope]) -> Iterator[str]:
    """A key of this machine's database that ends with the command, and by itself after a day."""
    store = key_store()
    now = datetime.now(UTC)
    key = store.create(name, scopes, now, now + timedelta(days=1))
    try:
        yield key
    finally:
        store.revoke(id_of(key), datetime.now(UTC))


@contextmanager
def client(url: str, scopes: frozenset[Scope]) -> Iterator[httpx.Client]:
    """A client with DOORBELL_API_KEY, or else with a temporary key. Raises NoAnswer."""
    given = os.environ.get("DOORBELL_API_KEY")
    if given and not given.isascii():
        raise NoAnswer("DOORBELL_API_KEY is no API key: it has letters that no key has")
    if given:
        with httpx.Client(base_url=url, headers={"X-API-Key": given}, timeout=30) as opened:
            yield opened
        return
    with (
        temporary_key("command line", scopes) as key,
        httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30) as opened,
    ):
        yield opened


def detail(answer: httpx.Response) -> str:
    """What a problem says, or the status where the answer is none."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"
