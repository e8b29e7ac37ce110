"""What `deploy/myapi` checks before it acts: the machine, the domain, the certificate."""

import http.server
import ipaddress
import shutil
import socketserver
import subprocess
import sys
import threading
import time
import zipfile
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from deploy.lib import (
    certificate,
    cli,
    firewall,
    health,
    local_servers,
    machine,
    packages,
    preflight,
    releases,
)
from myapi.settings import ROOT
from tests.certificates import Issued
from tests.raw_logins import ADVICE, PARTS, RAW_LOGINS

NAME = "api.example.com"
LISTENING = """\
LISTEN 0 128 0.0.0.0:2222 0.0.0.0:* users:(("sshd",pid=1,fd=3))
LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=2,fd=6))
LISTEN 0 511 [::]:443 [::]:* users:(("apache2",pid=3,fd=4))
"""


@pytest.mark.parametrize(
    ("name", "version", "supported"),
    [
        ("debian", "12", True),
        ("ubuntu", "22.04", True),
        ("ubuntu", "24.04", True),
        ("debian", "11", False),
        ("centos", "7", False),
        ("alinux", "3", False),
    ],
)
def test_only_supported_systems_are_accepted(name, version, supported):
    found = {"ID": name, "VERSION_ID": version, "PRETTY_NAME": f"{name} {version}"}
    problems = list(preflight.check_system(found))
    assert (problems == []) == supported
    assert supported or f"{name} {version}" in problems[0]
    assert supported or "docs/guides/container" in problems[0]


def test_too_little_memory_or_disk_or_wrong_clock_is_refused():
    assert len(list(preflight.check_resources(512 << 20, 1 << 30, 0))) == 3
    assert list(preflight.check_resources(2 << 30, 20 << 30, 1_800_000_000)) == []


@pytest.mark.parametrize(
    ("processor", "python", "needed"),
    [
        ("aarch64", (3, 10), True),  # Ubuntu 22.04: gevent has no wheel
        ("aarch64", (3, 11), False),
        ("x86_64", (3, 10), False),
    ],
)
def test_compiler_is_installed_where_gevent_has_no_wheel(monkeypatch, processor, python, needed):
    monkeypatch.setattr(packages.platform, "machine", lambda: processor)
    monkeypatch.setattr(packages.sys, "version_info", python)
    assert packages.needs_compiler() == needed


def test_port_in_use_is_reported_with_its_program():
    (problem,) = preflight.check_ports(LISTENING)
    assert "port 443 is in use by apache2" in problem


def test_ssh_port_is_read_from_the_listening_sockets():
    assert firewall.ssh_ports(LISTENING) == ["2222"]
    assert firewall.ssh_ports("") == ["22"]


def test_ssh_port_is_read_from_the_systemd_socket():
    listen = "Listen=0.0.0.0:2200 (Stream)\nListen=[::]:2200 (Stream)\nActiveState=active\n"
    assert firewall.ssh_ports("", listen) == ["2200"]


def test_ssh_clients_are_found_for_every_form_of_address():
    established = """\
0 0 10.0.0.5:2222 198.51.100.7:50022
0 0 [::ffff:10.0.0.5]:2222 [::ffff:198.51.100.8]:50023
0 0 [2400::5]:2222 [2400::77]:4000
0 0 10.0.0.5:443 203.0.113.1:40000
"""
    peers = {str(peer) for peer in firewall.ssh_peers(established, ["2222"])}
    assert peers == {"198.51.100.7", "198.51.100.8", "2400::77"}


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ([], ""),
        (["198.51.100.0/24"], ""),
        (["203.0.113.9"], "lock you out"),
        (["everyone"], "is not an IP address"),
    ],
)
def test_ssh_addresses_must_include_the_current_connection(monkeypatch, named, problem):
    listening = 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))\n'
    monkeypatch.setattr(
        firewall,
        "capture",
        lambda *command: subprocess.CompletedProcess(
            command,
            0,
            "0 0 10.0.0.5:22 198.51.100.7:50022\n" if "-Htn" in command else listening,
            "",
        ),
    )
    assert problem in "".join(firewall.problems(named))


@pytest.mark.parametrize(("status", "opened"), [("active", False), ("inactive", True)])
def test_inactive_firewall_allows_ssh_before_it_is_enabled(monkeypatch, status, opened):
    """An address allowed by an earlier run may be outdated. An active firewall keeps its rules."""
    outputs = {
        ("ufw", "show", "added"): "ufw allow from 198.51.100.7 to any port 22 proto tcp\n",
        ("ufw", "status"): f"Status: {status}\n",
    }
    commands = []

    def capture(*command, **_):
        commands.append(" ".join(command))
        return subprocess.CompletedProcess(command, 0, outputs.get(command, ""), "")

    monkeypatch.setattr(firewall, "capture", capture)
    monkeypatch.setattr(machine, "capture", capture)
    monkeypatch.setattr(firewall.shutil, "which", lambda *_, **__: "/usr/sbin/ufw")
    firewall.open_ports(machine.Machine(), [])
    assert ("ufw allow 22/tcp" in commands) == opened
    assert ("ufw --force enable" in commands) == opened


@pytest.mark.parametrize(
    ("url", "packages"),
    [
        ("sqlite:////var/lib/myapi/myapi.db", []),
        ("mysql+pymysql://a:b@127.0.0.1/c", ["mariadb-server"]),
        ("mysql+pymysql://a:b@localhost:3307/c?charset=utf8mb4", ["mariadb-server"]),
        ("mysql+pymysql://a:b@db.example.com/c", ["mariadb-client"]),
    ],
)
def test_database_server_is_installed_only_for_a_local_url(monkeypatch, url, packages):
    monkeypatch.setattr(local_servers, "PATH", "/nowhere")
    assert local_servers.missing_packages(url, "memory://") == packages


@pytest.mark.parametrize(
    ("url", "packages"),
    [
        ("memory://", []),
        ("redis://127.0.0.1:6379/0", ["redis-server"]),
        ("redis://:pw@cache.example.com:6379/0", []),
        ("rediss://localhost/0", []),  # TLS: set up by the user
    ],
)
def test_redis_is_installed_only_for_a_local_url(monkeypatch, url, packages):
    monkeypatch.setattr(local_servers, "PATH", "/nowhere")
    assert local_servers.missing_packages("sqlite:///x", url) == packages


@pytest.mark.parametrize(
    "url", ["postgresql://a:b@c/d", "mysql+pymysql://127.0.0.1/c", "mysql+pymysql://a:b@c", "x"]
)
def test_invalid_database_url_is_refused_and_not_shown(url):
    (problem,) = local_servers.problems(url, None)
    assert "--database-url must look like" in problem
    assert url not in problem


@pytest.mark.parametrize("login", RAW_LOGINS)
def test_url_with_a_raw_character_in_its_login_is_refused_and_not_shown(login, capsys):
    """Nothing is done with a part of it either, where it is stored already."""
    url, redis = f"mysql+pymysql://{login}@127.0.0.1/shop", f"redis://{login}@127.0.0.1:6379/0"
    found = list(local_servers.problems(url, redis))
    assert len(found) == 2
    for problem, option in zip(found, ("--database-url", "--redis-url"), strict=True):
        assert problem.startswith(f"{option} {ADVICE}")
        assert not any(part in problem for part in PARTS)
    local_servers.create_database(machine.Machine(), url)
    assert local_servers.missing_packages(url, redis) == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hush@cache：6379/0",  # the colon of a Chinese keyboard
        "redis://:hush@cache:quiet/0",
        "redis://:hush",
        "redis://[hush",
    ],
)
def test_malformed_redis_url_is_refused_and_not_shown(url):
    (problem,) = local_servers.problems(None, url)
    assert "--redis-url must look like" in problem
    assert not any(part in problem for part in PARTS)
    assert local_servers.missing_packages("", url) == []


def test_password_that_the_driver_cannot_send_is_refused():
    (problem,) = local_servers.problems("mysql+pymysql://shop:%E5%AF%86@127.0.0.1/shop", None)
    assert "the database's password may only hold ASCII characters" in problem


def test_up_says_how_to_write_the_passwords_of_its_urls(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "resolve", lambda _domain: [])
    status = cli.main(
        [
            *("up", "--dry-run", "--domain", NAME, "--email", "me@example.com"),
            *("--database-url", "mysql+pymysql://shop:hush@quiet@127.0.0.1/shop"),
            *("--redis-url", "redis://:hush#quiet@127.0.0.1/0"),
        ]
    )
    printed = "".join(capsys.readouterr())
    assert status == 1
    assert f"\n  - --database-url {ADVICE}" in printed
    assert f"\n  - --redis-url {ADVICE}" in printed
    assert not any(part in printed for part in PARTS)


def test_password_that_is_encoded_in_the_url_is_that_of_the_created_user(mariadb, monkeypatch):
    password = "p@ss/w:o%r#d?[ ]'\\"
    url = f"mysql+pymysql://deployed:{quote(password, safe='')}@127.0.0.1/deployed"
    assert list(local_servers.problems(url, None)) == []

    def run_sql(statements):
        if statements.startswith("SHOW"):
            return None  # there is no such database
        return [mariadb.execute(each) for each in statements.split("; ")]

    monkeypatch.setattr(local_servers, "_run_sql", run_sql)
    monkeypatch.setattr(local_servers, "record", lambda *_args, **_values: None)
    local_servers.create_database(machine.Machine(), url)
    engine = create_engine(make_url(url).set(port=mariadb.port))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT DATABASE()").scalar() == "deployed"
    engine.dispose()
    mariadb.execute("DROP DATABASE deployed")
    for host in local_servers.LOCAL_HOSTS:
        mariadb.execute(f"DROP USER deployed@'{host}'")


def test_local_database_name_that_needs_quoting_is_refused():
    url = "mysql+pymysql://a:b@{}/it`s"
    assert len(list(local_servers.problems(url.format("127.0.0.1"), None))) == 1
    assert list(local_servers.problems(url.format("db.example.com"), None)) == []


def test_load_balancer_must_be_a_network():
    assert list(preflight.check_networks(["10.0.0.0/8", "2400::/32"])) == []
    assert len(list(preflight.check_networks(["10.0.0.1/8", "the-lb"]))) == 2


# ---- health of a release ----


@pytest.fixture
def release_at(tmp_path):
    """Serve a function of the path, which returns (status, body), on a Unix socket."""
    path = tmp_path / "http.sock"
    servers = []

    def serve(answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self):
                return "unix"

            def log_message(self, *_args):
                pass

        server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        servers.append(server)
        return path

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


HEALTHY = (200, b'{"code": 0}')


def test_release_is_healthy_if_all_probes_succeed(release_at):
    assert health.healthy(release_at(lambda _path: HEALTHY))


def test_one_failed_probe_makes_a_release_unhealthy(release_at):
    path = release_at(lambda path: (503, b"{}") if path == "/readyz" else HEALTHY)
    assert not health.healthy(path)


@pytest.mark.parametrize("wrong", [(500, b"{}"), (200, b"<html>"), (200, b"[]")])
def test_wrong_answer_fails_before_the_timeout(release_at, wrong):
    path = release_at(lambda _path: wrong)
    started = time.monotonic()
    assert not health.healthy(path, timeout=60)
    assert time.monotonic() - started < 30


def test_release_without_an_answer_gets_time_to_start(release_at, tmp_path):
    def start_later():
        time.sleep(0.5)
        release_at(lambda _path: HEALTHY)

    thread = threading.Thread(target=start_later)
    thread.start()
    assert health.healthy(tmp_path / "http.sock", timeout=30)
    thread.join()


@pytest.mark.parametrize(
    ("resolved", "own", "problem", "note"),
    [
        ([], ["203.0.113.9"], "has no address", ""),
        (["8.8.8.8"], ["8.8.8.8"], "", ""),
        (["8.8.8.8"], ["9.9.9.9"], "the A record", ""),
        (["8.8.8.8"], ["10.0.0.5"], "", "behind NAT"),
        (["8.8.8.8", "2400::1"], ["8.8.8.8"], "the AAAA record", ""),
        (["8.8.8.8", "2400::1"], ["8.8.8.8", "2400::1"], "", ""),
    ],
)
def test_domain_must_resolve_to_this_machine(resolved, own, problem, note):
    def parsed(texts):
        return {ipaddress.ip_address(text) for text in texts}

    problems, notes = preflight.check_dns(NAME, parsed(resolved), parsed(own))
    assert (problem in "".join(problems), bool(problems)) == (True, bool(problem))
    assert (note in "".join(notes), bool(notes)) == (True, bool(note))


# ---- the user's own certificate ----


@pytest.fixture(scope="module")
def authority():
    return Issued("Test Root", ca=True)


@pytest.fixture(scope="module")
def intermediate(authority):
    return Issued("Test Intermediate", authority, ca=True)


def test_complete_chain_is_accepted(authority, intermediate):
    leaf = Issued(NAME, intermediate)
    chain = leaf.pem + intermediate.pem + authority.pem
    assert certificate.find_problem(chain, leaf.key_pem, NAME) is None


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("no chain", "the chain is incomplete"),
        ("wrong order", "is not followed by its issuer"),
        ("other key", "the private key does not match"),
        ("expired", "has expired"),
        ("other name", f"is not for {NAME}"),
        ("self-signed", "is self-signed"),
        ("nothing", "contains no PEM certificate"),
        ("no key", "cannot be read"),
    ],
)
def test_invalid_certificate_is_refused_with_the_reason(authority, intermediate, given, problem):
    name = "www.example.com" if given == "other name" else NAME
    validity = {"begins": -9, "ends": -1} if given == "expired" else {}
    leaf = Issued(name, None if given == "self-signed" else intermediate, **validity)
    key = {"other key": intermediate.key_pem, "no key": b"none"}.get(given, leaf.key_pem)
    chain = {
        "no chain": leaf.pem,
        "wrong order": leaf.pem + authority.pem + intermediate.pem,
        "self-signed": leaf.pem,
        "nothing": b"",
    }.get(given, leaf.pem + intermediate.pem + authority.pem)
    assert problem in certificate.find_problem(chain, key, NAME)


def test_certificate_zip_of_the_cloud_console_is_read(tmp_path, authority, intermediate):
    leaf = Issued(NAME, intermediate)
    with zipfile.ZipFile(tmp_path / "cert.zip", "w") as archive:
        archive.writestr(f"123_{NAME}_nginx/{NAME}.pem", leaf.pem + intermediate.pem)
        archive.writestr(f"123_{NAME}_nginx/{NAME}.key", leaf.key_pem)
    found = certificate.read_files(tmp_path / "cert.zip", None)
    assert found == (leaf.pem + intermediate.pem, leaf.key_pem)


# ---- releases and the command line ----


def test_digest_depends_only_on_the_code(tmp_path):
    for name in releases.PARTS:
        if "." in name:
            (tmp_path / name).write_text("x")
        else:
            (tmp_path / name / "__pycache__").mkdir(parents=True)
            (tmp_path / name / "a.py").write_text("x")
    before = releases.digest(tmp_path)
    (tmp_path / "myapi/__pycache__/a.pyc").write_text("y")
    (tmp_path / ".env").write_text("y")
    assert releases.digest(tmp_path) == before
    (tmp_path / "myapi/a.py").write_text("y")
    assert releases.digest(tmp_path) != before


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout without `app/`, whose releases are built in `releases`."""
    folder = tmp_path / "checkout"
    for part in releases.PARTS:
        write(folder / (part if "." in part else f"{part}/a.py"), "x")
    shutil.rmtree(folder / "app")
    monkeypatch.setattr(releases.paths, "CHECKOUT", folder)
    monkeypatch.setattr(releases.paths, "RELEASES", tmp_path / "releases")
    return folder


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def build(monkeypatch):
    """Build a release; return it and the commands that would have installed its packages."""
    commands = []

    def capture(*command, **_):
        commands.append(" ".join(command))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(machine, "capture", capture)
    release = releases.build(machine.Machine(), [])
    return release, [command.replace(f"{release}/", "") for command in commands]


def test_release_takes_the_teams_code_and_packages_along_without_its_tests(checkout, monkeypatch):
    for name in ("__init__.py", "migrations/a1.py", "requirements.txt", "notes/tests.py"):
        write(checkout / "app" / name, "x")
    for name in ("tests/test_notes.py", ".env", "notes/.notes.py.swp", "__pycache__/a.pyc"):
        write(checkout / "app" / name, "x")
    release, commands = build(monkeypatch)
    files = {str(f.relative_to(release / "app")) for f in release.glob("app/**/*") if f.is_file()}
    assert files == {"__init__.py", "migrations/a1.py", "requirements.txt", "notes/tests.py"}
    assert any(c.endswith(" -r requirements.txt -r app/requirements.txt") for c in commands)
    assert any(c.endswith(" compileall -q myapi doctor app") for c in commands)


def test_release_of_a_checkout_without_own_code_is_as_before(checkout, monkeypatch):
    (checkout / "app/__pycache__").mkdir(parents=True)  # which Git leaves behind
    release, commands = build(monkeypatch)
    assert not (release / "app").exists()
    assert any(
        c.endswith(" install --quiet --disable-pip-version-check -r requirements.txt")
        for c in commands
    )
    assert any(c.endswith(" compileall -q myapi doctor") for c in commands)


def test_own_code_makes_another_release_and_its_tests_do_not(checkout):
    without = releases.digest(checkout)
    write(checkout / "app/__init__.py", "x")
    first = releases.digest(checkout)
    write(checkout / "app/tests/test_notes.py", "x")
    write(checkout / "app/.notes.py.swp", "x")
    assert releases.digest(checkout) == first != without
    write(checkout / "app/requirements.txt", "x")
    assert releases.digest(checkout) != first


@pytest.mark.parametrize(
    ("output", "commands"),
    [
        ("behind: 0001\n", ["state", "backup", "upgrade"]),
        ("own code: loaded\nbehind: none\n", ["state", "backup", "upgrade"]),
        ("current: 0002\n", ["state"]),
        ("newer: a1\n", ["state"]),
    ],
)
def test_database_is_backed_up_and_migrated_only_if_it_is_behind(
    tmp_path, monkeypatch, output, commands
):
    assert migrate(tmp_path, monkeypatch, 0, output) == commands


@pytest.mark.parametrize(("code", "output"), [(1, ""), (0, "")])
def test_release_that_cannot_be_loaded_makes_no_backup(tmp_path, monkeypatch, code, output):
    with pytest.raises(machine.DeployError, match=r"did not go live.*\nError: app/ is broken"):
        migrate(tmp_path, monkeypatch, code, output)


def migrate(tmp_path, monkeypatch, code, output):
    """Migrate with a release whose `flask db state` ends so; return the commands that were run."""
    ran = []

    def capture(*command, **_):
        ran.append(next(w for w in ("state", "backup", "upgrade") if w in command))
        error = "Error: app/ is broken\n" if output == "" else ""
        return subprocess.CompletedProcess(command, code, output, error)

    monkeypatch.setattr(machine, "capture", capture)
    monkeypatch.setattr(releases, "capture", capture)
    monkeypatch.setattr(releases, "current", lambda: tmp_path)
    releases.migrate(machine.Machine(), tmp_path)
    return ran


@pytest.mark.parametrize("command", ["up", "release", "rollback", "restore", "uninstall"])
def test_each_command_has_help_and_a_dry_run(command):
    done = subprocess.run(
        [sys.executable, ROOT / "deploy/myapi", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--dry-run" in done.stdout
