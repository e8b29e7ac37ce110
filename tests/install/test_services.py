"""Install with MariaDB and Redis on the same machine, given by URLs, and a firewall (ufw)."""

import re

import pytest

from tests.faults.report import INTERRUPTED
from tests.install import restores
from tests.install.archive import DEBIAN
from tests.install.test_debian import MIGRATION

URLS = {
    "database-url": "mysql+pymysql://shop:a%20password%3A%20of%2Fthe%20test%401@127.0.0.1/shop",
    "redis-url": "redis://127.0.0.1:6379/0",
}
OWN, FRIEND, STRANGER = "10.77.0.1", "10.77.0.2", "10.77.0.3"
SSH = 2222


@pytest.fixture(scope="module")
def server(booted):
    """A server with ufw, still disabled but with an open SSH, on a non-standard port."""
    server = booted(DEBIAN)
    install = ("apt-get", "-qq", "--yes", "--no-install-recommends", "install")
    done = server.run(*install, "ufw", "openssh-server", DEBIAN_FRONTEND="noninteractive")
    assert done.returncode == 0, done.stderr
    (server.root / "etc/ssh/sshd_config.d/port.conf").write_text(f"Port {SSH}\n")
    assert server.run("systemctl", "restart", "ssh").returncode == 0
    for rule in (f"allow {SSH}", f"limit {SSH}/tcp"):
        assert server.run("ufw", *rule.split()).returncode == 0
    for name, url in URLS.items():
        (server.root / "pebble" / name).write_text(f"{url}\n")
    return server


@pytest.fixture(scope="module")
def bare(server):
    return server.file_states(), server.packages()


def up(server, *arguments):
    files = (word for name in URLS for word in (f"--{name}-file", f"/pebble/{name}"))
    return server.up("--ssh-from", FRIEND, *files, *arguments)


def sql(server, statement):
    done = server.run("mariadb", "--batch", "--skip-column-names", "shop", "-e", statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def backups(server, kind):
    return [name for name in server.files("/var/lib/myapi/backups") if f"/{kind}-" in name]


def open_ports(server, address):
    """Return the ports that accept connections from a machine with this address."""
    found = set()
    with server.neighbour(OWN, address) as neighbour:
        for port in (80, 443, SSH, 22, 3306, 6379):
            tried = f"import socket; socket.create_connection(('{OWN}', {port}), 1)"
            if neighbour("python3", "-c", tried).returncode == 0:
                found.add(port)
    return found


@pytest.mark.usefixtures("bare")
def test_user_logs_in_on_mariadb_and_redis_after_one_command(server):
    assert not (server.root / "usr/sbin/mariadbd").exists()
    done = up(server)
    assert done.returncode == 0, done.stdout + done.stderr
    server.log_in("alice")
    assert sql(server, "SELECT COUNT(*) FROM users") == "1"
    assert int(server.run("redis-cli", "dbsize").stdout) > 0  # rate limits are counted there
    assert not (server.root / "var/lib/myapi/myapi.db").exists()


def test_second_run_changes_nothing(server):
    done = up(server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout


def test_dry_run_shows_no_password(server):
    done = up(server, "--dry-run")
    assert "password" not in done.stdout + done.stderr
    assert "a%20" not in done.stdout + done.stderr


def test_ssh_stays_open_only_for_the_named_address(server):
    assert "Status: active" in server.run("ufw", "status").stdout
    assert open_ports(server, FRIEND) == {80, 443, SSH}
    assert open_ports(server, STRANGER) == {80, 443}


def test_release_with_a_migration_loses_no_request(server):
    (server.root / "src/migrations/versions/further.py").write_text(MIGRATION)
    done, calls = server.under_load("release with a migration, on MariaDB", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls["failures"] == []
    assert sql(server, "SELECT version_num FROM alembic_version") == "further"
    assert len(backups(server, "before")) == 1


def test_release_without_a_migration_makes_no_backup(server):
    server.change("# nothing for the database")
    done = server.release()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(backups(server, "before")) == 1


def test_nightly_backup_is_restored(server):
    assert server.run("systemctl", "start", "myapi-backup.service").returncode == 0
    (file,) = backups(server, "daily")
    assert file.endswith(".sql.gz")
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


def test_service_survives_a_reboot(server):
    server.reboot()
    server.log_in("alice")


def test_hourly_doctor_fails_only_on_what_the_test_lacks(server):
    """The test server has no public address and a certificate that phones do not trust."""
    server.run("systemctl", "start", "myapi-doctor.service")
    output = server.run("journalctl", "-u", "myapi-doctor", "-o", "cat", "--no-pager").stdout
    assert set(re.findall(r"^FAIL +(\w+)", output, re.MULTILINE)) == {"dns", "chain"}, output


def test_uninstall_keeps_the_data(server):
    users = sql(server, "SELECT COUNT(*) FROM users")
    kept = set(server.files("/var/lib/myapi")) | set(server.files("/etc/myapi"))
    done = server.deploy("uninstall", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sql(server, "SELECT COUNT(*) FROM users") == users
    assert kept <= set(server.files("/var/lib/myapi")) | set(server.files("/etc/myapi"))
    done = up(server)
    assert done.returncode == 0, done.stdout + done.stderr
    server.log_in("alice")


# Debian keeps a database server's folder and user at a purge, because others may have data there.
KEPT_BY_DEBIAN = (
    "etc/mysql",
    "var/lib/mysql",
    "etc/passwd",
    "etc/shadow",
    "etc/group",
    "etc/gshadow",
)


def test_purge_removes_database_and_packages(server, bare):
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stdout + done.stderr
    # The firewall stays enabled: only its owner may disable it.
    server.assert_unchanged_since(bare, but=("etc/ufw", *KEPT_BY_DEBIAN))
    assert not (server.root / "var/lib/mysql/shop").exists()
