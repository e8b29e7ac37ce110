"""From a bare Debian 12 to HTTPS, and everything that can happen to it later."""

import re
import time

import pytest

from tests.install.container import DEBIAN
from tests.install.figures import figure
from tests.install.server import DOMAIN, SETTINGS, unlike
from tests.revisions import HEAD

# A second migration of a team's own, which adds and takes nothing away.
MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision = "further"
down_revision = {HEAD!r}

def upgrade():
    op.add_column("users", sa.Column("note", sa.String(64)))
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("notes")
    op.drop_column("users", "note")
"""
# It answers on trial, and with an error once it is live: only the trial has such a folder.
BROKEN_ONCE_LIVE = """
import os
if "RUNTIME_DIRECTORY" not in os.environ:
    def nothing(environ, start_response):
        start_response("500 Internal Server Error", [("Content-Type", "application/json")])
        return [b"{}"]
    app.wsgi_app = nothing
"""
UNITS = ("myapi", "myapi-purge", "myapi-backup", "myapi-doctor", "myapi-canary@x")


@pytest.fixture(scope="module")
def server(booted):
    return booted(DEBIAN)


@pytest.fixture(scope="module")
def bare(server):
    """What the machine was before anything was done to it."""
    return server.everything(), server.packages()


# ---- it is made ----


def test_a_dry_run_changes_nothing(server, bare):
    assert "would install nginx" in server.up("--dry-run").stdout
    assert unlike(bare[0], server.everything()) == []


def test_another_system_is_refused_by_name_and_unchanged(server, bare):
    release = server.root / "etc/os-release"
    text = release.read_text()
    release.write_text(text.replace('"12"', '"11"').replace("ID=debian", "ID=centos"))
    done = server.up()
    release.write_text(text)
    assert done.returncode == 1
    assert "nothing has been changed" in done.stderr
    assert "has to be one of Ubuntu 22.04" in done.stderr
    assert (
        unlike({**bare[0], "etc/os-release": ""}, {**server.everything(), "etc/os-release": ""})
        == []
    )


def test_a_user_logs_in_over_https_after_one_command(server):
    began = time.monotonic()
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"https://{DOMAIN}/api/hello is live" in done.stdout
    server.logs_in("alice")
    taken = time.monotonic() - began
    figure(DEBIAN.name, "from a bare root file system to the first login", f"{taken:.1f} s")
    server.whole()


def test_once_more_changes_nothing(server):
    before = server.everything()
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout
    changed = unlike(before, server.everything())
    assert [line for line in changed if not line.startswith("var/lib/myapi/myapi.db")] == []


def test_secrets_are_for_the_service_alone(server):
    said = server.run("stat", "-c", "%a %U %n", *server.files("/etc/myapi/secrets")).stdout
    assert {line[:9] for line in said.splitlines()} == {"600 myapi"}
    assert server.run("stat", "-c", "%a %U:%G", "/etc/myapi/env").stdout == "640 root:myapi\n"


def test_flask_commands_run_from_anywhere(server):
    assert len(server.users()) == 1


def test_the_units_stay_below_the_exposure_that_was_promised(server):
    for unit in UNITS:
        exposure = server.exposure(f"{unit}.service")
        if unit == "myapi":
            figure(DEBIAN.name, "exposure of myapi.service (systemd-analyze)", exposure)
        assert exposure <= 2.0
        assert server.run("systemd-analyze", "verify", f"{unit}.service").stderr == ""


def test_sslyze_finds_it_to_be_mozillas_intermediate_profile(server):
    done = server.judged()
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_timers_do_their_work(server):
    for unit in ("myapi-purge", "myapi-backup"):
        assert server.run("systemctl", "start", f"{unit}.service").returncode == 0
    assert any("daily-" in name for name in server.files("/var/lib/myapi/backups"))
    for timer in ("myapi-purge", "myapi-backup", "myapi-doctor", "certbot"):
        assert server.run("systemctl", "is-active", f"{timer}.timer").stdout == "active\n"


# ---- releases, under load ----


def test_a_release_and_a_rollback_lose_no_call(server):
    first = server.live()
    server.change("# another release")
    done, calls = server.under_load("release", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.live() != first
    assert calls["failures"] == []
    done, calls = server.under_load("rollback", lambda: server.deploy("rollback"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.live() == first
    assert calls["failures"] == []


def test_the_former_release_runs_on_the_schema_of_a_later_one(server):
    former = server.live()
    (server.root / "src/migrations/versions/further.py").write_text(MIGRATION)
    done, calls = server.under_load("release with a migration", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.live() != former
    assert calls["failures"] == []
    done, calls = server.under_load(
        "rollback to the release before the migration", lambda: server.deploy("rollback")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.live() == former
    assert calls["failures"] == []  # logins and /readyz are among them
    python = f"{former}/.venv/bin/python"
    asked = "import sqlite3; print(sqlite3.connect('/var/lib/myapi/myapi.db')"
    asked += ".execute('SELECT version_num FROM alembic_version').fetchall())"
    assert server.run(python, "-c", asked).stdout == "[('further',)]\n"
    server.logs_in("bob")
    assert server.call("/readyz")["code"] == 0


def test_a_release_that_answers_nothing_never_goes_live(server):
    before = server.live()
    server.change("app.wsgi_app = None")  # it loads, but answers nothing
    done, calls = server.under_load("refusal of a broken release", server.release)
    assert done.returncode == 1
    assert "did not go live" in done.stderr
    assert server.live() == before
    assert calls["failures"] == []


def test_a_release_that_fails_only_after_the_switch_is_taken_back(server):
    before = server.live()
    server.change(BROKEN_ONCE_LIVE)
    done, calls = server.under_load("release that fails once live, taken back", server.release)
    assert done.returncode == 1, done.stdout
    assert f"{before.rpartition('/')[2]} answers again" in done.stderr
    assert server.live() == before
    assert {failure[2] for failure in calls["failures"]} == {500}
    server.logs_in("carol")


def test_a_restart_and_reloads_lose_no_call(server):
    def disturb():
        server.run("systemctl", "restart", "myapi.service")
        time.sleep(2)
        server.run("systemctl", "reload", "nginx")
        server.run("systemctl", "reload", "myapi.service")
        time.sleep(3)

    _, calls = server.under_load("restart, reload of Nginx, reload of the service", disturb)
    assert calls["failures"] == []


# ---- what is killed ----


def test_a_killed_worker_loses_no_more_than_was_in_its_hands(server):
    """Each client waits for one answer at a time, so it can lose one call, and no second."""

    def kill():
        master = server.run("systemctl", "show", "-P", "MainPID", "myapi").stdout.strip()
        worker = server.run("pgrep", "-P", master).stdout.split()[0]
        assert server.run("kill", "-9", worker).returncode == 0
        time.sleep(3)

    _, calls = server.under_load("killed worker", kill)
    assert len(calls["failures"]) <= calls["clients"]


def test_a_killed_master_comes_back_within_seconds(server):
    """Calls wait in systemd's socket meanwhile; lost is what the workers had in their hands."""

    def kill():
        master = server.run("systemctl", "show", "-P", "MainPID", "myapi").stdout.strip()
        assert server.run("kill", "-9", master).returncode == 0
        time.sleep(5)

    _, calls = server.under_load("killed master", kill)
    assert len(calls["failures"]) <= calls["clients"]
    assert calls["slowest"] < 10


# ---- what time brings ----


def test_a_renewed_certificate_is_served(server):
    before = server.certificate_serial()
    renew = ("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    renewed, calls = server.under_load(
        "renewal of the certificate", lambda: server.run(*renew, **SETTINGS)
    )
    assert renewed.returncode == 0, renewed.stderr
    assert server.certificate_serial() != before
    assert calls["failures"] == []


def test_a_backup_comes_back(server):
    server.change("# the release that knows the schema which the database has by now")
    assert server.release().returncode == 0
    assert server.deploy("backup").returncode == 0
    (file,) = [n for n in server.files("/var/lib/myapi/backups") if "manual-" in n]
    before = {user["id"] for user in server.users()}
    assert server.run("myapi", "users", "erase", min(before), "--yes").returncode == 0
    done = server.deploy("restore", file, "--yes")
    assert done.returncode == 0, done.stderr
    assert {user["id"] for user in server.users()} == before
    server.logs_in("alice")


def test_a_restore_of_what_is_no_backup_is_refused(server):
    refused = server.deploy("restore", "/etc/passwd", "--yes")
    assert (refused.returncode, "nothing has been changed" in refused.stderr) == (1, True)
    server.logs_in("alice")


def test_it_survives_a_reboot(server):
    server.reboot()
    began = time.monotonic()
    server.logs_in("alice")
    figure(DEBIAN.name, "from a reboot to a login", f"{time.monotonic() - began:.1f} s")
    for unit in ("myapi-purge.timer", "myapi-backup.timer", "myapi-doctor.timer"):
        assert server.run("systemctl", "is-active", unit).stdout == "active\n"


# ---- it goes ----


def test_it_goes_and_leaves_data_backups_and_secrets(server):
    assert server.deploy("uninstall").returncode == 1  # without --yes
    kept = ("/var/lib/myapi", "/etc/myapi")
    before = {folder: sorted(server.files(folder)) for folder in kept}
    done = server.deploy("uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    for folder in kept:
        left = {name for name in before[folder] if not re.search(r"-(wal|shm)$", name)}
        assert left <= set(server.files(folder))
    assert not (server.root / "opt/myapi").exists()
    assert server.files("/etc/systemd/system", "f") == []


def test_what_was_kept_serves_the_next_install(server):
    before = server.run("cat", "/etc/myapi/secrets/secret_keys").stdout
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.run("cat", "/etc/myapi/secrets/secret_keys").stdout == before
    names = {user["id"] for user in server.users()}
    assert server.logs_in("alice") in names


def test_purged_it_leaves_the_machine_as_it_was(server, bare):
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stderr
    server.is_as_it_was(bare)
