"""The limits in /etc/myapi/env reach Nginx and the service; the doctor says when they differ."""

import json
import time

import pytest

from tests.install.archive import DEBIAN
from tests.install.server import DOMAIN

APP = """\
import time

from flask import Blueprint, request

from myapi.extend import Extension, endpoint, public

bp = Blueprint("slow", __name__, url_prefix="/api/slow")


@bp.post("/<float:seconds>")
@public
@endpoint(returns=int)
def take(seconds: float) -> int:
    size = len(request.get_data())
    time.sleep(seconds)
    return size


extension = Extension(blueprints=[bp])
"""
LARGE = 200_000


@pytest.fixture(scope="module")
def server(booted):
    server = booted(DEBIAN)
    (server.root / "src/app").mkdir()
    (server.root / "src/app/__init__.py").write_text(APP)
    done = server.up()
    assert done.returncode == 0, done.stdout + done.stderr
    return server


def send(server, seconds, size):
    server.run("sh", "-c", f"head -c {size} /dev/zero > /root/body")
    return server.call(f"/api/slow/{seconds}", "--data-binary", "@/root/body", "-H", "Expect:")


def judged(server):
    done = server.run("myapi", "doctor", f"https://{DOMAIN}", "--only", "limits", "--json")
    (check,) = json.loads(done.stdout)["checks"]
    return check["status"], check["evidence"]


def test_defaults(server):
    assert send(server, 0.0, 65536)["data"] == 65536
    assert send(server, 0.0, 65537)["error"] == "payload_too_large"
    assert judged(server)[0] == "ok"


def test_wrong_value_stops_up_and_the_service_goes_on(server):
    env = server.root / "etc/myapi/env"
    before = env.read_text()
    env.write_text(before + "MYAPI_REQUEST_TIMEOUT=soon\n")
    for done in (server.up(), server.release()):
        assert done.returncode == 1
        assert "MYAPI_REQUEST_TIMEOUT in /etc/myapi/env must be a whole number" in done.stderr
    assert send(server, 0.0, 2)["code"] == 0
    env.write_text(before)


def test_doctor_says_that_the_limits_differ_until_up_has_run(server):
    with (server.root / "etc/myapi/env").open("a") as env:
        env.write(f"MYAPI_MAX_BODY_BYTES={LARGE}\nMYAPI_REQUEST_TIMEOUT=3\n")
    status, evidence = judged(server)
    assert (status, f"MYAPI_MAX_BODY_BYTES {LARGE}" in str(evidence)) == ("fail", True)
    done, calls = server.under_load("up with other limits", server.up)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "restart the service" in done.stdout
    assert calls["failures"] == []
    assert judged(server)[0] == "ok"
    assert "nothing had to be changed" in server.up().stdout


def test_larger_body_passes_nginx_and_the_service(server):
    assert send(server, 0.0, LARGE)["data"] == LARGE
    assert send(server, 0.0, LARGE + 1)["error"] == "payload_too_large"


@pytest.mark.parametrize("size", [2, LARGE])
def test_view_that_takes_too_long_is_cut_off_and_logged_as_what_it_was(server, size):
    assert send(server, 1.0, size)["data"] == size
    began = time.monotonic()
    answer = send(server, 15.0, size)
    assert time.monotonic() - began < 10
    assert answer["error"] == "service_unavailable"
    log = server.run("journalctl", "-u", "myapi.service", "-o", "cat", "--no-pager").stdout
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (line,) = [
        each
        for each in lines
        if each.get("event") == "request" and each["request_id"] == answer["request_id"]
    ]
    assert (line["status"], line["error"]) == (503, "service_unavailable")
    assert any(each.get("event") == "request_timeout" for each in lines)
    served = (server.root / "var/log/nginx/myapi.log").read_text().splitlines()
    (line,) = [
        each for each in map(json.loads, served) if each["request_id"] == answer["request_id"]
    ]
    assert (line["status"], line["upstream_status"]) == ("503", "503")


def test_longer_view_than_before_is_answered(server):
    env = server.root / "etc/myapi/env"
    env.write_text(env.read_text() + "MYAPI_REQUEST_TIMEOUT=40\n")
    assert server.up().returncode == 0
    assert send(server, 26.5, 2)["data"] == 2
