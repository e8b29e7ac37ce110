"""Libraries are used through the names that their documentation has."""

import ast

import pytest

from myapi.settings import ROOT

#: Names with an underscore that are documented.
DOCUMENTED = {
    "_asdict",  # collections.namedtuple
    "_fields",
    "_make",
    "_replace",
    "_get_current_object",  # werkzeug.local.LocalProxy
    "_srcfile",  # logging, "Optimization" in its HOWTO
}
#: What a library's documentation does not name, and without which it could not be done. Each has
#: its decision record.
PRIVATE = {
    ("doctor/certificates.py", "_sslobj"): "0009-doctor.md",
    ("myapi/server/worker.py", "base_environ"): "0017-worker.md",
    ("myapi/server/worker.py", "close_graceful"): "0017-worker.md",
}
UNDOCUMENTED = {"base_environ", "close_graceful"}
FOLDERS = ("myapi", "doctor", "deploy", "migrations")
FILES = [
    ROOT / "wsgi.py",
    ROOT / "gunicorn.conf.py",
    *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")),
]


@pytest.fixture(scope="module")
def found():
    return {
        (str(file.relative_to(ROOT)), name)
        for file in FILES
        for name in private_names(ast.parse(file.read_text(encoding="utf-8")))
    }


def test_private_names_of_libraries_are_those_with_a_decision_record(found):
    assert found == set(PRIVATE)
    assert len(PRIVATE) <= 3


def test_every_private_name_is_explained_in_its_record():
    for (_, name), record in PRIVATE.items():
        assert name in (ROOT / "docs" / "decisions" / record).read_text(encoding="utf-8")


def private_names(tree):
    """Yield the names that a module takes from elsewhere, though no documentation has them."""
    own = {*DOCUMENTED, *defined_in(tree)}
    yield from (name for name in names_used_in(tree) if is_private(name) and name not in own)


def names_used_in(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module not in {
            "__future__",
            "_typeshed.wsgi",
        }:
            yield from (node.module or "").split(".")
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"getattr", "setattr"}:
            yield str(getattr(node.args[1], "value", ""))


def is_private(name):
    underscored = name.startswith("_") and not name.startswith("__")
    return underscored or name in UNDOCUMENTED


def defined_in(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = getattr(node.value, "id", "")
            yield from [node.attr] * (owner in {"self", "cls"})
