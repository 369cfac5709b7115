"""What a PromQL expression names, and the same expression as Grafana would send it."""

from __future__ import annotations

import re

WORDS = {
    *("and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"),
    *("inf", "nan", "atan2"),
}


def metrics_in(expr: str) -> set[str]:
    """The names of metrics: identifiers outside of label lists that are no function, aggregation or word."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expr)
    bare = re.sub(r"\{[^}]*\}", " ", bare)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    found = re.findall(r"(?<![\w$.])([a-zA-Z_:][\w:]*)(?!\s*\(|[\w:])", bare)
    return {name for name in found if name.lower() not in WORDS}


def as_sent(expr: str, rate_interval: str = "1m") -> str:
    """With Grafana's variables filled in: every value of each choice."""
    filled = expr.replace("$__rate_interval", rate_interval).replace("$__range", "1h")
    return re.sub(r"\$\w+", ".*", filled)
