"""Tests of the real Gunicorn: stops, reloads, malformed requests, metrics and log lines."""

import os
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.requirements import need
from tests.servers import ServerError, free_port
from tests.service import PRODUCTION, Load, Service, at_once, wait_for

KEYS = ["the-first-key-0123456789-0123456789", "the-second-key-0123456789-0123456789"]
LINE = {"time", "level", "logger", "msg", "event", "request_id", "method", "route", "status"} | {
    "error",
    "ms",
    "user",
    "session",
    "ip",
}


@pytest.fixture(scope="module", autouse=True)
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Service, "measured", True)
        yield


def test_reload_drops_no_request(serve):
    service = serve(workers=2)
    with Load(service) as load:
        for _ in range(3):
            before = len(load.answered)
            service.reload()
            wait_for(lambda before=before: len(load.answered) > before + 50)
    assert load.failed == []
    assert set(load.answered) == {200}
    logged = [line for line in service.events("request") if line["route"] == "/api/hello"]
    assert len(logged) == len(load.answered)


def test_stop_answers_every_accepted_request(serve, wechat):
    service = serve(workers=2)
    wechat.latency = 1.0
    answers = []
    phones = [
        threading.Thread(target=lambda n=n: answers.append(service.login(f"phone{n}.x")))
        for n in range(64)
    ]
    with Load(service) as load:
        for phone in phones:
            phone.start()
        wait_for(
            lambda: len(wechat.sandbox.session_keys()) == len(phones)
        )  # all logins are waiting
        service.stop()
        for phone in phones:
            phone.join()
    assert [answer.status_code for answer in answers] == [200] * len(phones)
    served = [line for line in service.events("request") if line["route"] == "/api/hello"]
    assert len(served) == len(load.answered)
    assert set(load.answered) == {200}


def test_stop_serves_on_for_the_load_balancer_while_healthz_says_so(serve):
    """A reload, which ends workers too, says nothing of the kind."""
    service = serve(workers=2, drain_seconds=3)
    service.reload()
    assert service.call("GET", "/healthz").status_code == 200
    os.kill(service.pid, signal.SIGTERM)
    wait_for(lambda: service.call("GET", "/healthz").status_code == 503)
    with Load(service) as load:
        wait_for(lambda: len(load.answered) > 50)
    assert set(load.answered) == {200}
    assert load.failed == []
    wait_for(lambda: "Shutting down: Master" in service.log())


def test_ctrl_c_ends_all_processes_and_each_is_told_once(serve):
    """It reaches each process of a terminal; told by Gunicorn as well, a worker may print a trace.

    One worker, which has answered: Gunicorn forgets a signal to one that is just being forked, and
    waits for it as for a slow request.
    """
    service = serve(workers=1)
    before = service.workers()
    for worker in before:
        os.kill(worker, signal.SIGINT)
    assert service.call("GET", "/api/hello").status_code == 200
    time.sleep(0.5)  # a worker that had listened would have ended
    assert service.workers() == before
    os.killpg(os.getpgid(service.pid), signal.SIGINT)
    wait_for(lambda: "Shutting down: Master" in service.log())
    assert "Traceback" not in service.log()


def test_reload_with_invalid_settings_changes_nothing(serve, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(KEYS[0])
    service = serve(secret_keys="", environ={"MYAPI_SECRET_KEYS_FILE": str(keys)})
    phone, workers = service.sign_in(), service.workers()
    keys.write_text("weak")
    os.kill(service.pid, signal.SIGHUP)
    wait_for(lambda: "not reloaded" in service.log())
    assert service.workers() == workers
    assert phone.get("/api/me").status_code == 200
    keys.write_text(",".join(reversed(KEYS)))
    service.reload()
    assert phone.get("/api/me").status_code == 200


def test_reload_with_another_address_changes_nothing(serve, tmp_path):
    """Gunicorn would first close its sockets, and exit if it cannot bind the new address."""
    (tmp_path / "moving.py").write_text(
        "import os\n"
        "from wsgi import app\n"
        "os.environ['MYAPI_BIND'] = '127.0.0.1:99999'  # as after an edit of .env\n"
    )
    service = serve(app="moving:app", environ={"PYTHONPATH": str(tmp_path)})
    workers = service.workers()
    os.kill(service.pid, signal.SIGHUP)
    wait_for(lambda: "MYAPI_BIND: another address takes a restart" in service.log())
    assert service.workers() == workers
    assert service.call("GET", "/api/hello").status_code == 200


def test_app_is_created_before_the_fork_without_open_files(serve):
    service = serve(workers=2)
    service.sign_in().get("/api/me")
    files = Path(f"/proc/{service.pid}/fd")
    if not files.exists():
        pytest.skip("no /proc on this system")
    for _ in range(2):
        opened = [str(file.readlink()) for file in files.iterdir()]
        assert not [file for file in opened if "myapi.db" in file], opened
        assert (
            len([file for file in opened if file.startswith("socket:")]) == 1
        )  # the listening socket
        assert len(list(Path(f"/proc/{service.pid}/task").iterdir())) == 1
        service.reload()


def test_reload_with_failing_app_changes_nothing(serve, tmp_path):
    module = tmp_path / "served.py"
    module.write_text("from myapi import create_app\napp = create_app()\n")
    service = serve(app="served:app", environ={"PYTHONPATH": str(tmp_path)})
    workers = service.workers()
    module.write_text("raise OSError('out of order')\n")
    os.kill(service.pid, signal.SIGHUP)
    wait_for(lambda: "not reloaded" in service.log())
    assert "out of order" in service.log()
    assert service.workers() == workers
    assert service.call("GET", "/api/hello").status_code == 200


def test_service_leaves_no_files_behind(serve):
    service = serve(workers=2)
    service.sign_in().get("/api/me")
    metrics = metrics_folder(service.workers())
    service.reload()
    assert list(service.home.iterdir()) == []
    assert metrics.is_dir()
    service.stop()
    assert list(service.home.iterdir()) == []
    assert list((service.folder / "tmp").iterdir()) == []
    assert not metrics.exists()


def metrics_folder(workers):
    """Return the metrics folder, from the files that the workers have memory-mapped."""
    maps = [Path(f"/proc/{worker}/maps") for worker in workers]
    if not maps[0].exists():
        pytest.skip("no /proc on this system")
    lines = [line for each in maps for line in each.read_text().splitlines()]
    found = next(line for line in lines if "/counter_" in line)
    return Path(found.split(maxsplit=5)[-1]).parent


def test_metrics_include_all_workers_and_ended_ones(serve):
    service = serve(workers=2)
    hello = {"route": "/api/hello", "status": "200"}

    def counted():
        return service.metric("myapi_requests_total", method="GET", **hello)

    at_once(*[lambda: service.call("GET", "/api/hello")] * 40)
    assert counted() == 40
    service.kill_worker()
    assert counted() == 40
    at_once(*[lambda: service.call("GET", "/api/hello")] * 40)
    service.reload()
    assert counted() == 80
    assert service.metric("myapi_request_seconds_count", route="/api/hello") == 80


@pytest.mark.parametrize("seconds", [0, 45])
def test_time_after_which_a_frozen_worker_is_killed_is_a_setting(serve, seconds):
    """0 is never: it thaws, as in Function Compute."""
    printed = serve(worker_timeout=seconds).run(
        sys.executable, "-m", "gunicorn", "--print-config", "wsgi:app"
    )
    assert re.search(r"^timeout += (\d+)$", printed.stdout, re.MULTILINE)[1] == str(seconds)


def test_production_listens_on_the_port_of_the_platform_at_all_addresses(serve):
    port = free_port()
    service = serve(port=port, bind="", environ={"PORT": str(port)}, **PRODUCTION)
    assert service.call("GET", "/api/hello").status_code == 200
    assert f"http://0.0.0.0:{port}" in service.log()


def test_metrics_are_local_only(serve):
    service = serve(**PRODUCTION)
    assert service.call("GET", "/metrics").status_code == 200
    through_proxy = service.call("GET", "/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert through_proxy.status_code == 404


def test_invalid_settings_are_all_listed_with_exit_code_78():
    need(Service)
    with pytest.raises(ServerError, match="ended with status 78") as failure:
        Service(env="production", secret_keys="short,keys", workers="many").start()
    printed = str(failure.value)
    for name in ("SECRET_KEYS", "WORKERS", "WECHAT_APPID", "WECHAT_SECRET"):
        assert f"  - MYAPI_{name}: " in printed
    assert "Traceback" not in printed
    assert "short" not in printed


# ---- the start in development ----


def test_start_says_where_once_if_people_read_the_log(serve):
    service = serve(log_format="text")
    service.reload()
    assert service.log().count(f"myapi on {service.url} (Ctrl-C ends it)\n") == 1
    assert f"read and try the API: {service.url}/docs\n" in service.log()


def test_production_prints_log_lines_alone(serve):
    service = serve(log_format="text", **PRODUCTION)
    assert "Ctrl-C" not in service.log()


def test_taken_port_ends_the_start_at_once(serve):
    service = serve()
    with pytest.raises(ServerError, match="ended with status 1;") as failure:
        serve(port=service.port, workers=2)
    bind = service.settings["bind"]
    assert f"{bind} is in use by another myapi. Another address:\n  MYAPI_BIND=" in str(
        failure.value
    )
    assert "Retrying" not in str(failure.value)  # as Gunicorn does for 5 s


# ---- bodies that contradict their headers ----

HEAD = b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b'{"code": "alice"}'
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)


@pytest.fixture(scope="module")
def service(migrated_sqlite, tmp_path_factory):
    """One service for all requests that do not reach WeChat."""
    need(Service)
    file = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("served"))
    with Service(database_url=f"sqlite:///{file}", wechat_base_url="http://127.0.0.1:9") as service:
        yield service


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(HEAD + b"Content-Length: 100\r\n\r\n" + BODY, id="cut off"),
        pytest.param(HEAD + b"Content-Length: 100\r\n\r\n", id="not begun"),
        pytest.param(HEAD + b"Content-Length: 9\r\n\r\n" + BODY, id="longer than announced"),
        pytest.param(CHUNKED, id="no chunk"),
        pytest.param(CHUNKED + b"100\r\n" + BODY, id="chunk cut off"),
        pytest.param(CHUNKED + CHUNK, id="no last chunk"),
        pytest.param(CHUNKED + CHUNK + b"0\r\n", id="no end"),
        pytest.param(CHUNKED + CHUNK + b"0\r\nA: b\r\n", id="no end after a trailer"),
        pytest.param(CHUNKED + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n", id="size is not a number"),
        pytest.param(CHUNKED + b"-1\r\n" + BODY + b"\r\n0\r\n\r\n", id="size is negative"),
        pytest.param(CHUNKED + b"f" * 9 + b"\r\n" + BODY, id="size is huge"),
        pytest.param(CHUNKED + b"1" * 9000, id="size has no end"),
        pytest.param(CHUNKED + b"3\r\n" + BODY + b"\r\n0\r\n\r\n", id="longer than its size"),
        pytest.param(CHUNKED + b"2;\0=\r\n{}\r\n0\r\n\r\n", id="invalid extension"),
        pytest.param(CHUNKED + CHUNK + b"0\r\nno trailer\r\n\r\n", id="invalid trailer"),
        pytest.param(CHUNKED + CHUNK + b"0\r\nA: 1\nB: 2\r\n\r\n", id="trailer with LF"),
        pytest.param(CHUNKED + CHUNK + b"0\r\nA: " + b"a" * 300_000, id="trailer is huge"),
    ],
)
def test_truncated_or_badly_chunked_body_is_an_invalid_request(service, request_):
    answer = service.send(request_)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
    assert [line for line in service.events() if line["level"] == "error"] == []


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(HEAD + b"Content-Length: 65537\r\n\r\n" + b" " * 65537, id="sent"),
        pytest.param(HEAD + b"Content-Length: 65537\r\n\r\n", id="announced"),
        pytest.param(HEAD + b"Content-Length: 9000000\r\n\r\n" + b" " * 9_000_000, id="huge"),
        pytest.param(CHUNKED + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 17, id="chunked"),
        pytest.param(
            CHUNKED + CHUNK + b"ffff\r\n" + b" " * 65535 + b"\r\n0\r\n\r\n",
            id="in the second chunk",
        ),
    ],
)
def test_body_over_the_limit_is_too_large(service, request_):
    answer = service.send(request_)
    assert (answer.status, answer.json()["error"]) == (413, "payload_too_large")


def test_chunked_body_is_accepted(serve):
    answer = serve().send(CHUNKED + CHUNK + b"0\r\n\r\n")
    assert answer.status == 200
    assert answer.json()["data"]["token"]


# ---- behind a proxy ----


def test_address_and_request_id_come_only_from_the_trusted_proxy(serve):
    service = serve(**PRODUCTION)
    proxied = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Request-Id": "from-the-proxy"}
    assert service.call("GET", "/api/hello", headers=proxied).headers["X-Request-Id"] == (
        "from-the-proxy"
    )
    direct = service.call("GET", "/api/hello", headers={"X-Request-Id": "from-a-client"})
    assert direct.headers["X-Request-Id"] != "from-a-client"
    first, second = [e for e in service.events("request") if e["route"] == "/api/hello"]
    assert (first["ip"], first["request_id"]) == ("198.51.100.7", "from-the-proxy")
    assert (second["ip"], second["request_id"]) == ("127.0.0.1", direct.headers["X-Request-Id"])


def test_log_has_one_json_object_per_line(serve):
    service = serve(workers=2)
    phone = service.sign_in()
    answer = phone.get("/api/me")
    service.login("bad.code")
    service.call("GET", "/nowhere\r\nx")
    service.reload()
    for line in service.events():  # raises if a line is not JSON
        assert {"time", "level", "logger", "msg"} <= line.keys()
    requests = service.events("request")
    assert all(line.keys() == LINE for line in requests)
    (me_line,) = [line for line in requests if line["route"] == "/api/me"]
    assert me_line["user"] == phone.user["id"]
    assert me_line["request_id"] == answer.headers["X-Request-Id"]
    (event,) = service.events("wechat_failed")
    (refused,) = [line for line in requests if line["error"] == "login_code_invalid"]
    assert event["request_id"] == refused["request_id"]
