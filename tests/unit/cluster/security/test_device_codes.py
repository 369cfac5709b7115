from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.security.device_codes import CodeNotValid, DeviceCodes, codes, metadata

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def database(tmp_path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/codes.db")
    metadata.create_all(engine)
    return engine


@pytest.fixture
def issued(database: sa.Engine) -> DeviceCodes:
    return DeviceCodes(database)


def test_a_code_has_four_groups_without_letters_that_look_like_digits(issued: DeviceCodes) -> None:
    made = [issued.issue("porch", NOW, LATER) for _ in range(50)]

    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code) for code in made)
    assert len(set(made)) == 50


def test_the_database_holds_a_hash_and_never_the_code(issued: DeviceCodes, database: sa.Engine, tmp_path: Path) -> None:
    code = issued.issue("porch", NOW, LATER)
    database.dispose()

    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert code.encode() not in kept
    assert code.replace("-", "").encode() not in kept


@pytest.mark.parametrize("typed", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_dashes_spaces_and_case_do_not_matter(issued: DeviceCodes, typed) -> None:
    assert issued.redeem(typed(issued.issue("porch", NOW, LATER)), NOW).name == "porch"


@pytest.mark.parametrize("typed", ["", "porch", "0" * 15, "0" * 17, "U" * 16, "\u0660" * 16, "\0" * 16])
def test_what_is_no_code_is_not_valid(issued: DeviceCodes, typed: str) -> None:
    with pytest.raises(CodeNotValid):
        issued.redeem(typed, NOW)


def test_a_code_past_its_end_is_forgotten_with_the_next_one(issued: DeviceCodes, database: sa.Engine) -> None:
    issued.issue("old", NOW, LATER)
    issued.issue("new", LATER, LATER + timedelta(hours=1))

    with database.connect() as connection:
        assert [row.name for row in connection.execute(sa.select(codes))] == ["new"]


def test_the_key_is_not_shown_by_accident(issued: DeviceCodes) -> None:
    device = issued.redeem(issued.issue("porch", NOW, LATER), NOW)

    assert device.key not in repr(device)
