"""All settings of the service: declared in one place, read once, and checked together."""

from myapi.settings.app_settings import AppSettings
from myapi.settings.declaration import (
    APP_FOLDER,
    INSTANCE,
    ROOT,
    SANDBOX_APPID,
    Settings,
    unknown_variables,
    variables,
)
from myapi.settings.environment import SettingsError, variable

__all__ = [
    "APP_FOLDER",
    "INSTANCE",
    "ROOT",
    "SANDBOX_APPID",
    "AppSettings",
    "Settings",
    "SettingsError",
    "unknown_variables",
    "variable",
    "variables",
]
