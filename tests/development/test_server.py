"""The server of `dev.py`, in this process."""

import logging
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from myapi.development import server
from myapi.development.address import AddressError
from myapi.settings import Settings
from myapi.web.access import public
from tests.servers import free_port


@contextmanager
def served(app, again=False):
    listening = server.listen(app, again=again)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://{listening.host}:{listening.port}"
    finally:
        listening.shutdown()
        thread.join()


@pytest.fixture
def database_url(migrated_sqlite, tmp_path):
    """SQLite alone: the server is the subject."""
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'myapi.db')}"


@pytest.fixture
def here():
    return f"127.0.0.1:{free_port()}"


def test_each_request_is_logged_once_and_without_colours(make_app, here, caplog):
    with served(make_app(bind=here)) as url:
        assert requests.get(f"{url}/nowhere", timeout=5).status_code == 404
    ours = [record for record in caplog.records if not record.name.startswith("urllib3")]
    assert [r.name for r in ours if "404" in r.getMessage()] == ["myapi.requests"]
    assert "\x1b" not in caplog.text


def test_failing_view_shows_no_traceback_and_no_console(make_app, here, monkeypatch):
    app = make_app(bind=here)
    app.testing = False

    @public
    def fail():
        raise ValueError("the inside of the view")

    monkeypatch.setitem(app.view_functions, "hello.hello", fail)
    with served(app) as url:
        answer = requests.get(f"{url}/api/hello", timeout=5)
        console = requests.get(f"{url}/?__debugger__=yes&cmd=resource&f=style.css", timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (500, "internal_error")
    assert "inside" not in answer.text
    assert "text/css" not in console.headers["Content-Type"]


def test_start_message_is_printed_once(make_app, here, capsys):
    app = make_app(bind=here)
    for again, printed in ((False, f"myapi on http://{here}"), (True, "serving again\n")):
        with served(app, again=again):
            assert capsys.readouterr().out.startswith(printed)


def test_database_that_is_behind_is_told_and_not_changed(make_app, here, execute, caplog):
    execute("UPDATE alembic_version SET version_num = '0001'")
    with caplog.at_level(logging.WARNING), served(make_app(bind=here), again=True):
        pass
    told = f"the database lacks a migration: {Path('.venv/bin/flask')} db upgrade"
    assert [r.getMessage() for r in caplog.records if r.name == server.log.name] == [told]
    assert execute("SELECT version_num FROM alembic_version") == [("0001",)]


def test_database_that_is_away_is_told(make_app, here, caplog):
    app = make_app(bind=here, database_url="mysql+pymysql://a:b@127.0.0.1:9/none?charset=utf8mb4")
    with caplog.at_level(logging.WARNING), served(app):
        pass
    assert "the database cannot be used: " in caplog.text


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"env": "production"}, "make dev is for development, and MYAPI_ENV is production"),
        ({"bind": "unix:/run/a.sock"}, "make dev serves on a port.*: make run"),
        ({"bind": "nowhere:x"}, "MYAPI_BIND must be host:port"),
    ],
)
def test_settings_that_cannot_be_served_are_refused(settings, told):
    with pytest.raises(AddressError, match=told):
        server.check(Settings(**settings), "make dev", again=False)


def test_port_is_tried_at_the_first_start_alone(make_app, here):
    with served(make_app(bind=here)):
        server.check(Settings(bind=here), "make dev", again=True)
        with pytest.raises(AddressError, match=f"{here} is in use by another myapi"):
            server.check(Settings(bind=here), "make dev", again=False)
