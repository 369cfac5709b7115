"""What is shown while a rollout runs."""

from __future__ import annotations

import json
import time

from rich.console import Console
from rich.markup import escape

from cluster.deployment.rollout import Rollout, Step

REPEATED_SECONDS = 3.0


class RolloutProgress:
    """A line for each thing that is done, and now and then one for what is seen of the traffic."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=as_json, soft_wrap=True)
        self._shown: tuple[Step, str] | None = None
        self._begun = time.monotonic()
        self._said_at = -REPEATED_SECONDS

    def __call__(self, rollout: Rollout, what: str) -> None:
        after = time.monotonic() - self._begun
        if self._shown == (rollout.step, what):
            return
        if self._as_json:
            print(json.dumps({"seconds": round(after, 1), "step": rollout.step, "said": what}), flush=True)
        elif not self._too_soon(rollout.step, after):
            self._said_at = after
            self._console.print(f"{after:6.1f} s  {rollout.step.value:<13} {escape(what)}", highlight=False)
        self._shown = rollout.step, what

    def _too_soon(self, step: Step, after: float) -> bool:
        """What is seen of the traffic changes twice a second."""
        same = self._shown is not None and self._shown[0] is step is Step.SWITCHING
        return same and after - self._said_at < REPEATED_SECONDS
