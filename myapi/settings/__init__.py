"""All settings of the service: declared in one place, read once, and checked together."""

from myapi.settings.declaration import (
    INSTANCE,
    ROOT,
    SANDBOX_APPID,
    Settings,
    unknown_variables,
    variables,
)
from myapi.settings.environment import SettingsError, variable

__all__ = [
    "INSTANCE",
    "ROOT",
    "SANDBOX_APPID",
    "Settings",
    "SettingsError",
    "unknown_variables",
    "variable",
    "variables",
]
