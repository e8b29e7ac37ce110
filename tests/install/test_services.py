"""MariaDB and Redis on the same machine, asked for by their URLs, behind a firewall (ufw)."""

import re

import pytest

from tests.install.container import DEBIAN
from tests.install.test_debian import MIGRATION

URLS = (
    *(
        "--database-url",
        "mysql+pymysql://shop:a%20password%3A%20of%2Fthe%20test%401@127.0.0.1/shop",
    ),
    *("--redis-url", "redis://127.0.0.1:6379/0"),
)
OWN, FRIEND, STRANGER = "10.77.0.1", "10.77.0.2", "10.77.0.3"
SSH = 2222


@pytest.fixture(scope="module")
def server(booted):
    """A server with ufw, off as it comes, and SSH on a port of its own."""
    server = booted(DEBIAN)
    install = ("apt-get", "-qq", "--yes", "--no-install-recommends", "install")
    done = server.run(*install, "ufw", "openssh-server", DEBIAN_FRONTEND="noninteractive")
    assert done.returncode == 0, done.stderr
    (server.root / "etc/ssh/sshd_config.d/port.conf").write_text(f"Port {SSH}\n")
    assert server.run("systemctl", "restart", "ssh").returncode == 0
    return server


@pytest.fixture(scope="module")
def bare(server):
    return server.everything(), server.packages()


def up(server, *arguments):
    return server.up("--ssh-from", FRIEND, *URLS, *arguments)


def sql(server, statement):
    done = server.run("mariadb", "--batch", "--skip-column-names", "shop", "-e", statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def backups(server, kind):
    return [name for name in server.files("/var/lib/myapi/backups") if f"/{kind}-" in name]


def open_ports(server, address):
    """Try the ports from another machine that has this address."""
    found = set()
    with server.neighbour(OWN, address) as neighbour:
        for port in (80, 443, SSH, 22, 3306, 6379):
            tried = f"import socket; socket.create_connection(('{OWN}', {port}), 1)"
            if neighbour("python3", "-c", tried).returncode == 0:
                found.add(port)
    return found


@pytest.mark.usefixtures("bare")
def test_a_user_logs_in_on_mariadb_and_redis_after_one_command(server):
    assert not (server.root / "usr/sbin/mariadbd").exists()
    done = up(server)
    assert done.returncode == 0, done.stdout + done.stderr
    server.logs_in("alice")
    assert sql(server, "SELECT COUNT(*) FROM users") == "1"
    assert int(server.run("redis-cli", "dbsize").stdout) > 0  # its limits are counted there
    assert not (server.root / "var/lib/myapi/myapi.db").exists()


def test_once_more_changes_nothing(server):
    done = up(server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout


def test_no_password_is_shown(server):
    done = up(server, "--dry-run")
    assert "password" not in done.stdout + done.stderr
    assert "a%20" not in done.stdout + done.stderr


def test_ssh_stays_open_on_its_true_port_for_who_was_named(server):
    assert "Status: active" in server.run("ufw", "status").stdout
    assert open_ports(server, FRIEND) == {80, 443, SSH}
    assert open_ports(server, STRANGER) == {80, 443}


def test_a_release_with_a_migration_loses_no_call(server):
    (server.root / "src/migrations/versions/further.py").write_text(MIGRATION)
    done, calls = server.under_load("release with a migration, on MariaDB", server.release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls["failures"] == []
    assert sql(server, "SELECT version_num FROM alembic_version") == "further"
    assert len(backups(server, "before")) == 1


def test_a_release_without_a_migration_makes_no_backup(server):
    server.change("# nothing for the database")
    done = server.release()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(backups(server, "before")) == 1


def test_the_nightly_backup_comes_back(server):
    assert server.run("systemctl", "start", "myapi-backup.service").returncode == 0
    (file,) = backups(server, "daily")
    assert file.endswith(".sql.gz")
    before = {user["id"] for user in server.users()}
    assert server.run("myapi", "users", "erase", min(before), "--yes").returncode == 0
    done = server.deploy("restore", file, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {user["id"] for user in server.users()} == before
    server.logs_in("alice")


def test_it_survives_a_reboot(server):
    server.reboot()
    server.logs_in("alice")


def test_the_hourly_doctor_finds_nothing_but_what_the_test_has_not(server):
    """It has no public address, and an authority that no phone knows."""
    server.run("systemctl", "start", "myapi-doctor.service")
    said = server.run("journalctl", "-u", "myapi-doctor", "-o", "cat", "--no-pager").stdout
    assert set(re.findall(r"^FAIL +(\w+)", said, re.MULTILINE)) == {"dns", "chain"}, said


def test_gone_it_leaves_the_data(server):
    users = sql(server, "SELECT COUNT(*) FROM users")
    kept = set(server.files("/var/lib/myapi")) | set(server.files("/etc/myapi"))
    done = server.deploy("uninstall", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sql(server, "SELECT COUNT(*) FROM users") == users
    assert kept <= set(server.files("/var/lib/myapi")) | set(server.files("/etc/myapi"))
    done = up(server)
    assert done.returncode == 0, done.stdout + done.stderr
    server.logs_in("alice")


# Debian keeps a database server's own folder and user at a purge: others may have data there.
OF_THE_SERVER = (
    "etc/mysql",
    "var/lib/mysql",
    "etc/passwd",
    "etc/shadow",
    "etc/group",
    "etc/gshadow",
)


def test_purged_it_leaves_neither_database_nor_packages(server, bare):
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stdout + done.stderr
    # The firewall stays as strict as it was made: to switch it off is its owner's to say.
    server.is_as_it_was(bare, but=("etc/ufw", *OF_THE_SERVER))
    assert not (server.root / "var/lib/mysql/shop").exists()
