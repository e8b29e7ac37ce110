"""A team's own code imports `myapi.extend` and nothing else of myapi, so it survives an update."""

import ast
import os

from myapi.settings import APP_FOLDER, ROOT

APP = ROOT / "app"
EXAMPLE = ROOT / "tests" / "team" / "example"


def imported(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def own_files():
    """Return the files of the example, and of `app/` but for its tests and migrations."""
    yield from EXAMPLE.rglob("*.py")
    if os.environ.get(APP_FOLDER) != "off":
        for file in APP.rglob("*.py"):
            if not {"tests", "migrations"} & set(file.relative_to(APP).parts):
                yield file


def is_promised(name):
    return name in {"myapi", "myapi.extend"} or name.startswith("myapi.extend.")


def test_own_code_imports_only_what_is_promised():
    wrong = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in own_files()
        for name in imported(file)
        if name.partition(".")[0] == "myapi" and not is_promised(name)
    ]
    assert wrong == []
