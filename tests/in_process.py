"""Commands without a process of their own."""

from __future__ import annotations

import gc
import io
import os
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from cluster.cli.main import main


def in_this_process(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`doorbell …` without the seconds that a process needs to import Ray."""
    out, err, umask = io.StringIO(), io.StringIO(), os.umask(0o077)
    with pytest.MonkeyPatch.context() as variables, redirect_stdout(out), redirect_stderr(err):
        for name, value in {"DOORBELL_DATA": str(data), **environment}.items():
            variables.setenv(name, value)
        try:
            status = _status(arguments)
        finally:
            os.umask(umask)
            gc.collect()  # its connections end with it, as those of a process
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def _status(arguments: tuple[str, ...]) -> int:
    try:
        main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    raise AssertionError("the command line ends by SystemExit")
