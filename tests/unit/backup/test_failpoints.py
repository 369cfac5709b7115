from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import backup
from backup.failpoints import ALL, VARIABLE

SOURCE = Path(backup.__file__).parent


def passing(wanted: str, name: str = "upload.after_put", times: int = 3) -> tuple[int, str]:
    """How a process ends that reaches this failpoint so often, and what it said on the way."""
    code = f"from backup.failpoints import reached\nfor n in range({times}): print(n, flush=True); reached({name!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], env={VARIABLE: wanted}, capture_output=True, text=True, cwd=SOURCE.parent
    )
    return done.returncode, done.stdout


def test_the_list_is_what_the_source_has() -> None:
    calls = [
        name for path in SOURCE.rglob("*.py") for name in re.findall(r'\breached\("([a-z_.]+)"\)', path.read_text())
    ]

    assert sorted(set(calls)) == list(ALL)


def test_the_named_one_ends_the_process_by_sigkill_and_no_other_does() -> None:
    assert passing("upload.after_put") == (-9, "0\n")
    assert passing("upload.before_put")[0] == 0


def test_it_may_be_the_third_time() -> None:
    assert passing("upload.after_put:3", times=5) == (-9, "0\n1\n2\n")
    assert passing("upload.after_put:3", times=2)[0] == 0
