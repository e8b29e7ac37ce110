"""A team's own settings: `APP_…`, declared in `app/`, read and checked together with `MYAPI_…`.

@dataclass(frozen=True)
class Settings(AppSettings):
    notes_max: int = setting(100, integer(1, 10_000))  # APP_NOTES_MAX
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from myapi.settings.environment import APP_PREFIX, declared, parse, variable

S = TypeVar("S", bound="AppSettings")


@dataclass(frozen=True)
class AppSettings:
    """What a class of own settings inherits. It is a frozen dataclass, each field a `setting`.

    A `__post_init__` may raise ValueError for values that are valid alone but not together: its
    text is listed with the other problems.
    """


def read_own(of: type[S], found: Mapping[str, str], problems: list[str]) -> list[S]:
    """Return the settings of a class in a list; append what is wrong to `problems`."""
    before = len(problems)
    values = dict(parse(declared(of), found, problems, APP_PREFIX))
    if len(problems) > before:
        return []
    try:
        return [of(**values)]
    except ValueError as error:
        problems.append(str(error))
        return []


def own_variables(own: Sequence[type[AppSettings]]) -> dict[str, bool]:
    """Return the variables of classes of own settings, and whether each is a secret."""
    return {
        variable(field.name, APP_PREFIX): field.metadata["secret"]
        for each in own
        for field in declared(each)
    }
