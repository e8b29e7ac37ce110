"""`flask new FEATURE`: write a working feature into `app/`, for the team to change."""

import io
import json
import keyword
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from flask import current_app
from sqlalchemy.dialects import mysql, sqlite

from myapi.cli import RESERVED, output
from myapi.cli.command import Command
from myapi.extensions import Base
from myapi.language import localized
from myapi.settings import ROOT
from myapi.users import export
from myapi.web.errors import errors_of

#: The feature `notes`: code that is linted, and tested under this and another name.
TEMPLATE = Path(__file__).parent / "template"
WORDS = re.compile("NOTES|Notes|notes|Note|note|笔记|40950")

NAME = re.compile(r"[a-z][a-z0-9]{1,19}")
CHINESE_NAME = re.compile(r"[\w ]{1,20}")
TAKEN_NAMES = {"migrations", "myapi", "tests"}  # folders of app/, and paths of later versions
BETWEEN_SCRIPTS = re.compile(
    r"(?<=[\u4e00-\u9fff])(?=\w)(?=[!-~])|(?<=[0-9A-Za-z])(?=[\u4e00-\u9fff])"
)


@click.command("new", cls=Command)
@click.argument("feature")
@click.option("--zh", "chinese", metavar="WORD", help="Its name in Chinese, such as 笔记.")
def command(feature: str, chinese: str | None) -> None:
    """Write a feature into app/: table, routes, command, test and Chinese texts.

    FEATURE is one word in the plural, such as `notes`. What is written works as it is, and is for
    you to change. No file is overwritten.
    """
    folder: Path = current_app.extensions["app_folder"] or ROOT / "app"
    if chinese and not CHINESE_NAME.fullmatch(chinese):
        raise click.UsageError(
            localized("--zh takes one word, such as 笔记", "--zh 应为一个词，例如 笔记")
        )
    words = _words(feature, chinese or feature)
    if problem := next(_problems(feature, words, folder), None):
        raise click.UsageError(problem)
    _write(folder / f"{feature}.py", _rendered("notes.py", words))
    _write(folder / "tests" / f"test_{feature}.py", _rendered("test_notes.py", words))
    _merge_texts(folder / "zh.json", json.loads(_rendered("zh.json", words)))
    extension = _rendered("init.py", words)
    if (folder / "__init__.py").exists():
        _print_what_to_add(folder / "__init__.py", extension)
    else:
        _write(folder / "__init__.py", extension)
    done = localized(
        "It works as it is. Change it into what you need, then:",
        "马上就能用，可以随意修改。接下来：",
    )
    flask = output.flask_as_typed()
    output.print_line(
        f"\n{done}\n\n  {flask} db migrate -m {feature}\n  {flask} db upgrade\n  make test-app"
    )


def _words(feature: str, chinese: str) -> Mapping[str, str]:
    """Return what stands in place of each word of the template."""
    one = _singular(feature)
    return {
        "NOTES": feature.upper(),
        "Notes": feature.capitalize(),
        "notes": feature,
        "Note": one.capitalize(),
        "note": one,
        "笔记": chinese,
        "40950": str(_free_code()),
    }


def _singular(plural: str) -> str:
    """Return the singular by the plain rules of English; an irregular plural stays as it is."""
    for ending, of_one in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch")):
        if plural.endswith(ending):
            return plural.removesuffix(ending) + of_one
    return plural if plural.endswith(("ss", "us", "is", "news")) else plural.removesuffix("s")


def _free_code() -> int:
    taken = {spec.code for spec in errors_of(current_app).values()}
    return next(code for code in range(40950, 41000) if code not in taken)


def _problems(feature: str, words: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Yield why a feature cannot have this name."""
    if not NAME.fullmatch(feature):
        yield localized(
            f"`{feature}`: choose one word of 2 to 20 lower-case letters, such as notes",
            f"`{feature}`：请用一个英文单词，2 到 20 个小写字母，例如 notes",
        )
    if feature in RESERVED or feature in current_app.cli.commands:
        yield localized(
            f"there is a command `flask {feature}`, choose another name",
            f"已有命令 `flask {feature}`，请换一个名字",
        )
    if feature in Base.metadata.tables:
        yield localized(
            f"there is a table `{feature}`, choose another name",
            f"已有数据表 `{feature}`，请换一个名字",
        )
    if feature in TAKEN_NAMES | current_app.blueprints.keys() | export.fields_of(current_app):
        yield localized(
            f"`{feature}` is a name of myapi, choose another one",
            f"`{feature}` 是 myapi 的名字，请换一个",
        )
    for file in (folder / feature, folder / f"{feature}.py", folder / f"tests/test_{feature}.py"):
        if file.exists():
            yield localized(
                f"{_shown(file)} exists, choose another name",
                f"{_shown(file)} 已存在，请换一个名字",
            )
    yield from _clashes(feature, words)


def _clashes(feature: str, words: Mapping[str, str]) -> Iterator[str]:
    """Yield the names that would have two meanings in the code, or in SQL."""
    for name in (words["notes"], words["note"], words["Note"]):
        if keyword.iskeyword(name) or name in _identifiers():
            yield localized(
                f"`{name}` is a name in the code that is written, choose another one",
                f"`{name}` 是所生成代码中的名字，请换一个",
            )
    for dialect in (mysql.dialect(), sqlite.dialect()):
        if dialect.identifier_preparer.quote(feature) != feature:
            yield localized(
                f"`{feature}` is a word of SQL, choose another name",
                f"`{feature}` 是 SQL 关键字，请换一个名字",
            )


def _identifiers() -> set[str]:
    """Return all names in the code of the template but those that are replaced."""
    code = "".join(
        (TEMPLATE / name).read_text(encoding="utf-8") for name in ("notes.py", "init.py")
    )
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {each.string for each in tokens if each.type == tokenize.NAME} - {
        "notes",
        "note",
        "Note",
    }


def _rendered(name: str, words: Mapping[str, str]) -> str:
    template = (TEMPLATE / name).read_text(encoding="utf-8")
    text = WORDS.sub(lambda found: words[found[0]], template)
    return BETWEEN_SCRIPTS.sub(" ", text)  # an English word in Chinese text has spaces around it


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as new:
        new.write(text)
    output.print_line(localized(f"wrote {_shown(file)}", f"已写入 {_shown(file)}"))


def _merge_texts(file: Path, texts: Mapping[str, str]) -> None:
    """Add texts to a file of texts; those that are there already stay."""
    if not file.exists():
        _write(file, _json(texts))
        return
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(_json({**found, **texts, **found}), encoding="utf-8")
    output.print_line(
        localized(f"added the Chinese texts to {_shown(file)}", f"已把中文说明写入 {_shown(file)}")
    )


def _json(texts: Mapping[str, str]) -> str:
    return json.dumps(texts, ensure_ascii=False, indent=2) + "\n"


def _print_what_to_add(file: Path, extension: str) -> None:
    """Print the lines for an `Extension` that stands already: where they go is the team's."""
    above, _, inside = extension.partition("extension = Extension(\n")
    imports = [line for line in above.splitlines() if line.startswith("from ")]
    output.print_line(
        localized(
            f"\n{_shown(file)} is yours, so add this to it yourself. At the top:\n",
            f"\n{_shown(file)} 是你的文件，请自己加入以下内容。文件开头：\n",
        )
    )
    output.print_line("\n".join(imports))
    output.print_line(
        localized(
            "\nIn Extension(…); where such a line is there, put what is new into it:\n",
            "\n在 Extension(…) 中；若已有同样的一行，把新内容并入：\n",
        )
    )
    output.print_line(inside.removesuffix(")\n").rstrip("\n"))


def _shown(file: Path) -> str:
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
