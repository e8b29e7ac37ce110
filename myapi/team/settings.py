"""The team's own settings, as read at the start."""

from typing import TypeVar

from myapi import extensions
from myapi.settings import AppSettings

S = TypeVar("S", bound=AppSettings)


def settings(of: type[S]) -> S:
    """Return the settings of a class that the `Extension` names: `settings(Settings).notes_max`."""
    for each in extensions.settings().own:
        if type(each) is of:
            return each
    raise LookupError(f"{of.__qualname__} is not in settings= of the Extension")
