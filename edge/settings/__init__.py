"""The settings of a box: what may be said in its YAML file, and how that is read."""

from edge.settings.agent import EdgeSettings, GatewaySettings, HealthSettings, SpoolSettings
from edge.settings.reading import KEY_VARIABLE, read_key, read_settings

__all__ = [
    "KEY_VARIABLE",
    "EdgeSettings",
    "GatewaySettings",
    "HealthSettings",
    "SpoolSettings",
    "read_key",
    "read_settings",
]
