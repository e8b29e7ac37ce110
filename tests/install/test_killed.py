"""An install that is killed at any point: the next run goes on from there, and ends well."""

import re
import subprocess
import time

import pytest

from tests.install.container import DEBIAN
from tests.install.figures import figure
from tests.install.server import SETTINGS
from tests.install.test_debian import MIGRATION

# Steps that take long are killed in their midst too: as soon as something shows that they are
# there. A pattern is of files in the machine; a number is seconds after the step was announced.
MIDST = {
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
# What `useradd` leaves of its own locks and new files when it is killed; nobody minds them later.
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
    return server.everything(), server.packages()


def step(line):
    """Return an announcement without what differs from run to run."""
    release = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "RELEASE", line.strip())
    return re.sub(r"\d{8}T\d{6}Z", "TIME", release)


def wait_for(server, sign):
    """Wait until the files are there, or for so many seconds."""
    end = time.monotonic() + (sign if isinstance(sign, float) else 20)
    while time.monotonic() < end:
        if isinstance(sign, str) and any(server.inside.glob(sign)):
            return
        time.sleep(0.002)


def run_until(server, command, done, signs):
    """Run a command until a step begins that no run was killed at, and kill it there.

    `done` has the steps that runs were killed at, `signs` what is left of `MIDST`. Returns what
    it was killed at, or None and the exit code where it came to its end.
    """
    given = [f"--setenv={name}={value}" for name, value in SETTINGS.items()]
    # A unit, so that the whole of it is killed: apt-get and pip too, as when power is lost.
    run = ("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit=trial")
    with server.start(*run, *given, "/src/deploy/myapi", *command) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if ": failed" in line:
                break
            now = step(line)
            if "firewall" in line:  # what follows are the doctor's findings, which change nothing
                break
            if line.startswith(("{", " ", "\n")):  # a log line of the service's, or the doctor's
                continue
            left = next((rest for start, rest in signs.items() if now.startswith(start)), [])
            if now in done and not left:
                continue
            at = now
            if now in done:
                at = f"{now} ({left[0]})"
                wait_for(server, left.pop(0))
            killed = server.run("systemctl", "kill", "-s", "KILL", "trial")
            said += [process.stdout.read(), killed.stderr]
            process.wait(60)
            if killed.returncode:  # it had come to its end before
                break
            done.add(now)
            return at, "".join(said)
        said.append(process.stdout.read())
        return None, process.wait(60), "".join(said)


def killed_until_it_ends(server, command, signs):
    """Run a command and kill it, each time at another point; return where, and how it ended."""
    done, kills = set(), []
    while True:
        at, *rest = run_until(server, command, done, signs)
        if at is None:
            return kills, *rest
        kills.append(at)
        assert len(kills) < MOST_RUNS, "\n".join(kills)


@pytest.mark.usefixtures("bare")
def test_killed_at_each_step_and_in_the_midst_of_long_ones_it_ends_well(server):
    signs = {start: list(rest) for start, rest in MIDST.items()}
    kills, code, said = killed_until_it_ends(server, server.up_command(), signs)
    assert code == 0, said
    figure(DEBIAN.name, "`up` killed, each time at another point", f"{len(kills)} times")
    assert len(kills) > 40
    # These may come to their end although `up` was killed, and are then not begun again.
    assert {start for start, rest in signs.items() if rest} <= {
        "apply the database migrations",  # a unit of its own
        "restart the service",  # a job of systemd's
        "request a certificate",  # quick: the next kill may come too late
    }
    server.logs_in("alice")
    server.whole()


def test_after_all_that_there_is_one_release_and_a_run_changes_nothing(server):
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout
    assert len(list((server.root / "opt/myapi/releases").iterdir())) == 1
    assert len(list((server.root / "etc/letsencrypt/live").glob("*/"))) == 1
    server.whole()


def test_a_release_that_is_killed_at_each_step_ends_well_and_the_service_answers_throughout(server):
    former = server.live()
    server.change("# another release")
    (server.root / "src/migrations/versions/further.py").write_text(MIGRATION)
    kills = []

    def release():
        found, *rest = killed_until_it_ends(server, ("release", "--wheels", "/wheels"), {})
        kills.extend(found)
        return rest

    (code, said), calls = server.under_load("release killed at each step", release)
    assert code == 0, said
    assert calls["failures"] == []
    assert len(kills) >= 8
    assert server.live() != former
    pid = server.run("systemctl", "show", "-P", "MainPID", "myapi").stdout.strip()
    assert server.run("readlink", f"/proc/{pid}/cwd").stdout.strip() == server.live()
    server.whole()


def test_two_runs_at_once_are_one(server):
    """The second is refused while the first is at work."""
    server.change("# a release that takes its time")
    first = server.start("/src/deploy/myapi", *server.up_command(), **SETTINGS)
    assert isinstance(first, subprocess.Popen)
    first.stdout.readline()
    second = server.up()
    said, _ = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert second.returncode == 1
    assert "another deploy/myapi is already running" in second.stderr


def test_purged_it_leaves_the_machine_as_it_was_all_the_same(server, bare):
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stdout + done.stderr
    server.is_as_it_was(bare, but=LOCKS)
