"""The systemd units are valid and hardened."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.lib import limits, nginx, paths, units
from myapi.settings import ROOT
from tests.requirements import need

UNITS = units.files()
SERVICES = [unit.name.replace("@", "@x") for unit in UNITS if unit.suffix == ".service"]


class Systemd:
    @staticmethod
    def available():
        found = shutil.which("systemd-analyze")
        return None if found else "systemd-analyze not found: apt install systemd"


@pytest.fixture
def root(tmp_path):
    """A root folder with the units and their drop-ins, as on a server."""
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    for unit in UNITS:
        shutil.copy(unit, folder)
        for name in units.drop_ins(unit):
            (folder / f"{unit.name}.d").mkdir(exist_ok=True)
            shutil.copy(units.SOURCE / name, folder / f"{unit.name}.d")
    return tmp_path


@pytest.mark.parametrize("service", SERVICES)
def test_service_exposure_level_is_at_most_2(root, service):
    need(Systemd)
    analyze = ("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager")
    done = subprocess.run(
        [*analyze, f"--root={root}", service], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    assert float(re.search(r"exposure level.*?(\d+\.\d)", done.stdout)[1]) <= 2.0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_each_unit(root, unit):
    need(Systemd)
    file = root / "etc/systemd/system" / unit.name.replace("@", "@x")
    if "@" in unit.name:
        shutil.copy(unit, file)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    about_myapi = [line for line in done.stderr.splitlines() if re.search("myapi", line)]
    missing_on_this_machine = re.compile("not executable|not found|Unit network-online")
    assert [line for line in about_myapi if not missing_on_this_machine.search(line)] == []


def test_nginx_and_systemd_use_the_same_socket():
    unit = (units.SOURCE / "myapi.socket").read_text()
    assert f"ListenStream={paths.SOCKET}" in unit
    assert nginx.Site("x", (1, 22, 1)).socket == str(paths.SOCKET)


def test_a_stop_has_time_for_the_longest_request():
    """The worker answers before Gunicorn kills it, and Gunicorn before systemd does."""
    _, _, longest = limits.SETTINGS["MYAPI_REQUEST_TIMEOUT"]
    code = (ROOT / "gunicorn.conf.py").read_text()
    assert "graceful_timeout = max(30, settings.request_timeout + 5)" in code
    unit = (units.SOURCE / "myapi.service").read_text()
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1]) > longest + 5


def test_each_timer_has_a_service():
    names = {unit.name for unit in UNITS}
    assert units.timers()
    assert {Path(name).stem + ".service" for name in units.timers()} <= names


@pytest.mark.parametrize(
    ("unit", "commands"),
    [
        ("myapi-events.service", {"events"}),
        ("myapi-messages.service", {"messages"}),
        ("myapi-purge.service", {"events", "messages", "audit"}),
    ],
)
def test_unit_asks_whether_the_live_release_has_its_commands(unit, commands):
    text = (units.SOURCE / unit).read_text()
    assert set(re.findall(r"-e (?:/opt/myapi/current/)?myapi/cli/(\w+)\.py", text)) == commands
    for command in commands:
        assert (ROOT / f"myapi/cli/{command}.py").exists()
        assert f"flask {command} " in text
