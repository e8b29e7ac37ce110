"""A server of the former release is upgraded by `release`, and goes back and forth under load.

The former release kept no record of what `up` was told, and its `release` wrote no file of Nginx.
"""

import json
import re

import pytest
from PIL import Image

from tests.install import former as former_release
from tests.install.archive import DEBIAN
from tests.install.server import DOMAIN, FROM_AUTHORITY, SETTINGS, finished

NGINX = "etc/nginx/sites-enabled/zz-myapi.conf"
UNITS = "etc/systemd/system"
COMMAND_FILE = "usr/local/bin/myapi"
BEHIND = ("--behind", "10.9.0.0/16", "--behind", "10.8.0.0/16")
#: What the former release had none of.
NEW_UNITS = (
    "myapi-events.service",
    "myapi-events.service.d/hardening.conf",
    "myapi-events.timer",
    "myapi-messages.service",
    "myapi-messages.service.d/hardening.conf",
    "myapi-messages.timer",
)
# A timer of a later release, whose command the releases before it lack.
TIMER = "[Timer]\nOnCalendar=hourly\n[Install]\nWantedBy=timers.target\n"
SERVICE = """\
[Service]
Type=oneshot
ExecCondition=/bin/sh -c 'cd -P /opt/myapi/current || exit 0; \\
  .venv/bin/python -m flask chores --help >/dev/null 2>&1; [ $$? != 2 ]'
ExecStart=/bin/sh -ec 'cd -P /opt/myapi/current; exec .venv/bin/python -m flask chores'
"""
COMMAND = """
import click

@app.cli.command("chores")
def chores() -> None:
    click.echo("done")
"""


@pytest.fixture(scope="module")
def server(booted):
    """A server that the former release has installed, from its own checkout in /former."""
    if reason := former_release.unavailable():
        pytest.skip(reason)
    server = booted(DEBIAN)
    former_release.unpack(server.root / "former")
    command = ("up", "--domain", DOMAIN, *FROM_AUTHORITY, *BEHIND, "--wheels", "/wheels")
    done = server.run("/former/deploy/myapi", *command, **SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    server.log_in("alice")
    assert "site" not in state(server)
    return server


@pytest.fixture(scope="module")
def former(server):
    """What the former release wrote."""
    return server.current_release(), surroundings(server)


def state(server):
    return json.loads((server.root / "etc/myapi/installed.json").read_text())


def surroundings(server):
    """Return Nginx's file, the units with their drop-ins, and the command, by their paths."""
    files = [server.root / NGINX, server.root / COMMAND_FILE]
    files += (server.root / UNITS).glob("myapi*")
    files += (server.root / UNITS).glob("myapi*/*")
    return {str(f.relative_to(server.root)): f.read_text() for f in files if f.is_file()}


def without(name, texts):
    return {path: text for path, text in texts.items() if path != name}


def failed_units(server):
    return server.run("systemctl", "--failed", "--plain", "--no-legend").stdout


def is_enabled(server, unit):
    return server.run("systemctl", "is-enabled", unit).stdout.strip()


def test_release_upgrades_nginx_and_units_and_loses_no_request(server, former):
    _, before = former
    done, calls = server.under_load("upgrade from the former release", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls["failures"] == []
    after = surroundings(server)
    assert "each `up`, `release` and `rollback` overwrites it" in after[NGINX]
    assert "ExecCondition" in after[f"{UNITS}/myapi-purge.service"]
    assert set(after) - set(before) == {f"{UNITS}/{unit}" for unit in NEW_UNITS}
    for timer in ("myapi-events.timer", "myapi-messages.timer"):
        assert is_enabled(server, timer) == "enabled"
    assert re.findall("set_real_ip_from (.*);", after[NGINX]) == 2 * ["10.9.0.0/16", "10.8.0.0/16"]
    assert state(server)["site"] == {
        "domain": DOMAIN,
        "certificate": f"/etc/letsencrypt/live/{DOMAIN}",
        "behind": ["10.9.0.0/16", "10.8.0.0/16"],
    }


@pytest.fixture(scope="module")
def picture(server, former):
    """Upload a picture of a user to the later release; return the user's token and the URL."""
    Image.new("RGB", (64, 48), "navy").save(server.root / "root/picture.png")
    token = server.call("/api/auth/login", "-d", '{"code": "alice"}')["data"]["token"]
    upload = server.run(
        *("curl", "-sS", "--cacert", "/pebble/root.pem", f"https://{DOMAIN}/api/me/avatar"),
        *("-H", f"Authorization: Bearer {token}", "-F", "file=@/root/picture.png"),
    )
    assert upload.returncode == 0, upload.stderr
    url = json.loads(upload.stdout)["data"]["avatar_url"]
    assert url.startswith(f"https://{DOMAIN}/avatars/")
    return token, url


def test_rollback_brings_back_what_the_former_release_had(server, former, picture):
    release, before = former
    done, calls = server.under_load(
        "rollback to the former release", lambda: server.deploy("rollback")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls["failures"] == []
    assert server.current_release() == release
    after = surroundings(server)
    assert without(COMMAND_FILE, after) == without(COMMAND_FILE, before)
    # The former release has no file of the command, so it keeps the later one's.
    assert server.run("myapi", "users", "list").returncode == 0
    for unit in ("myapi-purge", "myapi-backup"):
        assert server.run("systemctl", "start", f"{unit}.service").returncode == 0
    assert "myapi" not in failed_units(server).replace("myapi-doctor", "")


def test_second_rollback_returns_to_the_upgrade(server, former, picture):
    done, calls = server.under_load(
        "return to the later release", lambda: server.deploy("rollback")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls["failures"] == []
    assert server.current_release() != former[0]
    token, url = picture
    shown = server.call("/api/me", "-H", f"Authorization: Bearer {token}")
    assert shown["data"]["avatar_url"] == url
    assert server.fetch(url) == "200 image/jpeg"
    assert "ExecCondition" in surroundings(server)[f"{UNITS}/myapi-purge.service"]


def test_timer_of_a_later_release_comes_and_goes_with_it(server):
    assert server.run("systemctl", "disable", "--now", "myapi-backup.timer").returncode == 0
    source = server.root / "src/deploy/systemd"
    (source / "myapi-chores.timer").write_text(TIMER)
    (source / "myapi-chores.service").write_text(SERVICE)
    server.change(COMMAND)
    done = server.release()
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_enabled(server, "myapi-chores.timer") == "enabled"
    assert server.run("systemctl", "is-active", "myapi-chores.timer").stdout == "active\n"
    assert server.run("systemctl", "start", "myapi-chores.service").returncode == 0
    assert "done" in server.run("journalctl", "-u", "myapi-chores", "-o", "cat").stdout
    assert is_enabled(server, "myapi-backup.timer") == "disabled"  # as the operator wants it

    assert server.deploy("rollback").returncode == 0
    assert not [name for name in surroundings(server) if "myapi-chores" in name]
    assert server.run("systemctl", "is-active", "myapi-chores.timer").stdout == "inactive\n"
    assert not (server.root / UNITS / "timers.target.wants/myapi-chores.timer").is_symlink()

    assert server.deploy("rollback").returncode == 0
    assert is_enabled(server, "myapi-chores.timer") == "enabled"


def test_unit_whose_command_the_live_release_lacks_does_nothing(server, former):
    """The former release's own `rollback` leaves the units of the later one where they are."""
    later = server.current_release()
    server.run("ln", "-sfn", former[0], "/opt/myapi/current")
    started = server.run("systemctl", "start", "myapi-chores.service")
    result = server.run("systemctl", "show", "-P", "Result", "myapi-chores.service").stdout
    server.run("ln", "-sfn", later, "/opt/myapi/current")
    assert (started.returncode, result) == (0, "exec-condition\n"), started.stderr
    assert "myapi-chores" not in failed_units(server)


def test_release_whose_file_nginx_rejects_does_not_go_live(server):
    release, before = server.current_release(), surroundings(server)
    template = server.root / "src/deploy/nginx/https.conf"
    text = template.read_text()
    template.write_text(text.replace("server_tokens off;", "server_tokens maybe;"))
    unit = server.root / "src/deploy/systemd/myapi-purge.timer"
    unit.write_text(unit.read_text().replace("10min", "11min"))
    done, calls = server.under_load("release whose file Nginx rejects", server.release)
    template.write_text(text)
    unit.write_text(unit.read_text().replace("11min", "10min"))
    assert done.returncode == 1
    assert "Nginx rejected the new configuration" in done.stderr
    assert server.current_release() == release
    assert surroundings(server) == before
    assert calls["failures"] == []


def test_release_that_is_no_canary_leaves_everything_as_it_was(server):
    release, before = server.current_release(), surroundings(server)
    unit = server.root / "src/deploy/systemd/myapi-purge.timer"
    unit.write_text(unit.read_text().replace("10min", "11min"))
    server.change("app.wsgi_app = None")
    done, calls = server.under_load("refusal of a broken release", server.release)
    unit.write_text(unit.read_text().replace("11min", "10min"))
    assert done.returncode == 1
    assert server.current_release() == release
    assert surroundings(server) == before
    assert calls["failures"] == []


def test_up_without_options_knows_what_it_was_told(server):
    env = server.root / "etc/myapi/env"
    assert "MYAPI_PUBLIC_URL" not in env.read_text()
    server.change("# nothing new")
    done = finished(server.deploy("up", "--wheels", "/wheels"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set_real_ip_from 10.9.0.0/16;" in (server.root / NGINX).read_text()
    assert f"MYAPI_PUBLIC_URL=https://{DOMAIN}\n" in env.read_text()
    done = finished(server.deploy("up", "--wheels", "/wheels", "--behind", "none"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set_real_ip_from" not in (server.root / NGINX).read_text()
    again = finished(server.deploy("up", "--wheels", "/wheels"))
    assert "nothing had to be changed" in again.stdout, again.stdout + again.stderr
    assert "set_real_ip_from" not in (server.root / NGINX).read_text()


def test_up_restarts_the_service_after_a_changed_setting(server):
    env = server.root / "etc/myapi/env"
    env.write_text(env.read_text() + "MYAPI_SESSIONS_PER_USER=3\n")
    up = lambda: finished(server.deploy("up", "--wheels", "/wheels"))  # noqa: E731
    done, calls = server.under_load("up after a changed setting", up)
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls["failures"] == []
    pid = server.run("systemctl", "show", "-P", "MainPID", "myapi").stdout.strip()
    assert "MYAPI_SESSIONS_PER_USER=3" in server.run("cat", f"/proc/{pid}/environ").stdout
    assert "nothing had to be changed" in up().stdout


def test_up_ends_with_what_the_doctor_found(server):
    """A container has no public address, and its certificate is from an unknown authority."""
    done = server.deploy("up", "--wheels", "/wheels")
    assert done.returncode == 2
    assert "exit code 2" in done.stdout.strip().splitlines()[-1]


def test_no_unit_has_failed(server):
    assert set(re.findall(r"myapi\S*", failed_units(server))) <= {"myapi-doctor.service"}
    server.assert_complete()


def test_uninstall_removes_the_units_of_all_releases(server):
    (server.root / "src/deploy/systemd/myapi-chores.timer").unlink()
    (server.root / "src/deploy/systemd/myapi-chores.service").unlink()
    done = server.deploy("uninstall", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.files(f"/{UNITS}", "f") == []
