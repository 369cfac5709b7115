"""The autoscaling policy of a Serve config, checked: Serve hands its settings on to the controller as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from autoscaling.scaling import BadScaling, Scaling
from cluster.deployment.import_paths import why_not
from cluster.deployment.nearest import Found, Place, no_such_key

POLICY = ("autoscaling_config", "policy")
OURS = "autoscaling.serve_adapter:"


def policy_problems(policy: Mapping[str, Any], place: Place) -> Found:
    """Of its function, which has to be there, and of our own policy's settings."""
    function, settings = policy.get("policy_function"), policy.get("policy_kwargs") or {}
    if not isinstance(function, str):
        return
    if reason := why_not(function):
        yield (*place, "policy_function"), f"{function}: {reason}"
    elif function.startswith(OURS) and isinstance(settings, Mapping):
        yield from _settings(settings, (*place, "policy_kwargs"))


def _settings(settings: Mapping[str, Any], place: Place) -> Found:
    known = {field.name for field in fields(Scaling)}
    for key, value in settings.items():
        if key not in known:
            yield (*place, str(key)), no_such_key(key, known)
            continue
        try:
            Scaling(**{key: value})
        except BadScaling as error:
            yield (*place, key), str(error).removeprefix(f"{key} ")
