from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from serve_apps.watch import machine
from tests.noted import Noted


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_the_first_end_of_a_chain_counts(authority: trustme.CA, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    issued = authority.issue_cert("doorbell.example")
    chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems) + authority.cert_pem.bytes())

    assert machine.first_end(chain) > 1_700_000_000


def test_a_file_that_is_no_certificate_has_ended(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    noted = Noted()

    machine.certificates([tmp_path / "key.pem", tmp_path / "none.pem"], noted)

    assert set(noted.gauges.values()) == {0.0}
    assert len(noted.gauges) == 2


def test_disks_are_shown_by_the_place_that_was_asked_for(tmp_path: Path) -> None:
    noted = Noted()
    machine.disks(machine.mounts(tmp_path), noted)

    assert 0 < noted.gauges["system_disk_usage_percent", str(tmp_path)] <= 100
    assert noted.gauges["system_disk_free_bytes", "/"] > 0
