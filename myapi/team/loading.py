"""Find and import `app/` at the top of the checkout.

It is imported by its path and under the name `app`, whatever package of that name is installed.
The environment variable `MYAPI_APP` names another folder, or is `off`: myapi's own tests use it,
which stay true in a checkout that has an `app/`.
"""

import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from myapi.language import localized
from myapi.settings import APP_FOLDER, ROOT
from myapi.team import tables
from myapi.team.errors import ExtensionError
from myapi.team.extension import Extension

PACKAGE = "app"


def load() -> Extension:
    """Return the extension of `app/`, an empty one if there is none. Raises `ExtensionError`."""
    folder = _folder()
    if folder is None:
        return Extension()
    extension = _import(folder)
    problems: list[str] = []
    extension.folder = folder
    extension.tables = tables.own_tables()
    problems.extend(tables.check(extension.tables))
    extension.texts = _texts(folder / "zh.json", problems)
    if problems:
        raise ExtensionError(problems)
    return extension


def _folder() -> Path | None:
    given = os.environ.get(APP_FOLDER) or PACKAGE
    if given == "off":
        return None
    folder = ROOT / given
    if (folder / "__init__.py").exists():
        return folder
    if given != PACKAGE or any(folder.glob("*.py")):  # without any, Git has left the folder behind
        missing = _shown(folder / "__init__.py")
        raise ExtensionError([localized(f"{missing} does not exist", f"{missing} 不存在")])
    return None


def _import(folder: Path) -> Extension:
    """Import the package, once in a process, and return its `extension`."""
    file = folder / "__init__.py"
    module = sys.modules.get(PACKAGE)
    if module is None or module.__file__ != str(file):
        forget()
        spec = importlib.util.spec_from_file_location(
            PACKAGE, file, submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None  # noqa: S101, PT018 (a file has both)
        module = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = module
        try:
            spec.loader.exec_module(module)
        except ExtensionError:
            forget()
            raise
        except Exception as error:
            forget()
            raise ExtensionError([_where(error, folder)]) from error
    extension = getattr(module, "extension", None)
    if not isinstance(extension, Extension):
        lacks = "`extension = Extension(…)`"
        raise ExtensionError(
            [localized(f"{_shown(file)} has no {lacks}", f"{_shown(file)} 缺少 {lacks}")]
        )
    return extension


def forget() -> None:
    """Remove the package from the imported modules."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def _where(error: Exception, folder: Path) -> str:
    """Name the line of own code that an exception came from, in one line."""
    file, line = folder / "__init__.py", 1
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).is_relative_to(folder):
            file, line = Path(frame.filename), frame.lineno or 1
    text = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        file, line, text = Path(error.filename), error.lineno or 1, error.msg
    return f"{_at(file, line)}{type(error).__name__}: {' '.join(text.split())}"


def _at(file: Path, line: int) -> str:
    return localized(f"{_shown(file)}, line {line}: ", f"{_shown(file)} 第 {line} 行：")


def _texts(file: Path, problems: list[str]) -> Mapping[str, str]:
    """Read the Chinese texts for /docs: {"English": "中文"}."""
    if not file.exists():
        return {}
    try:
        texts = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        problems.append(
            _at(file, error.lineno) + localized("not JSON: ", "不是 JSON：") + error.msg
        )
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = type(error).__name__
        problems.append(
            localized(
                f"{_shown(file)} cannot be read: {reason}", f"无法读取 {_shown(file)}：{reason}"
            )
        )
        return {}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        problems.append(
            localized(
                f'{_shown(file)} is not an object of texts such as {{"English": "中文"}}',
                f'{_shown(file)} 应是 {{"English": "中文"}} 这样的文字对象',
            )
        )
        return {}
    return texts


def _shown(file: Path) -> str:
    """Return the path as the team knows it."""
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
