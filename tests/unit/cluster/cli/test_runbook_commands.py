"""Runbooks name commands and options that there are; those of a disaster are run as a whole by tests/e2e."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from cluster.cli import commands
from edge.cli import app as edge

RUNBOOKS = Path(__file__).parents[4] / "docs" / "runbooks"
PROGRAMS = {"doorbell": get_command(commands.app()), "doorbell-edge": get_command(edge)}


def written() -> Iterator[tuple[str, list[str]]]:
    for file in sorted(RUNBOOKS.glob("*.md")):
        for line in re.findall(r"^ {4,}(.*)", file.read_text(), re.MULTILINE):
            for part in re.split(r"\|\||&&|\||;|<|>", line):
                words = shlex.split(part, comments=True)
                while words and "=" in words[0]:
                    del words[0]
                if words and words[0] in PROGRAMS:
                    yield file.stem, words


@pytest.mark.parametrize(("runbook", "words"), [pytest.param(*each, id=" ".join(each[1])) for each in written()])
def test_a_command_of_a_runbook_is_one_that_there_is(runbook: str, words: list[str]) -> None:
    command, rest = PROGRAMS[words[0]], words[1:]
    while rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    assert rest[:1] == [] or rest[0].startswith("-") or not getattr(command, "commands", {}), f"{runbook}: {words}"
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    assert {word for word in rest if word.startswith("--")} <= known, f"{runbook}: {words}"
