from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.cli.devices import age, cells
from cluster.cli.main import main
from cluster.security.api_keys import KeyCheck, KeyStore
from cluster.security.device_codes import DeviceCodes
from cluster.security.devices import Device, DeviceStore, Heartbeat
from serve_apps.database import connect

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEVICE = Device(
    id="0123456789ab",
    name="porch",
    enrolled_at=NOW - timedelta(days=30),
    ended_at=None,
    last_seen=NOW - timedelta(seconds=7),
    every_seconds=30,
    clock_offset_seconds=0.4,
    report={
        "version": "0.1.0",
        "cameras": [{"id": "front", "state": "well"}, {"id": "back", "state": "frozen"}],
        "spool": {"frames": 12, "bytes": 5, "oldest_seconds": 400.0},
    },
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    return tmp_path


def doorbell(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Status, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_line_says_what_is_not_as_it_should_be() -> None:
    assert cells(DEVICE, NOW) == (
        "0123456789ab",
        "porch",
        "0.1.0",
        "7 s",
        "well",
        "back frozen",
        "12",
        "6 min",
        "",
    )


def test_a_clock_that_is_off_is_shown_from_the_devices_side() -> None:
    behind = dataclasses.replace(DEVICE, clock_offset_seconds=365 * 86_400.0)
    ahead = dataclasses.replace(DEVICE, clock_offset_seconds=-1.5)

    assert (cells(behind, NOW)[-1], cells(ahead, NOW)[-1]) == ("-365 d", "+1 s")


def test_a_device_that_never_said_anything_has_an_empty_line() -> None:
    new = dataclasses.replace(DEVICE, last_seen=None, clock_offset_seconds=None, report={})

    assert cells(new, NOW)[2:] == ("", "", "never seen", "", "", "", "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (0, "0 s"), (119.9, "119 s"), (120, "2 min"), (7_200, "2 h"), (172_800, "2 d"), (1e9, "11574 d")],
)
def test_an_age_is_said_in_its_largest_unit(seconds: float, said: str) -> None:
    assert age(seconds) == said


def test_a_device_from_its_code_to_its_end(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = doorbell(capsys, "devices", "enroll", "[porch]", "--url", "http://10.0.0.2:8000", "--json")
    made = json.loads(out)
    assert made["command"] == f"doorbell-edge enroll --gateway http://10.0.0.2:8000 --code {made['code']}"

    engine = connect(f"sqlite:///{data}/doorbell.db")
    device = DeviceCodes(engine).redeem(made["code"], datetime.now(UTC))
    DeviceStore(engine).heard(device.id, Heartbeat(DEVICE.report, datetime.now(UTC)), datetime.now(UTC))
    status, out, _ = doorbell(capsys, "devices", "list", "--json")
    assert (status, [(each["id"], each["state"]) for each in json.loads(out)]) == (0, [(device.id, "well")])
    assert device.id in doorbell(capsys, "devices", "list")[1]

    assert "can still send frames" in doorbell(capsys, "devices", "forget", device.id)[2]
    assert doorbell(capsys, "devices", "revoke", device.id)[0] == 0
    assert KeyCheck(KeyStore(engine))(device.key, datetime.now(UTC)) is None
    assert doorbell(capsys, "devices", "forget", device.id)[0] == 0
    assert json.loads(doorbell(capsys, "devices", "list", "--json")[1]) == []


@pytest.mark.parametrize("verb", ["revoke", "forget"])
def test_an_unknown_device_is_one_clear_line(data: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    status, _, said = doorbell(capsys, "devices", verb, "abc")

    assert (status, len(said.splitlines())) == (2, 1)
    assert "no device has the id abc; 'doorbell devices list' shows them" in said


def test_a_key_that_is_no_device_is_not_revoked_as_one(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(doorbell(capsys, "keys", "create", "me", "--scope", "admin", "--json")[1])

    assert doorbell(capsys, "devices", "revoke", made["id"])[0] == 2
    assert json.loads(doorbell(capsys, "keys", "list", "--json")[1])[0]["revoked_at"] is None


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb"])
def test_a_name_that_cannot_be_is_one_clear_line(data: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    status, _, said = doorbell(capsys, "devices", "enroll", name)

    assert (status, len(said.splitlines())) == (2, 1)
    assert "1 to 100 printable characters" in said


def test_the_code_is_shown_with_what_to_type(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near = doorbell(capsys, "devices", "enroll", "porch")[1]
    far = doorbell(capsys, "devices", "enroll", "porch", "--url", "https://door.example")[1]

    assert "doorbell-edge enroll --gateway https://door.example --code " in far
    assert "--url" in near
    assert "--url" not in far
