"""The limits in /etc/myapi/env: those of the service, and what `deploy/myapi` makes of them."""

import subprocess

import pytest

from deploy.lib import cli, limits, preflight, site
from deploy.lib.machine import DeployError
from myapi.settings import Settings, SettingsError

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
    text = site.config_text(site.LiveSite("api.example.com", tmp_path))
    assert text.count("client_max_body_size 1048576;") == 3  # two servers, and the pushes
    assert "proxy_read_timeout 45s;" in text
