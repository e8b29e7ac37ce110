"""`deploy/fc`: the functions of s.yaml, and what the platform's events do."""

import json
import re

import pytest

from myapi.settings import ROOT, Settings, variables
from tests.faults.instance import CREDENTIALS, FUNCTIONS, Jobs
from tests.requirements import need

FROM_ENVIRONMENT = re.compile(r"\$\{env\('(MYAPI_\w+)'\)\}")


def props(function):
    return FUNCTIONS[function]["props"]


def triggers(function):
    return [trigger["triggerType"] for trigger in props(function)["triggers"]]


def test_functions_share_code_and_environment():
    for name in ("runtime", "code", "environmentVariables", "vpcConfig"):
        assert props("web")[name] == props("jobs")[name]
    assert str(props("web")["customRuntimeConfig"]["port"]) == environment()["PORT"]


def test_nobody_on_the_internet_reaches_the_jobs():
    assert triggers("web") == ["http"]
    assert triggers("jobs") == ["timer"]


def test_file_has_no_secret_and_only_settings_that_exist(tmp_path):
    known = variables()
    values = {"MYAPI_SECRET_KEYS": "k3y-of-32-bytes-that-nobody-knows-1"}
    values |= {"MYAPI_PUBLIC_URL": "https://api.example.com"}
    values |= {"MYAPI_DATABASE_URL": "mysql+pymysql://u:p@10.0.0.2/myapi"}
    values |= {"MYAPI_RATE_LIMIT_STORAGE_URL": "redis://:p@10.0.0.3:6379/0"}
    values |= {"MYAPI_WECHAT_APPID": "wx1", "MYAPI_WECHAT_SECRET": "s3cret"}
    given = {}
    for name, value in environment().items():
        if name.startswith("MYAPI_"):
            asked = FROM_ENVIRONMENT.fullmatch(value)
            assert asked or not known[name], name
            given[name] = values[asked[1]] if asked else value
    settings = Settings.from_env({**given, "PORT": environment()["PORT"]}, root=tmp_path)
    assert settings.production
    assert settings.frozen_when_idle
    assert settings.worker_timeout == 0
    assert settings.bind == "0.0.0.0:9000"
    assert settings.request_timeout < props("web")["timeout"]


def test_packages_are_those_of_the_functions_python():
    (python,) = set(re.findall(r"python3\.\d+", json.dumps(FUNCTIONS)))
    build = (ROOT / "deploy/fc/build").read_text("utf-8")
    assert f"--python-version {python.removeprefix('python')} " in build
    assert f"${{PYTHON:-{python}}}" in build


def environment():
    return props("web")["environmentVariables"]


# ---- events ----


def event(payload):
    """Return what a timer sends."""
    moment = {"triggerTime": "2026-11-30T13:00:00Z", "triggerName": "each-minute"}
    return json.dumps({**moment, "payload": payload}).encode()


@pytest.fixture
def jobs(mariadb):
    need(Jobs)
    with Jobs(
        database_url=mariadb.create_database("function_compute"),
        secret_keys="a-key-of-the-served-tests-0123456789",
        wechat_appid="wx-service",
        wechat_secret="its-own-secret",
    ) as jobs:
        yield jobs
    mariadb.execute("DROP DATABASE function_compute")


def test_timer_runs_the_jobs_and_another_event_migrates(jobs):
    """What has failed is said in the two ways that the platform reads."""
    failed = jobs.invoke(event("jobs"))
    assert (failed.status_code, failed.headers["x-fc-status"]) == (404, "404")
    assert jobs.invoke(event("migrate")).status_code == 200
    done = jobs.invoke(event("jobs"))
    assert (done.status_code, done.headers["x-fc-status"]) == (200, "200")
    assert "0 sessions purged" in jobs.log()
    assert [each for each in CREDENTIALS.values() if each in jobs.log()] == []


@pytest.mark.parametrize("sent", [b"", b"jobs", b"[]", event("users"), event(["jobs"])])
def test_any_other_event_does_nothing(jobs, sent):
    assert jobs.invoke(sent).status_code == 404
    assert jobs.log() == ""
