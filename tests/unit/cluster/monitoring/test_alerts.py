"""The alert rules, by Prometheus' own program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from backup.meter import COUNTERS, GAUGES
from tests.conftest import missing

HERE = Path(__file__).parent
RULES = HERE.parents[3] / "cluster" / "monitoring" / "alerts" / "backup.yaml"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        missing("promtool is not installed; on Debian: apt-get install prometheus")
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=60)


def test_the_rules_are_valid_and_fire_when_they_should() -> None:
    checked = promtool("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stderr
    tested = promtool("test", "rules", str(HERE / "backup_alerts.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_metric_in_the_rules_is_one_that_we_export() -> None:
    ours = {f"ray_{name}" for name in GAUGES} | {f"ray_{name}_total" for name in COUNTERS}
    assert set(re.findall(r"\bray_\w+", RULES.read_text())) <= ours


def test_every_runbook_that_an_alert_names_is_there() -> None:
    for named in re.findall(r"runbook: (\S+)", RULES.read_text()):
        file, _, heading = named.partition("#")
        text = (RULES.parents[3] / file).read_text()
        headings = {line.strip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
        assert not heading or heading in headings
