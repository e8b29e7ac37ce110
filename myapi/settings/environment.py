"""Read settings from the environment, from `.env` and from secret files.

The setting `wechat_appid` is the variable `MYAPI_WECHAT_APPID`. A secret can be in a file instead,
whose path is in `MYAPI_…_FILE`. A team's own settings are the same with `APP_`.
"""

import dataclasses
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from dotenv import dotenv_values

from myapi.language import localized

PREFIX = "MYAPI_"
APP_PREFIX = "APP_"  # of a team's own settings
PORT = "PORT"  # the one variable without a prefix; platforms for containers set it
QUOTED = re.compile(r"""(?<==)\s*(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.DOTALL)

T = TypeVar("T")


class SettingsError(click.ClickException):
    """The settings are invalid; the message lists every problem, one per line.

    Exit code 78 is EX_CONFIG of sysexits(3). As a `ClickException` it is printed by the flask
    command without a traceback, wherever it is raised while the app is created.
    """

    exit_code = 78

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        listed = "\n".join(f"  - {problem}" for problem in problems)
        heading = localized("the settings cannot be used:", "配置有误：")
        super().__init__(f"{heading}\n{listed}")


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
    """Return `PORT` and all `MYAPI_…` and `APP_…` variables that are not empty.

    The environment wins over `.env`.
    """
    merged = {**_in_file(root / ".env"), **environ}
    ours = (PREFIX, APP_PREFIX)
    return {
        name: text
        for name, text in merged.items()
        if text and (name == PORT or name.startswith(ours))
    }


def _in_file(file: Path) -> dict[str, str | None]:
    """Return the variables of `.env`. A line that is none stops the start: it may be a setting."""
    try:
        text = file.read_text(encoding="utf-8-sig")  # Windows' editors may put a mark first
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        english = f"{file} is not in UTF-8: save it as UTF-8 in your editor"
        raise SettingsError(
            [localized(english, f"{file} 不是 UTF-8 编码：请在编辑器中另存为 UTF-8")]
        ) from None
    except OSError as error:
        raise SettingsError([cannot_be_read(file, error)]) from None
    wrong = [
        localized(
            f"{file}, line {line}: must be NAME=value", f"{file} 第 {line} 行：应为 NAME=value"
        )
        for line in _lines_without_a_name(text)
    ]
    if wrong:
        raise SettingsError(wrong)
    return dotenv_values(stream=io.StringIO(text))


def _lines_without_a_name(text: str) -> Iterator[int]:
    """Yield the numbers of lines that set nothing; python-dotenv leaves them out."""
    code = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    code = QUOTED.sub(lambda quoted: "\n" * quoted[0].count("\n"), code)
    for number, line in enumerate(code.splitlines(), start=1):
        if line.strip() and not re.match(r"\s*(?:export\s+)?[^=\s]+\s*=", line):
            yield number


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
            problems.append(localized(f"{name}: {error}", f"{name}：{error}"))


def _text(found: Mapping[str, str], name: str, *, secret: bool) -> str | None:
    path = found.get(f"{name}_FILE") if secret else None
    if path is None:
        return found.get(name)
    if name in found:
        raise ValueError(
            localized(
                f"set twice, here and as {name}_FILE: remove one",
                f"与 {name}_FILE 重复：只留一个",
            )
        )
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(cannot_be_read(f"{name}_FILE", error)) from None
    if not text:
        raise ValueError(localized(f"{name}_FILE is empty", f"{name}_FILE 是空的"))
    return text


def cannot_be_read(file: str | Path, error: Exception) -> str:
    reason = type(error).__name__
    return localized(f"{file} cannot be read: {reason}", f"无法读取 {file}：{reason}")
