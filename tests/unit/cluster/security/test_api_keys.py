from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.security.api_keys import (
    NEW_KEY_SECONDS,
    KeyCheck,
    KeyStore,
    KeysUnavailable,
    Scope,
    UnknownKey,
    id_of,
    keys,
    metadata,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FRAMES = frozenset({Scope.FRAMES})


class Clock:
    """Monotonic seconds that pass only when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def database(tmp_path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/keys.db")
    metadata.create_all(engine)
    return engine


@pytest.fixture
def store(database: sa.Engine) -> KeyStore:
    return KeyStore(database)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def check(store: KeyStore, clock: Clock) -> KeyCheck:
    return KeyCheck(store, 0.5, clock)


def test_a_key_is_told_from_its_text(store: KeyStore, check: KeyCheck) -> None:
    key = check(store.create("front door", FRAMES, NOW), NOW)

    assert key is not None
    assert (key.name, key.created_at) == ("front door", NOW)
    assert key.allows(Scope.FRAMES)
    assert not key.allows(Scope.PEOPLE)


def test_an_admin_key_may_do_everything(store: KeyStore, check: KeyCheck) -> None:
    key = check(store.create("me", frozenset({Scope.ADMIN}), NOW), NOW)

    assert key is not None
    assert all(key.allows(scope) for scope in Scope)


def test_the_database_holds_a_hash_and_never_the_secret(store: KeyStore, database: sa.Engine, tmp_path: Path) -> None:
    text = store.create("front door", FRAMES, NOW)
    secret = text.split("_", 2)[2]

    with database.connect() as connection:
        row = connection.execute(sa.select(keys)).one()
    database.dispose()

    assert len(row.secret_sha256) == 64
    assert secret not in str(row)
    assert not any(secret.encode() in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "spoil", [lambda k: k[:-1] + ("A" if k[-1] != "A" else "B"), lambda k: k[:-1], lambda k: k + "A"]
)
def test_a_wrong_secret_opens_nothing(store: KeyStore, check: KeyCheck, spoil) -> None:
    assert check(spoil(store.create("front door", FRAMES, NOW)), NOW) is None


@pytest.mark.parametrize("presented", ["", "db_", "nonsense", "db_0123456789ab_" + "A" * 43, "dß_ﬀ" * 9])
def test_what_is_no_key_of_ours_opens_nothing(check: KeyCheck, presented: str) -> None:
    assert check(presented, NOW) is None


def test_the_secret_of_one_key_does_not_open_another(store: KeyStore, check: KeyCheck) -> None:
    first, second = (store.create(name, FRAMES, NOW).split("_", 2) for name in ("a", "b"))

    assert check(f"db_{first[1]}_{second[2]}", NOW) is None


def test_a_revoked_key_is_refused_once_the_snapshot_is_renewed(store: KeyStore, check: KeyCheck, clock: Clock) -> None:
    text = store.create("front door", FRAMES, NOW)
    key = check(text, NOW)
    store.revoke(key.id, NOW)

    clock.seconds += 0.5
    assert check(text, NOW) is not None
    clock.seconds += 0.01
    assert check(text, NOW) is None


def test_revoking_again_keeps_the_first_moment(store: KeyStore) -> None:
    store.create("front door", FRAMES, NOW)
    (key,) = store.all()
    store.revoke(key.id, NOW)
    store.revoke(key.id, NOW + timedelta(days=1))

    assert store.all()[0].revoked_at == NOW


def test_revoking_what_does_not_exist_is_said(store: KeyStore) -> None:
    with pytest.raises(UnknownKey):
        store.revoke("0123456789ab", NOW)


def test_a_key_ends_at_its_end(store: KeyStore, check: KeyCheck) -> None:
    text = store.create("for a week", FRAMES, NOW, NOW + timedelta(days=7))

    assert check(text, NOW + timedelta(days=7, seconds=-1)) is not None
    assert check(text, NOW + timedelta(days=7)) is None


def test_a_new_key_works_within_moments_of_a_fresh_snapshot(store: KeyStore, check: KeyCheck, clock: Clock) -> None:
    check(store.create("old", FRAMES, NOW), NOW)
    text = store.create("new", FRAMES, NOW)

    assert check(text, NOW) is None
    clock.seconds += NEW_KEY_SECONDS + 0.001
    assert check(text, NOW) is not None


def test_within_its_age_a_snapshot_answers_without_the_database(
    store: KeyStore, check: KeyCheck, clock: Clock, database: sa.Engine
) -> None:
    text = store.create("front door", FRAMES, NOW)
    assert check(text, NOW) is not None
    with database.begin() as connection:
        keys.drop(connection)

    clock.seconds += 0.5
    assert check(text, NOW) is not None


def test_without_the_database_an_old_snapshot_lets_nobody_in(
    store: KeyStore, check: KeyCheck, clock: Clock, database: sa.Engine
) -> None:
    text = store.create("front door", FRAMES, NOW)
    check(text, NOW)
    with database.begin() as connection:
        keys.drop(connection)

    clock.seconds += 0.51
    with pytest.raises(KeysUnavailable):
        check(text, NOW)


def test_keys_are_listed_the_oldest_first(store: KeyStore) -> None:
    for days, name in ((2, "second"), (1, "first")):
        store.create(name, FRAMES, NOW + timedelta(days=days))

    assert [key.name for key in store.all()] == ["first", "second"]


def test_of_keys_that_are_refused_those_that_were_right_once_are_known(store: KeyStore, check: KeyCheck) -> None:
    revoked = store.create("front door", FRAMES, NOW)
    store.revoke(id_of(revoked), NOW)
    ended = store.create("for a day", FRAMES, NOW, NOW + timedelta(days=1))
    wrong = f"db_{id_of(revoked)}_{'x' * 43}"

    refused = [given for given in (revoked, ended, wrong, "nonsense") if check(given, NOW + timedelta(days=2)) is None]

    assert [check.has_ended(given) for given in refused] == [True, True, False, False]
