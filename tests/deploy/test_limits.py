"""The limits in /etc/myapi/env: those of the service, and what `deploy/myapi` makes of them."""

import subprocess
from pathlib import Path

import pytest

from deploy.lib import cli, commands, limits, preflight, releases, site
from deploy.lib.machine import DeployError, Machine
from myapi.settings import Settings, SettingsError
from tests.service import wait_for

DEFAULTS = limits.Limits(65536, 20)


@pytest.fixture
def env(tmp_path, monkeypatch):
    """/etc/myapi/env; there is none at first."""
    file = tmp_path / "env"
    monkeypatch.setattr(limits.paths, "ENV", file)
    return file


def test_defaults_and_ranges_are_those_of_the_service(tmp_path):
    for name, (default, low, high) in limits.SETTINGS.items():
        field = name.removeprefix("MYAPI_").lower()
        assert getattr(Settings(), field) == default
        for value in (low, high):
            assert getattr(Settings.from_env({name: str(value)}, tmp_path), field) == value
        for value in (low - 1, high + 1):
            with pytest.raises(SettingsError):
                Settings.from_env({name: str(value)}, tmp_path)


def test_without_a_file_or_without_the_settings_they_are_the_defaults(env):
    assert limits.read() == DEFAULTS
    env.write_text("# MYAPI_REQUEST_TIMEOUT=5\nMYAPI_ENV=production\nMYAPI_MAX_BODY_BYTES=\n")
    assert limits.read() == DEFAULTS
    assert list(limits.problems()) == []


def test_file_is_read_as_systemd_reads_it(env):
    env.write_text(
        "# 设置\n; no\n\nMYAPI_REQUEST_TIMEOUT=5\n MYAPI_MAX_BODY_BYTES = '1048576' \n"
        'MYAPI_REQUEST_TIMEOUT="50"\nnot a line\n',
        "utf-8",
    )
    assert limits.read() == (1048576, 50)


def test_file_in_another_encoding_is_read_as_far_as_it_matters(env):
    env.write_bytes("# 设置\nMYAPI_REQUEST_TIMEOUT=5\n".encode("gbk"))
    assert limits.read().request_timeout == 5


@pytest.mark.parametrize("value", ["many", "64k", "20.5", "-1", "0", "99999999999", "'"])
@pytest.mark.parametrize("name", limits.SETTINGS)
def test_value_that_is_no_number_in_range_is_named_with_the_range(env, name, value):
    env.write_text(f"{name}={value}\n")
    (problem,) = limits.problems()
    assert problem.startswith(f"{name} in {env} must be a whole number from ")
    with pytest.raises(DeployError, match=name):
        limits.read()


def test_up_refuses_a_wrong_limit_before_it_changes_anything(env, monkeypatch, tmp_path, capsys):
    env.write_text("MYAPI_REQUEST_TIMEOUT=soon\n")
    monkeypatch.setattr(cli, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "resolve", lambda _domain: [])
    status = cli.main(["up", "--domain", "api.example.com", "--email", "me@example.com"])
    printed = "".join(capsys.readouterr())
    assert status == 1
    assert "nothing has been changed" in printed
    assert f"\n  - MYAPI_REQUEST_TIMEOUT in {env} must be a whole number from 1 to 60" in printed


def test_nginx_gets_the_limits(env, monkeypatch, tmp_path):
    env.write_text("MYAPI_REQUEST_TIMEOUT=40\nMYAPI_MAX_BODY_BYTES=1048576\n")
    answers = {("nginx", "-v"): "nginx version: nginx/1.22.1"}
    monkeypatch.setattr(
        site,
        "capture",
        lambda *command: subprocess.CompletedProcess(command, 0, "", answers.get(command, "")),
    )
    text = site.config_text("api.example.com", tmp_path, [])
    assert text.count("client_max_body_size 1048576;") == 2
    assert "proxy_read_timeout 45s;" in text


@pytest.fixture
def service(monkeypatch):
    """A process that runs in the place of the service, and whether it answers."""
    started = []

    def start(*lines):
        given = dict(line.split("=") for line in ("PATH=/usr/bin:/bin", *lines))
        process = subprocess.Popen(["sleep", "60"], env=given)
        started.append(process)
        wait_for(lambda: b"PATH=" in Path(f"/proc/{process.pid}/environ").read_bytes())
        shown = subprocess.CompletedProcess((), 0, f"{process.pid}\n", "")
        monkeypatch.setattr(limits, "capture", lambda *_: shown)

    monkeypatch.setattr(releases, "healthy", lambda *_, **__: True)
    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("runs_with", "written", "restarted"),
    [
        ((), "", False),
        (("MYAPI_REQUEST_TIMEOUT=20",), "", False),
        ((), "MYAPI_REQUEST_TIMEOUT=40\n", True),
        (("MYAPI_MAX_BODY_BYTES=2048",), "", True),
        (("MYAPI_MAX_BODY_BYTES=2048",), "MYAPI_MAX_BODY_BYTES='2048'\n", False),
        ((), "APP_COLOUR=red\n", False),
    ],
)
def test_service_is_restarted_only_if_its_limits_have_changed(
    env, service, monkeypatch, runs_with, written, restarted
):
    commands_run = []
    monkeypatch.setattr(
        Machine, "run", lambda _self, _change, *command: commands_run.append(command)
    )
    service(*runs_with)
    env.write_text(written)
    limits.apply(Machine())
    assert commands_run == ([("systemctl", "restart", "myapi.service")] if restarted else [])


def test_restart_after_which_the_service_does_not_answer_is_an_error(env, service, monkeypatch):
    monkeypatch.setattr(Machine, "run", lambda *_: None)
    monkeypatch.setattr(releases, "healthy", lambda *_, **__: False)
    service("MYAPI_REQUEST_TIMEOUT=5")
    with pytest.raises(DeployError, match="does not answer"):
        limits.apply(Machine())


def test_service_that_does_not_run_is_not_restarted(env, monkeypatch):
    shown = subprocess.CompletedProcess((), 0, "0\n", "")
    monkeypatch.setattr(limits, "capture", lambda *_: shown)
    env.write_text("MYAPI_REQUEST_TIMEOUT=5\n")
    machine = Machine()
    limits.apply(machine)
    assert machine.changes == 0


def test_live_release_takes_new_limits_with_up_and_with_release(monkeypatch, tmp_path):
    applied = []
    monkeypatch.setattr(limits, "read", lambda: DEFAULTS)
    monkeypatch.setattr(limits, "apply", applied.append)
    monkeypatch.setattr(releases, "build", lambda *_: tmp_path)
    monkeypatch.setattr(releases, "current", lambda: tmp_path)
    monkeypatch.setattr(releases, "is_serving", lambda _: True)
    monkeypatch.setattr(commands, "_pip_options", lambda *_: [])
    monkeypatch.setattr(commands, "_require_installation", lambda: None)
    monkeypatch.setattr(commands.units, "install", lambda _: None)
    machine = Machine()
    commands.release(machine, None)
    assert applied == [machine]
