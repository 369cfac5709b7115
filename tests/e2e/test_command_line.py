"""What a person gets who types something wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.preflight import CannotStart, check_memory
from tests.in_process import in_this_process


def doorbell(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster.cli.main", *arguments]
    variables = os.environ | {"DOORBELL_DATA": str(data)} | environment
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("doorbell: ")
    return done.stderr


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} is taken" in complaint(doorbell(tmp_path, "up", "--port", str(port)))


def test_too_little_memory_is_one_clear_line() -> None:
    with pytest.raises(CannotStart, match=r"0\.5 GiB of memory are available, 2 are needed"):
        check_memory(available=512 * 1024**2)


def test_a_missing_python_module_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'ray'\", name='ray')")
    done = doorbell(tmp_path / "data", "up", PYTHONPATH=str(tmp_path))
    assert "'ray' is missing; run 'make install'" in done.stderr.splitlines()[-1]
    assert done.returncode == 2


def test_a_misspelt_option_and_a_misspelt_setting_are_named(tmp_path: Path) -> None:
    assert "--ports" in complaint(in_this_process(tmp_path, "up", "--ports", "1"))
    said = complaint(in_this_process(tmp_path, "keys", "list", DOORBELL_MAX_WATING="5"))
    assert "did you mean DOORBELL_MAX_WAITING" in said


def test_an_unknown_key_cannot_be_revoked(tmp_path: Path) -> None:
    assert "no key has the id abc" in complaint(in_this_process(tmp_path, "keys", "revoke", "abc"))


def test_enrolling_without_a_cluster_says_that_none_answers(tmp_path: Path) -> None:
    photo = Path(__file__).parents[2] / "samples" / "photos" / "resident-1.jpg"
    done = in_this_process(tmp_path, "enroll", "Ada", str(photo), "--url", "http://127.0.0.1:9")
    assert "is 'doorbell up' running?" in complaint(done)


def test_a_database_url_of_another_kind_is_one_clear_line(tmp_path: Path) -> None:
    assert "database URL" in complaint(in_this_process(tmp_path, "keys", "list", DOORBELL_DATABASE_URL="mysql://x/y"))


def test_a_damaged_notices_file_is_one_clear_line_without_its_secrets(tmp_path: Path) -> None:
    notices = tmp_path / "notices.yaml"
    notices.write_text("recipients: {family: 'tgram://secret-token/1'}\nrule: []\n")
    said = complaint(doorbell(tmp_path, "up", DOORBELL_NOTICES_FILE=str(notices)))
    assert "rule" in said
    assert "secret-token" not in said


@pytest.mark.parametrize("port", ["99999", "-5", "x"])
def test_an_impossible_port_is_one_clear_line(tmp_path: Path, port: str) -> None:
    assert "--port" in complaint(in_this_process(tmp_path, "up", "--port", port))


def test_two_equal_ports_are_one_clear_line(tmp_path: Path) -> None:
    assert "the same" in complaint(doorbell(tmp_path, "up", "--port", "18999", "--stats-port", "18999"))


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/etc/passwd", "/tmp/" + "x" * 300, "/tmp/a?b"])
def test_an_impossible_data_folder_is_one_clear_line(folder: str) -> None:
    complaint(doorbell(Path(folder), "up"))


def test_a_keyring_in_the_database_it_protects_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/one.db"
    said = complaint(in_this_process(tmp_path, "keys", "list", DOORBELL_DATABASE_URL=url, DOORBELL_KEYRING_URL=url))
    assert "another database" in said


def test_a_key_with_brackets_in_its_name_can_be_listed_with_its_whole_id(tmp_path: Path) -> None:
    key = in_this_process(tmp_path, "keys", "create", "[/x]", "--scope", "frames").stdout.strip()
    assert key.split("_")[1] in in_this_process(tmp_path, "keys", "list", COLUMNS="80").stdout


def test_what_is_made_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    doorbell(tmp_path, "keys", "list")
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cluster.cli.main", "keys", "list"]
    variables = os.environ | {"DOORBELL_DATA": str(tmp_path)}
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
        assert asked.stdout is not None
        assert asked.stderr is not None
        asked.stdout.close()
        assert asked.stderr.read() == b""
    assert asked.returncode == 1
