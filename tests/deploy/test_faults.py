"""Faults of `deploy/myapi` that once were, each with what must happen instead."""

import os
import pty
import select
import subprocess
import sys

import pytest

from deploy.lib import (
    backups,
    certificate,
    cli,
    firewall,
    local_servers,
    machine,
    packages,
    paths,
    releases,
    secret_options,
    service_folders,
    settings,
    site,
    state,
)
from myapi.settings import ROOT
from tests.certificates import Issued

needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="as root")


def done(command, code=0, stdout="", stderr=""):
    return subprocess.CompletedProcess(command, code, stdout, stderr)


# ---- secrets on the command line ----


def parsed(*arguments, environ=()):
    """Parse the options of `up`; return them and the notes."""
    options = cli._parser().parse_args(["up", "--domain", "api.example.com", *arguments])
    return options, list(secret_options.fill_in(options, dict(environ)))


def test_secrets_are_read_from_files_without_a_note(tmp_path, monkeypatch):
    for name, text in (("database", "mysql+pymysql://a:b@c/d\n"), ("secret", f"{'5f' * 16}\n")):
        (tmp_path / name).write_text(text)
    reading, writing = os.pipe()
    os.write(writing, b"redis://:hush@cache:6379/0\n")
    os.close(writing)
    monkeypatch.setattr(sys, "stdin", os.fdopen(reading))
    options, notes = parsed(
        *("--database-url-file", str(tmp_path / "database"), "--redis-url-file", "-"),
        *("--wechat-appid", "wx0123456789abcdef"),
        *("--wechat-secret-file", str(tmp_path / "secret")),
    )
    assert notes == []
    assert options.database_url == "mysql+pymysql://a:b@c/d"
    assert options.redis_url == "redis://:hush@cache:6379/0"
    account = settings.wechat_account(secret_options.wechat_variables(options, {}))
    assert (account.appid, account.secret) == ("wx0123456789abcdef", "5f" * 16)
    sys.stdin.close()


def test_secrets_on_the_command_line_still_work_with_a_note():
    options, notes = parsed(
        *("--database-url", "mysql+pymysql://a:hush@c/d", "--redis-url", "redis://:hush@c/0"),
        environ={"MYAPI_WECHAT_SECRET": "hush", "SUDO_COMMAND": "deploy/myapi up"},
    )
    assert options.database_url == "mysql+pymysql://a:hush@c/d"
    assert [note.partition(" is in")[0] for note in notes] == [
        "note: --database-url",
        "note: --redis-url",
        "note: sudo MYAPI_WECHAT_SECRET=…",
    ]
    assert "hush" not in "".join(notes)
    assert "--wechat-secret-file" in notes[2]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b"", "must hold one line"),
        (b"hush\nquiet\n", "must hold one line"),
        ("hush密".encode("gbk"), "not in UTF-8"),
    ],
)
def test_file_without_a_secret_is_refused_and_not_shown(tmp_path, content, told):
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    with pytest.raises(machine.DeployError, match=told) as refused:
        parsed("--database-url-file", str(tmp_path / "url"))
    assert "hush" not in str(refused.value)


@pytest.fixture
def etc(tmp_path, monkeypatch):
    """An empty /etc/myapi, with /etc/letsencrypt/live beside it."""
    for name, path in {
        "ETC": "etc",
        "ENV": "etc/env",
        "SECRETS": "etc/secrets",
        "TLS": "etc/tls",
        "STATE": "etc/installed.json",
        "LIVE": "live",
        "HOOK": "hooks/myapi",
    }.items():
        monkeypatch.setattr(paths, name, tmp_path / path)
    return tmp_path / "etc"


def test_up_asks_for_appid_and_secret_on_a_terminal(tmp_path):
    script = (
        "from pathlib import Path; from deploy.lib import paths, settings;"
        f" paths.ENV = Path({str(tmp_path / 'env')!r});"
        " account = settings.wechat_account({}); print(account.appid, len(account.secret))"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as asked:
        os.close(theirs)
        for prompt, typed in ((b"APPID: ", b"wx0123456789abcdef"), (b"SECRET: ", b"5f" * 16)):
            printed = read_until(ours, prompt)
            os.write(ours, typed + b"\n")
        printed = read_until(ours, b"wx0123456789abcdef 32")
        assert b"5f5f" not in printed  # what is typed is not shown
    os.close(ours)
    assert asked.returncode == 0


def read_until(terminal, text):
    """Read from a terminal until this text has come; getpass drops what is typed before it asks."""
    printed = b""
    while text not in printed:
        assert select.select([terminal], [], [], 20)[0], printed
        printed += os.read(terminal, 1000)
    return printed


@pytest.mark.usefixtures("etc")
def test_without_a_terminal_the_missing_option_is_named(monkeypatch):
    monkeypatch.setattr(settings.os, "isatty", lambda _handle: False)
    with pytest.raises(machine.DeployError, match="give --wechat-secret-file"):
        settings.wechat_account({"MYAPI_WECHAT_APPID": "wx0123456789abcdef"})


# ---- the firewall ----


@pytest.fixture
def ufw(monkeypatch):
    """A firewall with these rules; returns the commands that `--ssh-from 10.0.0.7` runs."""

    def run(*rules):
        ran = []

        def capture(*command, **_):
            ran.append(" ".join(command))
            outputs = {
                ("ufw", "show", "added"): "Added user rules:\n" + "\n".join(rules) + "\n",
                ("ufw", "status"): "Status: active\n",
                ("ufw", "app", "info", "OpenSSH"): "Profile: OpenSSH\n\nPort:\n  22/tcp\n",
                ("ufw", "app", "info", "Nginx Full"): "Profile: X\n\nPorts:\n  80,443/tcp\n",
            }
            return done(command, stdout=outputs.get(command, ""))

        monkeypatch.setattr(firewall, "capture", capture)
        monkeypatch.setattr(machine, "capture", capture)
        monkeypatch.setattr(firewall.shutil, "which", lambda *_, **__: "/usr/sbin/ufw")
        firewall.open_ports(machine.Machine(), ["10.0.0.7"])
        return [command for command in ran if "delete" in command]

    return run


@pytest.mark.parametrize(
    "rule",
    [
        "allow OpenSSH",
        "limit OpenSSH",
        "allow 22",
        "allow 22/tcp",
        "limit 22/tcp",
        "allow in on eth0 to any port 22 proto tcp",
        "allow from any to any port 22",
    ],
)
def test_older_rule_that_leaves_ssh_open_to_all_is_deleted(ufw, rule):
    assert ufw("ufw allow from 10.0.0.7 to any port 22 proto tcp", f"ufw {rule}") == [
        f"ufw delete {rule}"
    ]


def test_comment_is_no_part_of_the_deleted_rule(ufw):
    assert ufw("ufw allow 22/tcp comment 'from the office'") == ["ufw delete allow 22/tcp"]


@pytest.mark.parametrize("rule", ["allow 20:25/tcp", "allow 22,80/tcp", "allow from any"])
def test_rule_that_opens_ssh_among_other_ports_is_named(ufw, capsys, rule):
    assert ufw(f"ufw {rule}") == []
    assert f"replace it yourself: ufw {rule}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "rule",
    [
        "allow from 198.51.100.0/24 to any port 22 proto tcp",
        "allow 'Nginx Full'",
        "allow 2222/tcp",
        "allow 22/udp",
        "deny 22/tcp",
        "allow out 22/tcp",
    ],
)
def test_other_rules_stay_without_a_word(ufw, capsys, rule):
    assert ufw(f"ufw {rule}") == []
    assert "replace it" not in capsys.readouterr().out


def test_forwards_of_ssh_clients_are_no_ssh_ports():
    listening = "".join(
        f'LISTEN 0 128 {address} 0.0.0.0:* users:(("sshd",pid=1,fd=3))\n'
        for address in ("0.0.0.0:22", "127.0.0.1:6010", "[::1]:6010", "127.0.0.1%lo:8080")
    )
    assert firewall.ssh_ports(listening) == ["22"]


# ---- links in folders of the service ----


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The data folder, which belongs to the service: the user nobody."""
    folder = tmp_path / "data"
    (folder / "backups").mkdir(parents=True)
    for path in (folder, folder / "backups"):
        os.chown(path, 65534, 65534)
    monkeypatch.setattr(paths, "DATA", folder)
    monkeypatch.setattr(paths, "BACKUPS", folder / "backups")
    return folder


@pytest.fixture
def secret(tmp_path):
    """A folder with a file of root's."""
    folder = tmp_path / "root"
    folder.mkdir(mode=0o755)
    (folder / "shadow.db").write_text("hush")
    (folder / "shadow.db").chmod(0o600)
    return folder / "shadow.db"


@needs_root
def test_owner_is_not_given_to_what_a_link_of_the_service_points_to(data, secret, monkeypatch):
    monkeypatch.setattr(machine, "_ids", lambda _owner: (65534, 65534))
    (data / "backups").rmdir()
    (data / "backups").symlink_to(secret.parent)
    with pytest.raises(machine.DeployError, match="must be a folder, not a link"):
        machine.Machine().ensure_folder(data / "backups", mode=0o700, owner="nobody:nogroup")
    assert (secret.parent.stat().st_uid, secret.parent.stat().st_mode & 0o777) == (0, 0o755)


@needs_root
def test_written_file_does_not_follow_a_link_of_the_service(data, secret, monkeypatch):
    monkeypatch.setattr(machine, "_ids", lambda _owner: (65534, 65534))
    (data / ".key.new").symlink_to(secret)
    machine.Machine().write(data / "key", "new", mode=0o600, owner="nobody:nogroup")
    assert (data / "key").read_text() == "new"
    assert (secret.read_text(), secret.stat().st_uid) == ("hush", 0)


@needs_root
@pytest.mark.parametrize("what", ["file", "folder"])
def test_restore_reads_no_file_behind_a_link_of_the_service(data, secret, what):
    file = data / "backups" / "shadow.db"
    if what == "file":
        file.symlink_to(secret)
    else:
        file.parent.rmdir()
        file.parent.symlink_to(secret.parent)
    with pytest.raises(machine.DeployError, match="links are not followed here"):
        service_folders.copy_for_service(file, data / "copy.db")
    assert not (data / "copy.db").exists()


@needs_root
def test_restore_writes_to_no_place_behind_a_link_of_the_service(data, secret, tmp_path):
    (tmp_path / "backup.db").write_text("data")
    (data / "backups" / ".restore.db").symlink_to(secret)
    service_folders.copy_for_service(tmp_path / "backup.db", data / "backups" / ".restore.db")
    copy = data / "backups" / ".restore.db"
    assert (copy.read_text(), copy.stat().st_uid, copy.is_symlink()) == ("data", 65534, False)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (secret.read_text(), secret.stat().st_uid) == ("hush", 0)
    copy.unlink()
    copy.parent.rmdir()
    copy.parent.symlink_to(secret.parent)
    with pytest.raises(machine.DeployError, match="links are not followed here"):
        service_folders.copy_for_service(tmp_path / "backup.db", copy)
    assert sorted(each.name for each in secret.parent.iterdir()) == ["shadow.db"]


@needs_root
def test_backup_in_the_folder_of_the_service_is_copied(data):
    (data / "backups" / "daily.db").write_text("data")
    service_folders.copy_for_service(
        data / "backups" / "daily.db", data / "backups" / ".restore.db"
    )
    assert (data / "backups" / ".restore.db").read_text() == "data"


# ---- a dry run, MariaDB, certificates ----


def test_dry_run_without_nginx_is_no_traceback(etc, monkeypatch):
    monkeypatch.setattr(site, "capture", lambda *command: done(command, 127, stderr="not found"))
    site.ensure_placeholder_certificate(machine.Machine(dry_run=True))
    assert not etc.exists()


@pytest.mark.usefixtures("etc")
def test_dry_run_asks_for_nothing():
    assert settings.wechat_account({}, ask=False) == settings.WeChatAccount()


URL = "mysql+pymysql://shop:hush@127.0.0.1/shop"


@pytest.mark.parametrize(
    ("error", "usable", "problem"),
    [
        ("ERROR 1045 (28000): Access denied for user 'root'@'localhost'", False, True),
        ("ERROR 1698 (28000): Access denied for user 'root'@'localhost'", False, True),
        ("ERROR 1045 (28000): Access denied for user 'root'@'localhost'", True, False),
        ("", False, False),
    ],
)
def test_mariadb_whose_root_has_a_password_is_told_before_anything_changes(
    monkeypatch, error, usable, problem
):
    def capture(*command, **_):
        if "--user=root" in command:
            return done(command, 1 if error else 0, stderr=error)
        return done(command, 0 if usable else 1)

    monkeypatch.setattr(local_servers, "capture", capture)
    monkeypatch.setattr(local_servers, "_has_any", lambda *_programs: True)
    told = list(local_servers.access_problems(URL))
    assert bool(told) == problem
    assert "hush" not in "".join(told)
    if problem:
        assert "asks root for a password: create the database shop and its user shop" in told[0]


def test_database_that_its_user_can_use_is_left_as_it_is(mariadb, monkeypatch):
    url = mariadb.create_database("made_by_hand")
    monkeypatch.setattr(local_servers, "_run_sql", lambda _statements: None)  # root is not let in
    monkeypatch.setattr(local_servers, "record", lambda *_args, **_facts: pytest.fail("recorded"))
    local_servers.create_database(machine.Machine(), url)
    mariadb.execute("DROP DATABASE made_by_hand")


def test_combined_pem_puts_no_key_into_the_chain(tmp_path):
    authority = Issued("Test Root", ca=True)
    leaf = Issued("api.example.com", authority)
    file = tmp_path / "combined.pem"
    file.write_bytes(leaf.key_pem + leaf.pem + authority.pem)
    chain, key = certificate.read_files(file, None)
    assert (chain, key) == (leaf.pem + authority.pem, leaf.key_pem)
    assert certificate.find_problem(chain, key, "api.example.com") is None


@pytest.fixture
def certbot(etc, monkeypatch):
    """Certbot, whose certificates are folders in `live`; returns what it was told."""
    told = []

    def capture(*command, **_):
        told.append(command[1])
        name = command[command.index("--cert-name") + 1]
        if command[1] == "certonly" and "--dry-run" not in command:
            (paths.LIVE / name).mkdir(parents=True)
            (paths.LIVE / name / "fullchain.pem").touch()
        return done(command)

    monkeypatch.setattr(certificate, "capture", capture)
    monkeypatch.setattr(machine, "capture", capture)
    monkeypatch.setattr(machine.Machine, "ensure_folder", lambda *_, **__: None)
    monkeypatch.setattr(machine.Machine, "write", lambda *_, **__: True)
    return told


def test_purge_deletes_the_certificate_that_up_requested(certbot):
    certificate.request(machine.Machine(), "api.example.com", "me@example.com", None)
    certificate.delete_own(machine.Machine())
    assert certbot == ["certonly", "certonly", "delete"]


def test_purge_keeps_a_certificate_that_was_there_before(certbot, capsys):
    (paths.LIVE / "api.example.com").mkdir(parents=True)
    (paths.LIVE / "api.example.com" / "fullchain.pem").touch()
    state.record(machine.Machine(), domain="api.example.com")
    certificate.request(machine.Machine(), "api.example.com", "me@example.com", None)
    certificate.delete_own(machine.Machine())
    assert certbot == []
    assert "certbot delete --cert-name api.example.com" in capsys.readouterr().out


def test_purge_of_a_former_releases_installation_deletes_its_certificate(certbot):
    (paths.LIVE / "api.example.com").mkdir(parents=True)
    state.record(machine.Machine(), domain="api.example.com", packages=["certbot", "nginx"])
    certificate.delete_own(machine.Machine())
    assert certbot == ["delete"]


@pytest.mark.parametrize("there", [True, False])
def test_purge_keeps_certbot_while_it_has_certificates(etc, monkeypatch, there):
    ran = []

    def capture(*command, **_):
        ran.append(command)
        return done(command)

    monkeypatch.setattr(packages, "capture", capture)
    monkeypatch.setattr(machine, "capture", capture)
    monkeypatch.setattr(packages, "LEFTOVERS", {})
    state.record(machine.Machine(), packages=["certbot", "nginx"], came=["certbot", "nginx"])
    if there:
        (paths.LIVE / "www.example.com").mkdir(parents=True)
    packages.purge(machine.Machine())
    assert any("nginx" in command for command in ran)
    assert any("certbot" in command and "purge" in command for command in ran) != there


# ---- backups and releases ----


def test_backups_before_a_restore_are_not_pruned_with_those_before_a_release(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BACKUPS", tmp_path)
    names = [f"before-2026010{n}T000000Z-abcdef01-2026010{n}T000000Z.db" for n in range(1, 8)]
    restores = [f"before-restore-2026010{n}T000000Z.db" for n in range(1, 8)]
    for age, name in enumerate([*restores, *names]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    backups.prune(machine.Machine(), backups.BEFORE_RELEASE, 5)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*names[2:], *restores])


def test_release_is_on_the_disk_before_it_is_marked_complete(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(releases.os, "sync", lambda: steps.append(list(tmp_path.iterdir())))
    monkeypatch.setattr(releases.os, "fsync", lambda _handle: steps.append("fsync"))
    releases._mark_complete(tmp_path, "digest")
    assert steps == [[], "fsync"]
    assert (tmp_path / releases.COMPLETE).read_text() == "digest"


def test_interrupted_trial_stops_its_canary(tmp_path, monkeypatch):
    ran = []

    def capture(*command, **_):
        ran.append(command[1:])
        return done(command)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(releases, "capture", capture)
    monkeypatch.setattr(releases, "healthy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        releases.run_canary(machine.Machine(), tmp_path)
    unit = f"myapi-canary@{tmp_path.name}.service"
    assert ran[1:] == [("start", unit), ("stop", unit), ("reset-failed", unit)]


@needs_root
def test_interrupted_copy_leaves_nothing(data, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    (tmp_path / "backup.db").write_text("data")
    monkeypatch.setattr(service_folders.shutil, "copyfileobj", interrupted)
    with pytest.raises(KeyboardInterrupt):
        service_folders.copy_for_service(tmp_path / "backup.db", data / "backups" / ".restore.db")
    assert list((data / "backups").iterdir()) == []


def test_two_backups_in_one_second_get_two_names(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "BACKUPS", tmp_path)
    monkeypatch.setattr(backups, "suffix", lambda: ".db")
    first = backups.new_file("manual")
    first.touch()
    assert backups.new_file("manual") != first
