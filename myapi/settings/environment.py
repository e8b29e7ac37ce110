"""Reading settings from the environment, from `.env` and from the files of secrets.

A setting `wechat_appid` is the variable `MYAPI_WECHAT_APPID`. A secret one may stand in a file
instead, which `MYAPI_…_FILE` names.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from dotenv import dotenv_values

PREFIX = "MYAPI_"

T = TypeVar("T")


class SettingsError(click.ClickException):
    """The settings cannot be used; the message lists every problem, one a line.

    Exit status 78 is EX_CONFIG of sysexits(3). It is a `ClickException`, so the flask command
    prints it as a message wherever it is raised while the app is made.
    """

    exit_code = 78

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("the settings cannot be used:\n" + "\n".join(f"  - {p}" for p in problems))


def setting(default: T, parse: Callable[[str], T], *, secret: bool = False) -> T:
    """Declare a setting; `parse` turns its text into a value or raises ValueError."""
    made: T = dataclasses.field(
        default=default, repr=not secret, metadata={"parse": parse, "secret": secret}
    )
    return made


def declared(settings: Any) -> Iterator[dataclasses.Field[Any]]:  # noqa: ANN401 (a dataclass)
    """Yield the fields that were declared with `setting`."""
    return (field for field in dataclasses.fields(settings) if "parse" in field.metadata)


def variable(name: str) -> str:
    return PREFIX + name.upper()


def read(environ: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return all `MYAPI_…` variables; the environment wins over `.env`, an empty one is not set."""
    try:
        in_file = dotenv_values(root / ".env")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{root / '.env'} cannot be read: {type(error).__name__}"]) from None
    merged = {**in_file, **environ}
    return {name: text for name, text in merged.items() if name.startswith(PREFIX) and text}


def parse(
    fields: Iterable[dataclasses.Field[Any]], found: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each setting that is given; add what is wrong to `problems`."""
    for field in fields:
        name = variable(field.name)
        try:
            text = _text(found, name, secret=field.metadata["secret"])
            if text is not None:
                yield field.name, field.metadata["parse"](text.strip())
        except ValueError as error:
            problems.append(f"{name}: {error}")


def _text(found: Mapping[str, str], name: str, *, secret: bool) -> str | None:
    path = found.get(f"{name}_FILE") if secret else None
    if path is None:
        return found.get(name)
    if name in found:
        raise ValueError(f"given twice, here and as {name}_FILE: keep one")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_FILE cannot be read: {type(error).__name__}") from None
    if not text:
        raise ValueError(f"{name}_FILE is empty")
    return text
