from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_command

from cluster.cli import commands

WHOLE = get_command(commands.app()).commands


def test_every_command_is_told_of() -> None:
    assert WHOLE.keys() == commands.NOUNS.keys()


@pytest.mark.parametrize("noun", sorted(commands.NOUNS))
def test_a_noun_alone_has_the_commands_that_it_has_among_the_others(noun: str) -> None:
    alone = get_command(commands.app(noun)).commands

    assert list(alone) == [noun]
    assert getattr(alone[noun], "commands", {}).keys() == getattr(WHOLE[noun], "commands", {}).keys()


@pytest.mark.parametrize(
    ("noun", "heavy"),
    [("release", "ray"), ("release", "onnxruntime"), ("diagnose", "ray"), ("diagnose", "numpy"), ("logs", "ray")],
)
def test_a_command_does_not_wait_for_what_it_may_not_need(noun: str, heavy: str) -> None:
    program = f"import sys; from cluster.cli import commands; commands.app('{noun}'); print('{heavy}' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "False\n"
