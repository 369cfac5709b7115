"""Which rule files there are, and what those that are generated say.

`python -m cluster.monitoring.rule_files` writes the latter.
"""

from __future__ import annotations

from pathlib import Path

from cluster.monitoring import burn_rates, objectives
from cluster.monitoring.metrics import FAMILIES
from cluster.monitoring.plain_names import plain_names
from cluster.monitoring.rules import text

HERE = Path(__file__).parent
RECORDING = HERE / "recording.yaml"
BURNING = HERE / "alerts" / "objectives.yaml"
HEAD = "Made by `python -m cluster.monitoring.rule_files` of {sources}. Do not edit."


def generated() -> dict[Path, str]:
    """The files that are made of others, and their text."""
    promised = objectives.load()
    names = HEAD.format(sources="metrics.py and slo.yaml")
    recorded = [plain_names(FAMILIES), *burn_rates.recordings(promised)]
    return {
        RECORDING: text(names, recorded),
        BURNING: text(HEAD.format(sources="slo.yaml"), burn_rates.alerts(promised)),
    }


def all_files() -> list[Path]:
    """Every rule file, also those that are written by hand."""
    return [RECORDING, *sorted((HERE / "alerts").glob("*.yaml"))]


def main() -> None:
    """Write the generated files."""
    for file, written in generated().items():
        file.write_text(written)


if __name__ == "__main__":
    main()
