"""Find and import `app/`: each failure is one sentence that names file and line."""

import os
import sys

import pytest

from myapi import create_app
from myapi.settings import APP_FOLDER
from myapi.team import ExtensionError, load

EMPTY = "from myapi.extend import Extension\n\nextension = Extension()\n"
TABLE = """\
from myapi.extend import Base, Extension, id_column
from sqlalchemy.orm import Mapped


class Note(Base):
    __tablename__ = "{}"
    id: Mapped[int] = id_column()


extension = Extension()
"""

pytestmark = pytest.mark.filterwarnings("ignore:This declarative base already contains")


def refusal():
    with pytest.raises(ExtensionError) as refused:
        load()
    (problem,) = refused.value.problems
    return problem


def test_without_a_folder_the_extension_is_empty(monkeypatch, tmp_path):
    monkeypatch.delenv(APP_FOLDER)
    monkeypatch.setattr("myapi.team.loading.ROOT", tmp_path)
    assert load().folder is None
    (tmp_path / "app" / "__pycache__").mkdir(parents=True)  # what Git leaves behind
    assert load().folder is None


def test_app_at_the_top_of_the_checkout_is_found(monkeypatch, tmp_path, write_app):
    folder = write_app({"__init__.py": EMPTY})
    monkeypatch.delenv(APP_FOLDER)
    monkeypatch.setattr("myapi.team.loading.ROOT", tmp_path)
    assert load().folder == folder


def test_it_is_imported_once_in_a_process(write_app):
    write_app({"__init__.py": EMPTY})
    assert load() is load()


def test_installed_package_of_the_same_name_is_not_taken(write_app, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere" / "app"
    elsewhere.mkdir(parents=True)
    (elsewhere / "__init__.py").write_text("extension = None\n")
    monkeypatch.syspath_prepend(str(elsewhere.parent))
    import app

    assert app.__file__ == str(elsewhere / "__init__.py")
    folder = write_app({"__init__.py": "from app.own import extension\n", "own.py": EMPTY})
    assert load().folder == folder
    assert sys.modules["app.own"].__file__ == str(folder / "own.py")


def test_missing_init_is_refused(write_app):
    folder = write_app({"notes.py": ""})
    assert refusal() == f"{folder}/__init__.py does not exist"


def test_init_without_an_extension_is_refused(write_app):
    folder = write_app({"__init__.py": "extention = 1\n"})
    assert refusal() == f"{folder}/__init__.py has no `extension = Extension(…)`"


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("\nimport no_such_package\n", "2: ModuleNotFoundError: No module named 'no_such_package'"),
        ("\n\ndef broken(:\n", "3: SyntaxError: invalid syntax"),
        (
            "import json\njson.loads('{')\n",
            "2: JSONDecodeError: Expecting property name",
        ),
        (
            "from myapi.extend import Extension\nExtension(blueprint=[])\n",
            "2: TypeError: Extension.__init__() got an unexpected keyword argument 'blueprint'",
        ),
        (
            "from myapi.extend import caller, send_sms\n",
            "1: ImportError: cannot import name 'send_sms' from 'myapi.extend'",
        ),
        (
            "from myapi.extend import per_user\n\n@per_user('often')\ndef view(): ...\n",
            "3: ValueError: must be a number per minute, or a limit such as 10/second",
        ),
        (TABLE.format("users"), "5: ValueError: `users` is a table of myapi, choose another name"),
    ],
)
def test_exception_in_own_code_names_file_and_line(write_app, code, where):
    folder = write_app({"__init__.py": "from app import notes\n" + EMPTY, "notes.py": code})
    assert refusal().startswith(f"{folder}/notes.py, line {where}")
    assert not [name for name in sys.modules if name.partition(".")[0] == "app"]


def test_path_in_a_refusal_is_shown_as_the_team_knows_it(monkeypatch, tmp_path, write_app):
    write_app({"__init__.py": "1 / 0\n"})
    monkeypatch.delenv(APP_FOLDER)
    monkeypatch.setattr("myapi.team.loading.ROOT", tmp_path)
    assert refusal() == "app/__init__.py, line 1: ZeroDivisionError: division by zero"


def test_table_with_the_prefix_of_myapi_is_refused(write_app):
    write_app({"__init__.py": TABLE.format("myapi_notes")})
    assert refusal() == "the table `myapi_notes`: names that begin with myapi_ are myapi's"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{\n  "a": "b"\n  "c"}', ", line 3: not JSON: Expecting ',' delimiter"),
        ('["a"]', ' is not an object of texts such as {"English": "中文"}'),
        ('{"a": 1}', ' is not an object of texts such as {"English": "中文"}'),
    ],
)
def test_texts_that_cannot_be_read_are_refused(write_app, text, problem):
    folder = write_app({"__init__.py": EMPTY, "zh.json": text})
    assert refusal() == f"{folder}/zh.json{problem}"


def test_texts_in_another_encoding_are_refused(write_app):
    folder = write_app({"__init__.py": EMPTY})
    (folder / "zh.json").write_bytes('{"a": "中"}'.encode("gbk"))
    assert refusal() == f"{folder}/zh.json cannot be read: UnicodeDecodeError"


def test_handlers_of_wechats_events_are_called_after_those_of_myapi(
    write_app, monkeypatch, tmp_path
):
    code = (
        "from myapi.extend import on_event\n"
        '@on_event("user_authorization_revoke")\ndef revoked(event): ...\n'
        '@on_event("debug_demo")\ndef tried(event): ...\n'
    )
    write_app({"__init__.py": code + EMPTY})
    monkeypatch.setenv("MYAPI_DATABASE_URL", f"sqlite:///{tmp_path}/absent.db")
    handlers = create_app().extensions["event_handlers"]
    names = [handler.__name__ for handler in handlers["user_authorization_revoke"]]
    assert names == ["revoke", "revoked"]
    assert [handler.__name__ for handler in handlers["debug_demo"]] == ["tried"]


def test_nothing_is_loaded_where_it_is_off():
    """So myapi's own tests hold in a team's checkout."""
    assert os.environ[APP_FOLDER] == "off"
    assert load().folder is None
