"""The image alone: as a platform for containers runs it, and with a team's own code in it."""

import http.client
import json
import re
import time

import pytest

from tests.container import machine
from tests.container.site import call
from tests.install.figures import figure

SECRETS = ("--env=MYAPI_SECRET_KEYS=a-key-of-the-image-0123456789-0123456789",)
SECRETS += ("--env=MYAPI_WECHAT_APPID=wx0123456789abcdef", "--env=MYAPI_WECHAT_SECRET=its-secret")


@pytest.fixture(scope="module")
def engine():
    with machine.engine() as engine:
        yield engine


@pytest.fixture
def run(engine):
    """Run the image read-only in the background, healthy when it returns: `run(*options)`."""
    names = []

    def run(*options):
        names.append(f"image{len(names)}")
        given = ("--read-only", "--cap-drop=ALL", *SECRETS, *options)
        engine.docker("run", "--detach", f"--name={names[-1]}", *given, "myapi")
        end = time.monotonic() + 60
        state = ("inspect", "--format={{.State.Health.Status}}", names[-1])
        while engine.docker(*state) != "healthy":
            assert time.monotonic() < end, engine.docker("logs", names[-1])
            time.sleep(0.2)
        return names[-1]

    yield run
    for name in names:
        engine.try_docker("rm", "--force", "--volumes", name)


def logged(engine, name, route):
    """Return the log lines of the requests of a route; the health check's are others."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        done = engine.try_docker("logs", name)
        lines = map(json.loads, (done.stdout + done.stderr).splitlines())
        if found := [line for line in lines if line.get("route") == route]:
            return found
        time.sleep(0.2)
    return []


def test_image_runs_read_only_as_a_fixed_user_without_rights(engine, run):
    name = run("--network=none")
    assert engine.docker("exec", name, "id", "-u") == "10001"
    status = engine.docker("exec", name, "cat", "/proc/1/status")
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert "10001" in re.search(r"^Uid:.*", status, re.MULTILINE)[0]
    assert engine.try_docker("exec", name, "touch", "/srv/myapi/new").returncode


def test_image_says_what_its_settings_lack_and_ends_with_78(engine):
    done = engine.try_docker("run", "--rm", "--read-only", "--network=none", "myapi")
    assert done.returncode == 78
    assert "MYAPI_SECRET_KEYS" in done.stderr


def test_data_is_on_the_volume_and_outlives_the_container(engine):
    given = ("--rm", "--read-only", "--network=none", *SECRETS, "--volume=outlives:/data", "myapi")
    engine.docker("run", *given, "flask", "db", "upgrade")
    assert "current" in engine.docker("run", *given, "flask", "db", "state")
    engine.docker("volume", "rm", "outlives")


def test_image_has_what_is_needed_and_nothing_of_a_developer(engine):
    files = engine.docker("run", "--rm", "--network=none", "myapi", "find", ".", "-maxdepth", "1")
    assert {"./myapi", "./migrations", "./doctor", "./wsgi.py"} <= set(files.split())
    assert not {"./.git", "./.env", "./tests", "./docs", "./.venv"} & set(files.split())
    doctor = ("python", "-m", "doctor", "--explain", "errcode 40029")
    assert engine.docker("run", "--rm", "--network=none", "myapi", *doctor)
    dump = engine.docker("run", "--rm", "--network=none", "myapi", "mariadb-dump", "--version")
    assert "MariaDB" in dump
    size = engine.docker("image", "inspect", "--format={{.Size}}", "myapi")
    figure("container", "size of the image", f"{int(size) / 1e6:.0f} MB")


def test_stop_ends_the_service_at_once(engine, run):
    name = run("--network=none")
    engine.docker("stop", "--time=20", name)
    assert engine.docker("inspect", "--format={{.State.ExitCode}}", name) == "0"


def test_platform_chooses_port_and_header_and_forged_headers_are_not_believed(engine, run):
    """As 云托管 does: `PORT`, and the client's address in a header of its own."""
    name = run(
        *("--env=PORT=8080", "--env=MYAPI_CLIENT_ADDRESS_HEADER=X-Original-Forwarded-For"),
        "--publish=8080:8080",
    )
    with engine.network():
        connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=10)
        connection.connect()
    forged = {"X_Forwarded_For": "192.0.2.66", "X_Real_IP": "192.0.2.66", "Forwarded": "for=x"}
    own = {"X_Original_Forwarded_For": "192.0.2.66, 198.51.100.7"}
    assert call(connection, "GET", "/api/hello", None, **forged, **own).status == 200
    connection.close()
    (line,) = logged(engine, name, "/api/hello")
    assert line["ip"] == "198.51.100.7"
