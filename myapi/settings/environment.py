"""Read settings from the environment, from `.env` and from secret files.

The setting `wechat_appid` is the variable `MYAPI_WECHAT_APPID`. A secret can be in a file instead,
whose path is in `MYAPI_…_FILE`. A team's own settings are the same with `APP_`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from dotenv import dotenv_values

from myapi.language import localized

PREFIX = "MYAPI_"
APP_PREFIX = "APP_"  # of a team's own settings

T = TypeVar("T")


class SettingsError(click.ClickException):
    """The settings are invalid; the message lists every problem, one per line.

    Exit code 78 is EX_CONFIG of sysexits(3). As a `ClickException` it is printed by the flask
    command without a traceback, wherever it is raised while the app is created.
    """

    exit_code = 78

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("the settings cannot be used:\n" + "\n".join(f"  - {p}" for p in problems))


def setting(default: T, parse: Callable[[str], T], *, secret: bool = False) -> T:
    """Declare a setting; `parse` turns its text into a value or raises ValueError."""
    field: T = dataclasses.field(
        default=default, repr=not secret, metadata={"parse": parse, "secret": secret}
    )
    return field


def declared(settings: Any) -> Iterator[dataclasses.Field[Any]]:  # noqa: ANN401 (a dataclass)
    """Yield the fields that were declared with `setting`."""
    return (field for field in dataclasses.fields(settings) if "parse" in field.metadata)


def variable(name: str, prefix: str = PREFIX) -> str:
    return prefix + name.upper()


def read(environ: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return all `MYAPI_…` and `APP_…` variables that are not empty.

    The environment wins over `.env`.
    """
    file = root / ".env"
    try:
        in_file = dotenv_values(file, encoding="utf-8")
    except UnicodeDecodeError:
        other, chinese = "save it as UTF-8 in your editor", "请在编辑器中另存为 UTF-8"
        text = localized(f"is not in UTF-8: {other}", f"不是 UTF-8 编码：{chinese}")
        raise SettingsError([f"{file} {text}"]) from None
    except OSError as error:
        raise SettingsError([f"{file} cannot be read: {type(error).__name__}"]) from None
    merged = {**in_file, **environ}
    ours = (PREFIX, APP_PREFIX)
    return {name: text for name, text in merged.items() if name.startswith(ours) and text}


def parse(
    fields: Iterable[dataclasses.Field[Any]],
    found: Mapping[str, str],
    problems: list[str],
    prefix: str = PREFIX,
) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each setting that is set; append invalid ones to `problems`."""
    for field in fields:
        name = variable(field.name, prefix)
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
        raise ValueError(f"set twice, here and as {name}_FILE: remove one")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_FILE cannot be read: {type(error).__name__}") from None
    if not text:
        raise ValueError(f"{name}_FILE is empty")
    return text
