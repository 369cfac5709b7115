"""Who is told of which event: pure decisions over a file that the household writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from serve_apps.events.event import Event
from serve_apps.faces import Verdict

LOG = "log"
"""The recipient that is always there: the notices' own log file."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Tell `recipients` of events that fit; an empty tuple fits any. Cameras are shell patterns, people are names."""

    recipients: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()
    cameras: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    def fits(self, event: Event) -> bool:
        """Whether this rule speaks of the event."""
        return (
            (not self.verdicts or event.verdict in self.verdicts)
            and (not self.cameras or any(fnmatchcase(event.camera_id, pattern) for pattern in self.cameras))
            and (not self.people or not set(self.people).isdisjoint(event.names.values()))
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, and the apprise URL of each recipient; `log` needs none. URLs are secrets: never in a repr."""

    rules: tuple[Rule, ...] = (Rule((LOG,), (Verdict.KNOWN, Verdict.UNKNOWN, Verdict.BLACKLISTED)),)
    urls: dict[str, str] = field(default_factory=dict, repr=False)
    resend: frozenset[str] = frozenset()
    """Recipients that drop a repeated notice themselves, so one whose fate is unknown may be sent again."""

    def recipients(self, event: Event) -> tuple[str, ...]:
        """Everybody who is told of this event, each once, in the rules' order."""
        return tuple(dict.fromkeys(name for rule in self.rules if rule.fits(event) for name in rule.recipients))


def message(event: Event) -> tuple[str, str]:
    """Title and text of an event's notice."""
    names = sorted(event.names.values())
    who = {
        Verdict.KNOWN: ", ".join(names) or "Somebody known",
        Verdict.UNKNOWN: "Somebody unknown" + (f" with {', '.join(names)}" if names else ""),
        Verdict.BLACKLISTED: "Blacklisted: " + (", ".join(names) or "somebody who was removed since"),
        Verdict.NO_FACE: "Somebody without a visible face",
    }[event.verdict]
    title = f"{who} at {event.camera_id}"
    when = event.captured_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return title, f"{title}, {when} ({event.trigger.value}). Event {event.id}."
