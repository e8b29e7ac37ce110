"""An install killed at any point: the next run continues and completes it."""

import re
import subprocess
import time

import pytest

from tests.install.archive import DEBIAN
from tests.install.figures import figure
from tests.install.server import SETTINGS
from tests.install.test_debian import MIGRATION

NGINX = "etc/nginx/sites-enabled/zz-myapi.conf"
# Long steps are also killed while they run: as soon as a file that matches a pattern exists, or
# after a number of seconds.
KILL_WITHIN = {
    "install nginx": ("var/lib/dpkg/info/nginx-common.list", "var/lib/dpkg/info/certbot.list", 0.5),
    "create its virtual environment": ("opt/myapi/releases/*/.venv/bin/python3",),
    "install its Python packages": ("opt/myapi/releases/*/.venv/lib/python3*/site-packages/flask",),
    "apply the database migrations": ("var/lib/myapi/myapi.db", 0.5),
    "start RELEASE as a canary": ("run/myapi-canary/http.sock",),
    "restart the service": (0.3, 1.0),
    "try the certificate request": ("etc/letsencrypt/accounts/*/*/*/private_key.json", 1.0, 2.0),
    "request a certificate": ("etc/letsencrypt/archive/*/cert1.pem", 0.5, 1.5),
}
MOST_RUNS = 200
# Locks and temporary files that a killed `useradd` leaves, which do no harm.
LOCKS = tuple(
    f"etc/{name}{end}"
    for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
    for end in ".+"
)


@pytest.fixture(scope="module")
def server(booted):
    return booted(DEBIAN)


@pytest.fixture(scope="module")
def bare(server):
    return server.file_states(), server.packages()


def step(line):
    """Return an output line without the parts that differ between runs."""
    release = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "RELEASE", line.strip())
    return re.sub(r"\d{8}T\d{6}Z", "TIME", release)


def wait_for(server, sign):
    """Wait until a file matches the pattern, or for a number of seconds."""
    end = time.monotonic() + (sign if isinstance(sign, float) else 20)
    while time.monotonic() < end:
        if isinstance(sign, str) and any(server.inside.glob(sign)):
            return
        time.sleep(0.002)


def run_and_kill(server, command, done, signs):
    """Run a command and kill it at the first step at which no earlier run was killed.

    `done` has the steps of earlier kills, `signs` the rest of `KILL_WITHIN`. Returns the step and
    the output, or None, the exit code and the output if the command completed.
    """
    variables = [f"--setenv={name}={value}" for name, value in SETTINGS.items()]
    # A unit, so that all its processes are killed, such as apt-get and pip, as in a power cut.
    run = ("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit=trial")
    with server.start(*run, *variables, "/src/deploy/myapi", *command) as process:
        output = []
        for line in process.stdout:
            output.append(line)
            if ": failed" in line:
                break
            now = step(line)
            if "firewall" in line:  # only the doctor's findings follow, which change nothing
                break
            if line.startswith(
                ("{", " ", "\n")
            ):  # log lines of the service, or the doctor's output
                continue
            left = next((rest for start, rest in signs.items() if now.startswith(start)), [])
            if now in done and not left:
                continue
            at = now
            if now in done:
                at = f"{now} ({left[0]})"
                wait_for(server, left.pop(0))
            killed = server.run("systemctl", "kill", "-s", "KILL", "trial")
            output += [process.stdout.read(), killed.stderr]
            process.wait(60)
            if killed.returncode:  # it had already completed
                break
            done.add(now)
            return at, "".join(output)
        output.append(process.stdout.read())
        return None, process.wait(60), "".join(output)


def kill_at_each_step(server, command, signs):
    """Run a command and kill it at another point each time; return the points and the result."""
    done, kills = set(), []
    while True:
        at, *rest = run_and_kill(server, command, done, signs)
        if at is None:
            return kills, *rest
        kills.append(at)
        assert len(kills) < MOST_RUNS, "\n".join(kills)


@pytest.mark.usefixtures("bare")
def test_install_killed_at_each_step_completes(server):
    signs = {start: list(rest) for start, rest in KILL_WITHIN.items()}
    kills, code, output = kill_at_each_step(server, server.up_command(), signs)
    assert code == 2, output  # the doctor fails in a container
    figure(DEBIAN.name, "`up` killed, each time at another point", f"{len(kills)} times")
    assert len(kills) > 35
    # These may complete although `up` was killed, and are then not repeated.
    assert {start for start, rest in signs.items() if rest} <= {
        "install nginx",  # where the repair of the interrupted apt run has completed it
        "apply the database migrations",  # a separate unit
        "restart the service",  # a systemd job
        "request a certificate",  # quick: the kill may come too late
    }
    server.log_in("alice")
    server.assert_complete()


def test_killed_install_leaves_one_release_and_nothing_to_change(server):
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout
    assert len(list((server.root / "opt/myapi/releases").iterdir())) == 1
    assert len(list((server.root / "etc/letsencrypt/live").glob("*/"))) == 1
    known = server.run("certbot", "certificates", **SETTINGS).stdout
    assert "Certificate Name: api.example.com" in known  # so it is renewed
    server.assert_complete()


def test_release_killed_at_each_step_completes_without_failed_requests(server):
    former = server.current_release()
    server.change("# another release")
    (server.root / "src/migrations/versions/further.py").write_text(MIGRATION)
    deploy = server.root / "src/deploy"
    with (deploy / "nginx/base.conf").open("a") as file:
        file.write("# of another release\n")
    (deploy / "systemd/myapi-purge.timer").rename(deploy / "systemd/myapi-tidy.timer")
    (deploy / "systemd/myapi-purge.service").rename(deploy / "systemd/myapi-tidy.service")
    kills = []

    def release():
        found, *rest = kill_at_each_step(server, ("release", "--wheels", "/wheels"), {})
        kills.extend(found)
        return rest

    (code, output), calls = server.under_load("release killed at each step", release)
    assert code == 0, output
    assert calls["failures"] == []
    assert len(kills) >= 16
    assert {"write /etc/nginx/sites-enabled/zz-myapi.conf", "reload Nginx"} <= set(kills)
    assert "# of another release" in (server.root / NGINX).read_text()
    units = server.run("systemctl", "list-units", "--all", "--plain", "myapi-*.timer").stdout
    assert ("myapi-tidy.timer" in units, "myapi-purge.timer" in units) == (True, False)
    assert server.run("systemctl", "is-enabled", "myapi-tidy.timer").stdout == "enabled\n"
    assert server.current_release() != former
    pid = server.run("systemctl", "show", "-P", "MainPID", "myapi").stdout.strip()
    assert server.run("readlink", f"/proc/{pid}/cwd").stdout.strip() == server.current_release()
    server.assert_complete()


def test_rollback_killed_at_each_step_loses_no_request(server):
    """A rollback that is run again after it has switched goes forward again, and back."""
    known = {server.current_release(), server.run("readlink", "/opt/myapi/previous").stdout.strip()}
    kills = []

    def rollback():
        found, *rest = kill_at_each_step(server, ("rollback",), {})
        kills.extend(found)
        return rest

    (code, output), calls = server.under_load("rollback killed at each step", rollback)
    assert code == 0, output
    assert calls["failures"] == []
    figure(DEBIAN.name, "`rollback` killed, each time at another point", f"{len(kills)} times")
    assert len(kills) >= 8
    assert server.current_release() in known
    server.log_in("alice")
    server.assert_complete()


def test_rollback_finds_the_other_release_where_a_kill_between_its_links_has_lost_it(server):
    live = server.current_release()
    server.run("ln", "--symbolic", "--force", "--no-dereference", live, "/opt/myapi/previous")
    done = server.deploy("rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.current_release() != live
    server.log_in("alice")
    server.assert_complete()


def test_uninstall_killed_at_each_step_keeps_the_data_for_the_next_up(server):
    users = server.users()
    kills, code, output = kill_at_each_step(server, ("uninstall", "--yes"), {})
    assert code == 0, output
    figure(DEBIAN.name, "`uninstall` killed, each time at another point", f"{len(kills)} times")
    assert len(kills) >= 4
    assert server.files("/opt/myapi") == []
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.users() == users
    server.assert_complete()


def test_simultaneous_second_run_is_refused(server):
    """The second run is refused while the first one works."""
    server.change("# a release that takes its time")
    first = server.start("/src/deploy/myapi", *server.up_command(), **SETTINGS)
    assert isinstance(first, subprocess.Popen)
    first.stdout.readline()
    second = server.up()
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 2, output  # the doctor fails in a container
    assert second.returncode == 1
    assert "another deploy/myapi is already running" in second.stderr


def test_purge_killed_at_each_step_restores_the_machine(server, bare):
    kills, code, output = kill_at_each_step(server, ("uninstall", "--yes", "--purge"), {})
    assert code == 0, output
    figure(DEBIAN.name, "`uninstall --purge` killed, each time at another point", len(kills))
    server.assert_unchanged_since(bare, but=LOCKS)
