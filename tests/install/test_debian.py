"""Install on a minimal Debian 12, then releases, kills, backup, reboot and uninstall."""

import re
import time

import pytest

from tests.faults.report import INTERRUPTED
from tests.install import restores
from tests.install.archive import DEBIAN
from tests.install.figures import figure
from tests.install.server import DOMAIN, SETTINGS, differences
from tests.revisions import HEAD

# A second migration, which only adds.
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
# It works as a canary and fails once live: only the canary unit has a RUNTIME_DIRECTORY.
BROKEN_ONCE_LIVE = """
import os
if "RUNTIME_DIRECTORY" not in os.environ:
    def nothing(environ, start_response):
        start_response("500 Internal Server Error", [("Content-Type", "application/json")])
        return [b"{}"]
    app.wsgi_app = nothing
"""
UNITS = (
    "myapi",
    "myapi-purge",
    "myapi-events",
    "myapi-messages",
    "myapi-backup",
    "myapi-doctor",
    "myapi-canary@x",
)


@pytest.fixture(scope="module")
def server(booted):
    return booted(DEBIAN)


@pytest.fixture(scope="module")
def bare(server):
    """Files and packages before the install."""
    return server.file_states(), server.packages()


# ---- install ----


def test_dry_run_changes_nothing(server, bare):
    done = server.up("--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "would install nginx" in done.stdout
    assert "This was a dry run" in done.stdout
    assert differences(bare[0], server.file_states()) == []


def test_unsupported_system_is_refused_and_unchanged(server, bare):
    release = server.root / "etc/os-release"
    text = release.read_text()
    release.write_text(text.replace('"12"', '"11"').replace("ID=debian", "ID=centos"))
    done = server.up()
    release.write_text(text)
    assert done.returncode == 1
    assert "nothing has been changed" in done.stderr
    assert "use one of Ubuntu 22.04" in done.stderr
    assert (
        differences(
            {**bare[0], "etc/os-release": ""}, {**server.file_states(), "etc/os-release": ""}
        )
        == []
    )


def test_user_logs_in_over_https_after_one_command(server):
    began = time.monotonic()
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"https://{DOMAIN}/api/hello is live" in done.stdout
    assert "request 合法域名 and uploadFile 合法域名" in done.stdout
    server.log_in("alice")
    taken = time.monotonic() - began
    figure(DEBIAN.name, "from a bare root file system to the first login", f"{taken:.1f} s")
    server.assert_complete()


def test_second_run_changes_nothing(server):
    before = server.file_states()
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout
    changed = differences(before, server.file_states())
    assert [line for line in changed if not line.startswith("var/lib/myapi/myapi.db")] == []


def test_only_the_service_can_read_secrets(server):
    output = server.run("stat", "-c", "%a %U %n", *server.files("/etc/myapi/secrets")).stdout
    assert {line[:9] for line in output.splitlines()} == {"600 myapi"}
    assert server.run("stat", "-c", "%a %U:%G", "/etc/myapi/env").stdout == "640 root:myapi\n"


def test_flask_commands_run_from_anywhere(server):
    assert len(server.users()) == 1


def test_units_stay_below_the_promised_exposure(server):
    for unit in UNITS:
        exposure = server.exposure(f"{unit}.service")
        if unit == "myapi":
            figure(DEBIAN.name, "exposure of myapi.service (systemd-analyze)", exposure)
        assert exposure <= 2.0
        assert server.run("systemd-analyze", "verify", f"{unit}.service").stderr == ""


def test_tls_matches_mozillas_intermediate_profile(server):
    done = server.run_sslyze()
    assert done.returncode == 0, done.stdout + done.stderr


def test_timers_purge_and_back_up(server):
    for unit in ("myapi-purge", "myapi-events", "myapi-messages", "myapi-backup"):
        assert server.run("systemctl", "start", f"{unit}.service").returncode == 0
    assert any("daily-" in name for name in server.files("/var/lib/myapi/backups"))
    ours = ("myapi-purge", "myapi-events", "myapi-messages", "myapi-backup", "myapi-doctor")
    for timer in (*ours, "certbot"):
        assert server.run("systemctl", "is-active", f"{timer}.timer").stdout == "active\n"


# ---- releases under load ----


def test_release_and_rollback_lose_no_request(server):
    first = server.current_release()
    server.change("# another release")
    done, calls = server.under_load("release", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.current_release() != first
    assert calls["failures"] == []
    done, calls = server.under_load("rollback", lambda: server.deploy("rollback"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.current_release() == first
    assert calls["failures"] == []


def test_previous_release_runs_on_a_later_schema(server):
    former = server.current_release()
    (server.root / "src/migrations/versions/further.py").write_text(MIGRATION)
    done, calls = server.under_load("release with a migration", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.current_release() != former
    assert calls["failures"] == []
    done, calls = server.under_load(
        "rollback to the release before the migration", lambda: server.deploy("rollback")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.current_release() == former
    assert calls["failures"] == []  # logins and /readyz are among them
    python = f"{former}/.venv/bin/python"
    asked = "import sqlite3; print(sqlite3.connect('/var/lib/myapi/myapi.db')"
    asked += ".execute('SELECT version_num FROM alembic_version').fetchall())"
    assert server.run(python, "-c", asked).stdout == "[('further',)]\n"
    server.log_in("bob")
    assert server.call("/readyz")["code"] == 0


def test_broken_release_never_goes_live(server):
    before = server.current_release()
    server.change("app.wsgi_app = None")  # it loads, but answers nothing
    done, calls = server.under_load("refusal of a broken release", server.release)
    assert done.returncode == 1
    assert "did not go live" in done.stderr
    assert server.current_release() == before
    assert calls["failures"] == []


def test_release_that_fails_after_the_switch_is_rolled_back(server):
    before = server.current_release()
    server.change(BROKEN_ONCE_LIVE)
    done, calls = server.under_load("release that fails once live, taken back", server.release)
    assert done.returncode == 1, done.stdout
    assert f"{before.rpartition('/')[2]} answers again" in done.stderr
    assert server.current_release() == before
    assert {failure[2] for failure in calls["failures"]} == {500}
    server.log_in("carol")


def test_restart_and_reloads_lose_no_request(server):
    def restart_and_reload():
        server.run("systemctl", "restart", "myapi.service")
        time.sleep(2)
        server.run("systemctl", "reload", "nginx")
        server.run("systemctl", "reload", "myapi.service")
        time.sleep(3)

    _, calls = server.under_load(
        "restart, reload of Nginx, reload of the service", restart_and_reload
    )
    assert calls["failures"] == []


# ---- killed processes ----


def test_killed_worker_loses_only_its_open_requests(server):
    """Each client has one open request, so it can lose at most one."""

    def kill():
        master = server.run("systemctl", "show", "-P", "MainPID", "myapi").stdout.strip()
        worker = server.run("pgrep", "-P", master).stdout.split()[0]
        assert server.run("kill", "-9", worker).returncode == 0
        time.sleep(3)

    _, calls = server.under_load("killed worker", kill)
    assert len(calls["failures"]) <= calls["clients"]


def test_killed_master_is_restarted_within_seconds(server):
    """New connections wait in systemd's socket; only open requests of the workers are lost."""

    def kill():
        master = server.run("systemctl", "show", "-P", "MainPID", "myapi").stdout.strip()
        assert server.run("kill", "-9", master).returncode == 0
        time.sleep(5)

    _, calls = server.under_load("killed master", kill)
    assert len(calls["failures"]) <= calls["clients"]
    assert calls["slowest"] < 10


# ---- renewal, backup, reboot ----


def test_renewed_certificate_is_served(server):
    before = server.certificate_serial()
    renew = ("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    renewed, calls = server.under_load(
        "renewal of the certificate", lambda: server.run(*renew, **SETTINGS)
    )
    assert renewed.returncode == 0, renewed.stderr
    assert server.certificate_serial() != before
    assert calls["failures"] == []


def test_backup_is_restored(server):
    server.change("# a release with the current schema of the database")
    assert server.release().returncode == 0
    assert server.deploy("backup").returncode == 0
    (file,) = [n for n in server.files("/var/lib/myapi/backups") if "manual-" in n]
    before = restores.users(server)
    assert server.run("myapi", "users", "erase", min(before), "--yes").returncode == 0
    restores.as_the_page_says(server, file)
    assert restores.users(server) == before
    server.log_in("alice")


def test_restore_that_is_stopped_leaves_the_service_running_on_a_whole_database(
    server, record_property, pytestconfig
):
    for row in restores.stopped_at_random(server, pytestconfig.getoption("kills")):
        record_property(INTERRUPTED, row)


def test_damaged_database_is_restored_and_kept(server):
    new = restores.manual_backup(server)
    server.run("systemctl", "stop", "myapi.socket", "myapi.service")
    (server.root / "var/lib/myapi/myapi.db").write_bytes(b"garbage" * 1000)
    done = server.deploy("restore", new, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "could not be backed up" in done.stdout
    assert "damaged-" in server.run("ls", "/var/lib/myapi").stdout
    server.log_in("alice")


def test_restore_of_an_invalid_backup_is_refused(server):
    refused = server.deploy("restore", "/etc/passwd", "--yes")
    assert (refused.returncode, "nothing has been changed" in refused.stderr) == (1, True)
    server.log_in("alice")


def test_service_survives_a_reboot(server):
    server.reboot()
    began = time.monotonic()
    server.log_in("alice")
    figure(DEBIAN.name, "from a reboot to a login", f"{time.monotonic() - began:.1f} s")
    for unit in ("myapi-purge.timer", "myapi-backup.timer", "myapi-doctor.timer"):
        assert server.run("systemctl", "is-active", unit).stdout == "active\n"


# ---- uninstall ----


def test_uninstall_keeps_data_backups_and_secrets(server):
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


def test_next_install_uses_the_kept_data(server):
    before = server.run("cat", "/etc/myapi/secrets/secret_keys").stdout
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.run("cat", "/etc/myapi/secrets/secret_keys").stdout == before
    names = {user["id"] for user in server.users()}
    assert server.log_in("alice") in names


def test_purge_restores_the_machine(server, bare):
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stderr
    server.assert_unchanged_since(bare)
