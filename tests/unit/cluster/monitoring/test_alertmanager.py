"""Alertmanager's config, by its own program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.monitoring.alertmanager import INHIBITIONS, config, write
from cluster.monitoring.receivers import Receivers, ReceiversError, read
from tests.conftest import missing
from tests.unit.cluster.monitoring.test_alerts import ALERTS, rules

SECRETS = "/etc/alertmanager/secrets"
ALL = f"""
receivers:
  chat: {{slack: {{channel: "#doorbell", url_file: {SECRETS}/slack}}}}
  room: {{discord: {{url_file: {SECRETS}/discord}}}}
  mail: {{email: {{to: ops@example.org, from: door@example.org, smarthost: "mail.example.org:587",
                   username: door, password_file: {SECRETS}/smtp}}}}
  duty: {{pagerduty: {{key_file: {SECRETS}/pagerduty}}}}
  phone: {{sms: {{number: "+4930123456", region: eu-central-1}}}}
  own: {{webhook: {{url: "https://hooks.example.org/alerts", token_file: {SECRETS}/hook}}}}
tell: {{page: [duty, phone], ticket: [chat, room, own]}}
escalate: {{after: 30m, tell: [phone, mail]}}
guard: {{url: "http://127.0.0.1:8000/api/v1/alerts", token_file: {SECRETS}/guard}}
"""


@pytest.fixture
def told(tmp_path: Path) -> Receivers:
    (tmp_path / "receivers.yaml").write_text(ALL)
    return read(tmp_path / "receivers.yaml")


def amtool(*arguments: str) -> str:
    program = shutil.which("amtool")
    if program is None:
        missing("amtool is not installed; on Debian: apt-get install prometheus-alertmanager")
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_alertmanager_takes_every_kind_of_receiver(told: Receivers, tmp_path: Path) -> None:
    file = write(tmp_path, told)
    assert "4 receivers" in amtool("check-config", str(file))


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (("severity=page", "alertname=PipelineWorkerDown"), "escalation,page"),
        (("severity=page", "alertname=SecurityEvent"), "escalation,page"),
        (("severity=ticket", "alertname=EdgeSilent"), "ticket"),
        (("severity=ticket", "alertname=SecurityEvent"), "ticket"),
        (
            ("severity=page", "doorbell_action=rollback", "alertname=LowFaceRecognitionAccuracy"),
            "guard,escalation,page",
        ),
        (("alertname=SomebodyElses",), "ticket"),
    ],
)
def test_alerts_go_by_how_grave_they_are(
    told: Receivers, tmp_path: Path, labels: tuple[str, ...], receivers: str
) -> None:
    file = write(tmp_path, told)
    assert amtool("config", "routes", "test", f"--config.file={file}", *labels).strip() == receivers


def test_no_secret_is_in_the_config(told: Receivers) -> None:
    text = yaml.safe_dump(config(told))
    assert text.count(SECRETS) == 6
    for inline in ("api_url:", "routing_key:", "auth_password:", "credentials:", "secret_key:"):
        assert inline not in text


def test_what_a_rule_silences_are_alerts_that_there_are() -> None:
    names = {rule["alert"] for rule in rules(ALERTS)}
    for matcher in (each for rule in INHIBITIONS for each in rule[:2]):
        if matcher.startswith("alertname"):
            pattern = matcher.split('"')[1]
            for part in pattern.split("|"):
                assert any(re.fullmatch(part, name) for name in names), part


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tell": {"page": ["chat"]}}, "nobody hears of severity ticket"),
        ({"tell": {"page": ["chat"], "ticket": ["chta"]}}, "no receiver is called chta; there are chat"),
        ({"receivers": {"chat": {}}}, "receivers.chat: Value error, give one of slack"),
        ({"receivers": {"chat": {"sms": {"number": "0170", "region": "x"}}}}, "receivers.chat.sms.number"),
        ({"escalate": {"after": "soon", "tell": ["chat"]}}, "escalate.after"),
        ({"tel": {}}, "tel: Extra inputs"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_where(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    right = {
        "receivers": {"chat": {"webhook": {"url": "http://a.example/"}}},
        "tell": {"page": ["chat"], "ticket": ["chat"]},
    }
    (tmp_path / "receivers.yaml").write_text(yaml.safe_dump(right | change))
    with pytest.raises(ReceiversError) as found:
        read(tmp_path / "receivers.yaml")
    assert said in str(found.value)
    assert "\n" not in str(found.value)
