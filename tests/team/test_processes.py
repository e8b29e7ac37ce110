"""A team's own code in production's worker, and in the flask command."""

import os
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from myapi.settings import APP_FOLDER, ROOT
from tests.requirements import need
from tests.servers import ServerError
from tests.service import Service, at_once, is_error, wait_for

pytestmark = pytest.mark.filterwarnings("ignore:This declarative base already contains")

USERS, CALLS = 8, 160

COMPUTING = """
import hashlib
import time

from flask import Blueprint
from myapi.extend import Extension, endpoint, off_loop, public

bp = Blueprint("computing", __name__, url_prefix="/api/computing")


def compute():
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        hashlib.sha256(bytes(100_000)).digest()


@bp.get("/off")
@public
@endpoint()
def off():
    off_loop(compute)


@bp.get("/on")
@public
@endpoint()
def on():
    compute()


extension = Extension(blueprints=[bp])
"""


def test_concurrent_calls_write_under_their_own_caller(serve, database_url, folder, tables):
    code = (folder / "notes.py").read_text(encoding="utf-8")
    (folder / "notes.py").write_text(code.replace("30/minute", "9999/minute"), encoding="utf-8")
    service = serve(database_url=database_url, workers=2, environ={APP_FOLDER: str(folder)})
    phones = [service.sign_in(f"user{n}") for n in range(USERS)]

    def add(phone):
        note = {"text": f"note of {phone.user['id']}"}
        return lambda: wait_for(lambda: is_written(phone.post("/api/notes", json=note)), seconds=60)

    at_once(*[add(phones[n % USERS]) for n in range(CALLS)])
    with tables.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT users.public_id, notes.text FROM notes JOIN users"
                " ON users.id = notes.user_id WHERE notes.text <> 'Welcome!'"
            )
        ).all()
    assert len(rows) >= CALLS  # a call whose time was up during its commit is written twice
    assert [row for row in rows if row.text != f"note of {row.public_id}"] == []
    assert {row.public_id for row in rows} == {phone.user["id"] for phone in phones}


def is_written(answer):
    """Whether it is; a busy machine refuses some of so many calls, and the client repeats them."""
    assert answer.status_code == 200 or is_error(answer, 503, "service_unavailable"), answer.text
    return answer.status_code == 200


def test_a_view_that_computes_holds_nobody_up_with_off_loop(serve, write_app):
    folder = write_app({"__init__.py": COMPUTING})
    service = serve(environ={APP_FOLDER: str(folder)})
    waits = waits_of_hello(service, beside="/api/computing/off")
    assert max(waits) < 0.5
    assert service.events("loop_blocked") == []
    waits_of_hello(service, beside="/api/computing/on")
    (blocked,) = wait_for(lambda: service.events("loop_blocked"))
    assert blocked["route"] == "/api/computing/on"


def waits_of_hello(service, beside):
    """Return the seconds that calls of hello take while another call computes."""
    waits = []

    def hello():
        time.sleep(0.1)
        for _ in range(5):
            started = time.monotonic()
            service.call("GET", "/api/hello")
            waits.append(time.monotonic() - started)

    at_once(hello, lambda: service.call("GET", beside))
    return waits


# ---- what keeps Gunicorn from starting ----


def failure(folder, **settings):
    need(Service)
    environ = {APP_FOLDER: str(folder), **settings.pop("environ", {})}
    with pytest.raises(ServerError) as failed:
        Service(environ=environ, **settings).start()
    assert "Traceback" not in str(failed.value)
    return str(failed.value)


def test_gunicorn_lists_wrong_settings_of_myapi_and_of_the_team_together(folder):
    told = failure(folder, workers="many", environ={"APP_NOTES_MAX": "0"})
    assert "ended with status 78" in told
    assert "  - MYAPI_WORKERS: must be" in told
    assert "  - APP_NOTES_MAX: must be a whole number from 1 to 10000" in told


def test_gunicorn_names_the_line_of_an_import_error(write_app):
    folder = write_app({"__init__.py": "import no_such_package\n"})
    told = failure(folder)
    assert "ended with status 1" in told
    assert (
        f"myapi does not start: the code in app/ cannot be used: {folder}/__init__.py, line 1:"
        " ModuleNotFoundError: No module named 'no_such_package'" in told
    )


def test_gunicorn_names_a_route_that_is_served_twice(write_app):
    told = failure(
        write_app(
            {
                "__init__.py": COMPUTING.replace("/api/computing", "/api").replace(
                    '"/off"', '"/hello"'
                )
            }
        )
    )
    assert "computing.off: GET /api/hello is served by hello.hello already" in told


# ---- the flask command ----


@pytest.fixture
def flask(tmp_path):
    def flask(folder, *arguments, **environ):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MYAPI_", "FLASK_"))}
        database = {"MYAPI_DATABASE_URL": f"sqlite:///{tmp_path}/absent.db"}
        return subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=ROOT,
            env={**inherited, **database, APP_FOLDER: str(folder), **environ},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    return flask


def test_flask_command_tells_what_is_wrong_in_one_line(flask, write_app):
    folder = write_app({"__init__.py": "\nimport no_such_package\n"})
    for arguments in (["users", "list"], ["run"], ["routes"]):
        failed = flask(folder, *arguments)
        assert (failed.returncode, failed.stdout) == (1, "")
        assert failed.stderr == (
            f"Error: the code in app/ cannot be used: {folder}/__init__.py, line 2:"
            " ModuleNotFoundError: No module named 'no_such_package'\n"
        )
    assert flask(folder, "--help").returncode == 0
    assert flask(folder, "secrets", "generate").returncode == 0


def test_own_command_needs_usable_settings_and_its_help_needs_none(flask, folder):
    wrong = {"APP_NOTES_MAX": "0"}
    failed = flask(folder, "notes", "show", "alice", **wrong)
    assert failed.returncode == 78
    assert failed.stderr == (
        "Error: the settings cannot be used:\n"
        "  - APP_NOTES_MAX: must be a whole number from 1 to 10000\n"
    )
    assert "Print the notes of a user" in flask(folder, "notes", "show", "--help", **wrong).stdout
    assert "\n  notes " in flask(folder, "--help", **wrong).stdout


def test_unknown_own_variable_is_a_warning(flask, folder):
    told = flask(folder, "routes", APP_NOTES_MIN="1")
    assert told.returncode == 0
    assert "APP_NOTES_MIN is not a setting; did you mean APP_NOTES_MAX?" in told.stderr
