"""Autoscaling policies with a fault, for what becomes of the targets and of the other applications."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from autoscaling.policy import Observation
from autoscaling.serve_adapter import ForecastPolicy

TOLD = "policy-fails"
"""The file in the data folder."""


class FailsWhenTold(ForecastPolicy):
    """Raises RuntimeError at every look, as long as a file says so."""

    def seen(self, ctx: Any) -> Observation:
        """As the sound policy, if it is let."""
        if Path(os.environ["DOORBELL_DATA"], TOLD).exists():
            raise RuntimeError("this policy was told to fail")
        return super().seen(ctx)
