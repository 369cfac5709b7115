"""Student's t distribution. Pure."""

from __future__ import annotations

import math

STEPS = 1_000
MOST_DEGREES = 1_000.0
"""From here on it is the normal distribution as nearly as matters, and its tail is a little thinner."""


def upper_tail(t: float, degrees: float) -> float:
    """How likely a value above `t` is (Student, 1908), `degrees` of freedom above 0.

    With t = sqrt(degrees) * tan(angle) the density becomes a power of the cosine, which Simpson's rule integrates.
    """
    if t < 0:
        return 1.0 - upper_tail(-t, degrees)
    degrees = min(degrees, MOST_DEGREES)
    first = math.atan(t / math.sqrt(degrees))
    width = (math.pi / 2 - first) / STEPS
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(math.pi)
    heights = [math.pow(math.cos(first + width * place), degrees - 1) for place in range(STEPS)]
    heights.append(0.0 if degrees > 1 else 1.0)
    weighted = heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    return min(1.0, scale * weighted * width / 3)
