"""A validation's report as one HTML page: no script, nothing from elsewhere. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

MOST_PICTURES = 30


@dataclass(frozen=True, slots=True)
class Detail:
    """What of a frame is biometric: the names by both releases, and a small JPEG, empty when there is none."""

    live: tuple[str, ...]
    new: tuple[str, ...]
    picture: bytes = b""


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } td, th { text-align: left; padding: .3rem .9rem .3rem 0;
border-bottom: 1px solid #ddd; vertical-align: top } .no { color: #a00 } .yes { color: #060 } img { max-width: 320px }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(report: Mapping[str, Any], details: Mapping[str, Detail], note: str) -> str:
    """`report` as `validation.as_json` gives it; `note` says why there are no pictures, where there are none."""
    title = f"{report['release']} beside {report['live']}"
    verdict = '<p class="yes">Accepted.</p>' if report["accepted"] else _found(report["found"])
    body = [verdict, _golden(report), _replay(report), _changed(report, details, note)]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><p>Validation of {escape(report['at'])}, rollout {escape(report['rollout'])}.</p>"
        f"{''.join(body)}</body></html>\n"
    )


def _found(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(each)}</li>" for each in sentences)
    return f'<div class="no"><p>Not accepted:</p><ul>{items}</ul></div>'


def _golden(report: Mapping[str, Any]) -> str:
    golden, limits = report["golden"], report["limits"]
    grown = max(golden["growth_mb"].values(), default=None)
    rows = [
        (
            "answered as expected",
            f"{golden['accuracy']:.1%} of {golden['frames']} ({golden['set']})",
            f"at least {limits['accuracy']:.1%}",
        ),
        *_latency(golden["latency_ms"], limits["slower"]),
        (
            "growth of a process",
            "not known" if grown is None else f"{grown:g} MB",
            f"at most {limits['growth_mb']:g} MB",
        ),
    ]
    wrong = [(each["frame"], f"expected {each['expected']}", f"said {each['said']}") for each in golden["wrong"]]
    return "<h2>Golden frames</h2>" + _table(rows) + (_table(wrong) if wrong else "")


def _replay(report: Mapping[str, Any]) -> str:
    replay, limits = report["replay"], report["limits"]
    if replay is None:
        return "<h2>Recent frames</h2><p>Not replayed: the golden frames had decided already.</p>"
    rows = [
        ("agreement with the live release", replay["said"], f"at least {limits['agreement']:.1%}"),
        *_latency(replay["latency_ms"], limits["slower"]),
    ]
    return "<h2>Recent frames</h2>" + _table(rows)


def _latency(latency: Mapping[str, Any], slower: float) -> list[tuple[str, str, str]]:
    def of(side: str) -> str:
        each = latency[side]
        return f"p50 {each['p50']:g} ms, p99 {each['p99']:g} ms" if each else "not known"

    return [
        ("latency of the new release", of("new"), f"p50 at most {slower:g} times the live one's"),
        ("latency of the live release", of("live"), ""),
    ]


def _changed(report: Mapping[str, Any], details: Mapping[str, Detail], note: str) -> str:
    changed = report["replay"]["changed"] if report["replay"] else []
    if not changed:
        return ""
    rows = []
    for each in changed:
        detail = details.get(each["event_id"], Detail((), ()))
        live, new = _named(each["live"], detail.live), _named(each["new"], detail.new)
        where = f"{escape(each['camera_id'])}<br>{escape(each['captured_at'])}"
        rows.append(f"<tr><td>{_picture(detail)}</td><td>{where}</td><td>live: {live}<br>new: {new}</td></tr>")
    said = f"<p>{escape(note)}</p>" if note else ""
    return f"<h2>Answered otherwise</h2>{said}<table>{''.join(rows)}</table>"


def _picture(detail: Detail) -> str:
    if not detail.picture:
        return ""
    return f'<img alt="the frame" src="data:image/jpeg;base64,{base64.b64encode(detail.picture).decode()}">'


def _named(verdict: str, names: Sequence[str]) -> str:
    return escape(f"{verdict} ({', '.join(names)})" if names else verdict)


def _table(rows: Sequence[tuple[str, str, str]]) -> str:
    cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
