"""The rules, by Prometheus' own program."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup.meter import COUNTERS, GAUGES
from cluster.monitoring import rule_files
from cluster.monitoring.plain_names import OF_NODES
from tests.conftest import missing

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
CASES = sorted(HERE.glob("*_alerts.yaml"))
ALERTS = [file for file in rule_files.all_files() if file.parent.name == "alerts"]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        missing("promtool is not installed; on Debian: apt-get install prometheus")
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=120)


def rules(files: list[Path]) -> list[dict[str, Any]]:
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def judged() -> Iterator[tuple[str, dict[str, str], bool]]:
    """Of each case: the alert, the labels that it looks at, and whether it must fire."""
    for test in (test for file in CASES for test in yaml.safe_load(file.read_text())["tests"]):
        for case in test.get("promql_expr_test", ()):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', case["expr"]))
            if name := labels.pop("alertname", None):
                yield name, labels, bool(case["exp_samples"])
        for case in test.get("alert_rule_test", ()):
            yield case["alertname"], {}, bool(case["exp_alerts"])


@pytest.mark.parametrize("file", rule_files.all_files(), ids=lambda file: file.stem)
def test_the_rules_are_valid(file: Path) -> None:
    checked = promtool("check", "rules", str(file))
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_alerts_fire_when_they_should_and_only_then(file: Path) -> None:
    tested = promtool("test", "rules", str(file))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_no_alert_lacks_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    seen = list(judged())
    for rule in rules(ALERTS):
        of_rule = [fires for name, labels, fires in seen if name == rule["alert"] and looks_at(labels, rule["labels"])]
        assert set(of_rule) == {True, False}, f"{rule['alert']} {rule['labels']}: {of_rule}"


def looks_at(labels: dict[str, str], rule: dict[str, str]) -> bool:
    return all(rule[name] == value for name, value in labels.items() if name in rule)


def test_the_generated_files_are_what_the_objectives_and_the_metrics_make() -> None:
    for file, text in rule_files.generated().items():
        assert file.read_text() == text, f"run: python -m cluster.monitoring.rule_files ({file.name} is old)"


def test_every_metric_in_the_rules_is_one_that_is_exported_or_recorded() -> None:
    backup = {f"ray_{name}" for name in GAUGES} | {f"ray_{name}_total" for name in COUNTERS}
    recorded = {rule["record"] for rule in rules([rule_files.RECORDING])}
    known = backup | recorded | {"up"}
    for rule in rules(ALERTS):
        unknown = metrics_of(rule["expr"]) - known
        assert not unknown, f"{rule['alert']}: {unknown}"
    exported = {rule["expr"] for rule in rules([rule_files.RECORDING]) if rule["expr"].startswith("ray_")}
    assert set(OF_NODES.values()) <= exported


def metrics_of(expr: str) -> set[str]:
    """Names that are no function, no label and no keyword."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on|unless on|without) \([^)]*\)", " ", expr)
    return set(re.findall(r"\b[a-z][a-z_]{4,}\b(?! *\()|\bup\b", bare)) - {"unless", "offset", "vector"}


def test_every_alert_says_how_grave_it_is_what_was_measured_and_what_to_do() -> None:
    for rule in rules(ALERTS):
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert {"summary", "value", "runbook"} <= rule["annotations"].keys(), rule["alert"]
        assert "{{" not in rule["annotations"]["summary"], "a summary is the same for all of a group"


def test_every_runbook_that_an_alert_names_is_there_and_says_what_it_means_whether_it_is_real_and_what_to_do() -> None:
    for name in {rule["annotations"]["runbook"] for rule in rules(ALERTS)}:
        text = (ROOT / name).read_text()
        if name.endswith(("bucket-unreachable.md", "region-lost.md")):  # these begin with what is seen
            continue
        headings = re.findall(r"^## (.*)", text, re.MULTILINE)
        assert headings[:3] == ["What it means", "Is it real", "What to do"], name
        assert re.search(r"^    \S", text, re.MULTILINE), f"{name} has no command"
