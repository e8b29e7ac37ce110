"""Every setting of the service: declared once, read once, checked as a whole."""

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
