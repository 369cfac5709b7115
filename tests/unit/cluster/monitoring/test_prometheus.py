from __future__ import annotations

import json
import os
from pathlib import Path

import yaml

from cluster.monitoring import rule_files
from cluster.monitoring.prometheus import Watched, write
from tests.unit.cluster.monitoring.test_alerts import promtool

WATCHED = Watched(Path("/tmp/ray/found.json"), ["127.0.0.1:9093"], ["127.0.0.1:9101"], ["porch:9100"])


def test_prometheus_takes_what_is_written(tmp_path: Path) -> None:
    write(tmp_path, WATCHED)
    checked = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_looks_at_rays_own_list_of_nodes_and_at_the_boxes(tmp_path: Path) -> None:
    write(tmp_path, WATCHED)
    jobs = {job["job_name"]: job for job in yaml.safe_load((tmp_path / "prometheus.yml").read_text())["scrape_configs"]}
    assert jobs["ray"]["file_sd_configs"][0]["files"] == ["/tmp/ray/found.json"]
    assert json.loads((tmp_path / "edge.json").read_text()) == [{"targets": ["porch:9100"]}]


def test_all_rules_come_along(tmp_path: Path) -> None:
    write(tmp_path, WATCHED)
    assert {file.name for file in (tmp_path / "rules").iterdir()} == {file.name for file in rule_files.all_files()}


def test_runbooks_are_linked_to_where_they_are_published(tmp_path: Path) -> None:
    write(
        tmp_path,
        Watched(
            **{**{name: getattr(WATCHED, name) for name in WATCHED.__slots__}, "runbooks": "https://a.example/docs/"}
        ),
    )
    assert "runbook: https://a.example/docs/runbooks/high-cpu.md" in (tmp_path / "rules" / "cluster.yaml").read_text()
    promtool("check", "rules", str(tmp_path / "rules" / "cluster.yaml")).check_returncode()


def test_a_prometheus_that_is_another_user_can_read_all_of_it(tmp_path: Path) -> None:
    before = os.umask(0o077)  # as `doorbell` has it
    try:
        files = write(tmp_path / "etc" / "doorbell", WATCHED)
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o644}
    assert {file.parent.stat().st_mode & 0o777 for file in files} == {0o755}
