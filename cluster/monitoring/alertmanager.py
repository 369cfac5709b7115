"""Alertmanager's config: who hears of what, how soon, and what is silent because of something graver."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from cluster.monitoring import for_others
from cluster.monitoring.receivers import Receiver, Receivers, Webhook

HEAD = """\
# Made by `doorbell monitoring alertmanager`. Secrets are in the files that it names. Start it with
#   prometheus-alertmanager --config.file={file}
"""
TITLE = "{{ .CommonLabels.severity }}: {{ .CommonLabels.alertname }}{{ if eq .Status `resolved` }} is over{{ end }}"
TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}: {{ .Annotations.value }}"
    "{{ if eq .Status `resolved` }} (over){{ end }}\n{{ .Annotations.runbook }}\n{{ end }}"
)
SHORT = "{{ .CommonLabels.alertname }}: {{ (index .Alerts 0).Annotations.summary }}"

PAGE = {"group_wait": "10s", "group_interval": "1m", "repeat_interval": "1h"}
TICKET = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "12h"}
# Each kind is a group of its own: what joins a group that was told of waits for its next turn.
AT_ONCE = {
    "matchers": ['alertname="SecurityEvent"'],
    "group_by": ["alertname", "severity", "event_type", "source"],
    "group_wait": "0s",
    "group_interval": "1m",
}

OF_A_CLUSTER = (
    "NodeDown|NodeUnseen|PipelineWorkerDown|ReplicaCrashLoop|WatchSilent|WatchPartStuck|TargetDown|HighErrorRate|EdgeSilent"
    "|EdgeFleetSilent|EdgeSpoolGrowing|.*BudgetBurns|SnapshotTooOld|TelemetryLost|NoticesWaiting"
)
"""What follows from a cluster that does not answer."""

OF_A_NODE = "PipelineWorkerDown|ReplicaCrashLoop|WatchSilent|TargetDown|TelemetryLost"
INHIBITIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ('alertname="ClusterUnreachable"', f'alertname=~"{OF_A_CLUSTER}"', ()),
    ('alertname="NodeDown"', f'alertname=~"{OF_A_NODE}"', ()),
    ('alertname="CriticalCPUUsage"', 'alertname="HighCPUUsage"', ("ip",)),
    ('alertname="DiskAlmostFull"', 'alertname="DiskFullInFourHours"', ("mount_point",)),
    ('alertname="EdgeFleetSilent"', 'alertname=~"EdgeSilent|EdgeSpoolGrowing"', ()),
    ('alertname="HighErrorRate"', 'alertname="ErrorsLogged"', ()),
    # A budget burns in several windows at once, and a certificate ends for both severities.
    ('severity="page"', 'severity="ticket"', ("alertname", "objective", "file", "event_type")),
)
"""What fires, what is silent meanwhile, and the labels that must be the same on both."""


def write(folder: Path, told: Receivers) -> Path:
    """alertmanager.yml in `folder`. Raises OSError."""
    file = folder / "alertmanager.yml"
    for_others.write(folder, file, HEAD.format(file=file) + yaml.safe_dump(config(told), sort_keys=False, width=120))
    return file


def config(told: Receivers) -> dict[str, Any]:
    """alertmanager.yml."""
    groups = {name: [told.receivers[each] for each in told.tell[name]] for name in ("page", "ticket")}
    if told.escalate:
        groups["escalation"] = [told.receivers[each] for each in told.escalate.tell]
    if told.guard:
        groups["guard"] = [Receiver(webhook=told.guard)]
    return {
        "route": _route(told),
        "inhibit_rules": [
            {"source_matchers": [source], "target_matchers": [target], **({"equal": list(equal)} if equal else {})}
            for source, target, equal in INHIBITIONS
        ],
        "receivers": [_receiver(name, members) for name, members in groups.items()],
    }


def _route(told: Receivers) -> dict[str, Any]:
    """Severities that nobody has thought of go where tickets go."""
    routes: list[dict[str, Any]] = []
    if told.guard:
        guarded = {"matchers": ['doorbell_action="rollback"'], "group_wait": "0s", "group_by": ["..."]}
        routes.append({"receiver": "guard", **guarded, "continue": True})
    if told.escalate:
        # A group that has waited so long, and is neither over nor silenced, is told to others. That is an escalation.
        late = {"group_by": ["..."], "group_wait": told.escalate.after, "repeat_interval": "4h"}
        routes.append({"receiver": "escalation", "matchers": ['severity="page"'], **late, "continue": True})
    routes.append({"receiver": "page", "matchers": ['severity="page"'], **PAGE, "routes": [AT_ONCE]})
    routes.append({"receiver": "ticket", **TICKET, **AT_ONCE})
    return {"receiver": "ticket", "group_by": ["alertname", "severity"], **TICKET, "routes": routes}


def _receiver(name: str, members: Iterable[Receiver]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    for member in members:
        kind, settings = _settings(member)
        found.setdefault(f"{kind}_configs", []).append({"send_resolved": True, **settings})
    return found


def _settings(member: Receiver) -> tuple[str, dict[str, Any]]:
    """Alertmanager's name for the kind of a receiver, and its settings."""
    if member.slack:
        return "slack", {"api_url_file": str(member.slack.url_file), "channel": member.slack.channel, **_words()}
    if member.discord:  # its own kind takes a secret only in the config itself
        return "slack", {"api_url_file": str(member.discord.url_file), **_words()}
    if member.email:
        return "email", _mail(member)
    if member.pagerduty:
        return "pagerduty", {"routing_key_file": str(member.pagerduty.key_file), "description": SHORT}
    if member.sms:
        return "sns", {"phone_number": member.sms.number, "sigv4": {"region": member.sms.region}, "message": SHORT}
    assert member.webhook
    return "webhook", _webhook(member.webhook)


def _words() -> dict[str, str]:
    return {"title": TITLE, "text": TEXT}


def _mail(member: Receiver) -> dict[str, Any]:
    assert member.email
    mail = member.email
    found: dict[str, Any] = {"to": mail.to, "from": mail.sender, "smarthost": mail.smarthost}
    if mail.username:
        found |= {"auth_username": mail.username, "auth_password_file": str(mail.password_file)}
    return found | {"headers": {"subject": TITLE}, "text": TEXT, "html": ""}


def _webhook(hook: Webhook) -> dict[str, Any]:
    if hook.token_file is None:
        return {"url": hook.url}
    return {"url": hook.url, "http_config": {"authorization": {"credentials_file": str(hook.token_file)}}}
