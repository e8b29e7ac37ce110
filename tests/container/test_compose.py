"""Both compose files on a server, from nothing to a restored backup. The tests run in order."""

import contextlib
import io
import json
import random
import time

import pytest
from PIL import Image

from tests.container import machine
from tests.container.site import Phones, Site
from tests.install.figures import figure

FILES = ("compose.yaml", "compose.sqlite.yaml")
BACKUP = {"compose.yaml": "/backups/mine.sql.gz", "compose.sqlite.yaml": "/backups/mine.db"}
#: What a later version brings: another image with another migration.
NEXT = """\
FROM myapi
RUN printf '%s\\n' 'revision = "next"' 'down_revision = "{head}"' \\
    'branch_labels = None' 'depends_on = None' 'from alembic import op' \\
    'def upgrade(): op.execute("CREATE TABLE myapi_next (id INTEGER PRIMARY KEY)")' \\
    'def downgrade(): op.execute("DROP TABLE myapi_next")' >/tmp/next.py
USER root
RUN mv /tmp/next.py migrations/versions/next.py
USER 10001:10001
"""


@pytest.fixture(scope="module", params=FILES)
def site(request, tmp_path_factory):
    with machine.engine() as engine, contextlib.ExitStack() as stack:
        site = Site(engine, tmp_path_factory.mktemp("site"), request.param)
        stack.callback(site.down)
        yield site


@pytest.fixture(scope="module")
def dice():
    return random.Random(time.time_ns())


def test_prepare_writes_settings_and_secrets_and_changes_none_of_them(site):
    folder = site.folder / "container"
    before = {file: file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert (
        len({before[folder / "secrets" / name] for name in ("secret_keys", "wechat_secret")}) == 2
    )
    assert folder.stat().st_mode & 0o777 == 0o700
    site.prepare()
    assert {file: file.read_text() for file in before} == before


def test_killed_migration_is_run_again(site, dice):
    for _ in range(2):
        process = site.engine.start(*site.compose_arguments("up", "--detach", "migrate"))
        process.wait()
        time.sleep(dice.uniform(0, 2))
        with contextlib.suppress(Exception):  # it may have ended
            site.compose("kill", "migrate")
    site.compose("run", "--rm", "-T", "migrate")
    assert "current" in site.flask("db", "state")
    site.down()


def test_first_login_within_a_minute(site):
    started = time.monotonic()
    site.up()
    site.wait(lambda: site.trust() or True)
    site.wait(lambda: site.login("alice"))
    seconds = time.monotonic() - started
    figure(site.file, "first login after `compose up`, s", round(seconds, 1))
    assert seconds < 60


def test_nothing_is_published_but_80_and_443(site):
    listed = json.loads(f"[{','.join(site.compose('ps', '--format=json').splitlines())}]")
    ports = {each["PublishedPort"] for one in listed for each in one["Publishers"] or ()}
    assert ports - {0} == {80, 443}


def test_containers_run_as_nobody_of_the_host_with_a_read_only_file_system(site):
    for service in ("app-1", "app-2", "jobs"):
        assert site.compose("exec", "-T", service, "id", "-u") == "10001"
        done = site.engine.try_docker(
            *site.compose_arguments("exec", "-T", service, "touch", "/srv/myapi/new")
        )
        assert "Read-only file system" in done.stderr


def test_forged_address_and_request_id_are_not_believed(site):
    forged = {"X_Forwarded_For": "192.0.2.66", "X_Real_IP": "192.0.2.66"}
    forged |= {"Forwarded": "for=192.0.2.66", "X_Original_Forwarded_For": "192.0.2.66"}
    answer = site.call("GET", "/api/hello", X_Request_Id="forged", **forged)
    request_id = answer.headers["x-request-id"]
    assert request_id != "forged"
    lines = site.wait(lambda: [line for line in logged(site) if line["request_id"] == request_id])
    assert "192.0.2.66" not in lines[0]["ip"]


def test_metrics_are_closed_and_plain_http_is_refused(site):
    closed = site.call("GET", "/metrics", Accept_Language="zh-CN")
    assert (closed.status, closed.json()["error"]) == (404, "not_found")
    assert closed.json()["msg"] == "资源不存在。"
    assert site.call("GET", "/.env").status == 404
    plain = site.call_http("POST", "/api/auth/login")
    assert (plain.status, plain.json()["error"]) == (403, "https_required")
    redirected = site.call_http("GET", "/docs?x=1")
    assert redirected.headers["location"] == "https://api.example.com/docs?x=1"


def test_a_picture_of_two_mebibytes_passes_and_a_large_body_is_refused(site):
    token = {"Authorization": f"Bearer {site.login('alice')}"}
    noise = random.Random(0).randbytes(3 * 800 * 800)
    picture = io.BytesIO()
    Image.frombytes("RGB", (800, 800), noise).save(picture, "PNG")
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + picture.getvalue() + b"\r\n--b--\r\n"
    )
    assert 2**20 < len(body) < 2 * 2**20
    form = {"Content_Type": "multipart/form-data; boundary=b"}
    answer = site.call("POST", "/api/me/avatar", body, **form, **token)
    assert answer.status == 200, answer
    url = answer.json()["data"]["avatar_url"]
    served = site.call("GET", url.removeprefix("https://api.example.com"))
    assert "immutable" in served.headers["cache-control"]
    large = site.call("PUT", "/api/me", {"nickname": "x" * 2**20}, **token)
    assert (large.status, large.json()["error"]) == (413, "payload_too_large")


def test_upgrade_with_a_migration_that_is_killed_and_run_again_loses_no_request(site, dice):
    head = site.flask("db", "heads").split()[0]
    site.engine.docker("tag", "myapi", "myapi:before")
    try:
        with Phones(site) as phones:
            site.engine.docker("build", "--tag=myapi", "-", input=NEXT.format(head=head))
            site.upgrade(kill_after=dice.uniform(1, 25))
            code, told = site.upgrade()
            time.sleep(1)
        assert code == 0, told
        assert "current" in site.flask("db", "state")
        figure(site.file, "requests in an upgrade", len(phones.sent))
        figure(site.file, "of them failed", len(phones.failed))
        assert phones.failed == []
        assert len(phones.sent) > 500
    finally:
        site.engine.docker("tag", "myapi:before", "myapi")


def test_backup_and_restore_killed_at_random_leave_a_whole_database(site, dice):
    """A killed backup leaves no file; a killed restore the old database or the new."""
    site.call_as("alice", "before")
    site.compose("exec", "-T", "jobs", "flask", "backup", BACKUP[site.file])
    for round_ in range(2):
        site.call_as("alice", f"after{round_}")
        backup = ("flask", "backup", BACKUP[site.file].replace("mine", f"killed{round_}"))
        killed(site, dice, *backup)
        restore = ("flask", "restore", "--yes", BACKUP[site.file])
        killed(site, dice, *restore)
        assert site.name_of(site.login("alice")) in {"before", f"after{round_}"}
    for file in site.compose("exec", "-T", "jobs", "sh", "-c", "ls /backups").split():
        site.compose("exec", "-T", "jobs", "flask", "restore", "--check", f"/backups/{file}")
    token = site.login("alice")
    site.compose("exec", "-T", "jobs", "flask", "restore", "--yes", BACKUP[site.file])
    code, told = site.upgrade("--restart")
    assert code == 0, told
    assert site.name_of(token) == "session_ended"
    assert site.name_of(site.login("alice")) == "before"


def killed(site, dice, *command):
    """Run a command in a container of its own and kill it at some moment."""
    name = f"killed{dice.getrandbits(32)}"
    run = site.engine.start(
        *site.compose_arguments("run", "--rm", "--no-deps", "-T", f"--name={name}", "jobs"),
        *command,
    )
    site.wait(lambda: name in site.engine.docker("ps", "--format={{.Names}}") or run.poll() == 0)
    time.sleep(dice.uniform(0.3, 2))
    site.engine.try_docker("kill", name)
    run.wait()


def logged(site):
    lines = site.compose("logs", "--no-log-prefix", "--no-color", "app-1", "app-2").splitlines()
    found = [json.loads(line[line.index("{") :]) for line in lines if "{" in line]
    return [entry for entry in found if entry.get("event") == "request"]
