"""The log fields are the same in the log lines, the guides' table, the collectors and the index."""

import ast
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest

from deploy.lib import units
from deploy.lib.nginx import Site
from myapi import audit
from myapi.db.transactions import transaction
from myapi.observability.logs import JsonFormatter
from myapi.settings import ROOT
from myapi.web.access import public
from tests.requirements import need
from tests.servers import Nginx, find_program

LOGS = ROOT / "deploy" / "logs"
GUIDES = ("docs/operations.md", "docs/operations.zh-CN.md")
TYPES = {"text": str, "long": int, "double": (float, int)}
WRITERS = {
    "service": ("service", "服务"),
    "Nginx": ("Nginx",),
    "collector": ("collector", "采集器"),
}
LOGGING = {"record", "record_now", "log_now", "log_after_commit"}
COMMON_FIELDS = {"time", "level", "logger", "msg"}
COLLECTOR_FIELDS = {"MESSAGE", "_HOSTNAME", "_SYSTEMD_UNIT"}


class Logrotate:
    @staticmethod
    def available():
        return None if find_program("logrotate") else "logrotate not found: apt install logrotate"


def table(guide=GUIDES[0], by="service"):
    """Return field → type from a guide's table, for one of WRITERS."""
    text = (ROOT / guide).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (text|long|double) \| ([^|]+) \|", text, re.MULTILINE)
    return {
        name: kind for name, kind, writer in rows if any(word in writer for word in WRITERS[by])
    }


def all_fields():
    return {name: kind for by in WRITERS for name, kind in table(by=by).items()}


# ---- the service ----


@pytest.fixture
def lines(app):
    """Collect the JSON log lines of the service."""
    written = []

    class Collector(logging.Handler):
        def emit(self, record):
            written.append(json.loads(JsonFormatter().format(record)))

    handler = Collector()
    log = logging.getLogger("myapi")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield written
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_service_log_lines_have_the_fields_and_types_of_the_table(
    app, client, sign_in, lines, wechat
):
    phone = sign_in("alice")
    sign_in("alice")
    phone.get("/api/me")
    phone.delete("/api/auth/sessions")
    phone.post("/api/auth/logout")
    client.get("/api/me")
    client.post("/api/auth/login", json={"code": "bad"})
    sign_in("bob").delete("/api/me")
    with app.app_context():
        audit.record_now("key_rotation", step="add")
        audit.record_now("reencrypt", moved=1, unreadable=0)
        audit.log_now("nickname_review", user="a", outcome="review", label=21000, errcode=None)
        transaction(audit.record)("event_retried", number=7)
        transaction(audit.record)("console_link", operator="support")
    app.testing = False
    app.view_functions["hello.hello"] = public(lambda: 1 / 0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client.get("/api/hello")
    known = table()
    for line in lines:
        assert line.keys() <= known.keys(), line
        for name, value in line.items():
            assert value is None or isinstance(value, TYPES[known[name]]), (name, value)
    seen = {name for line in lines for name in line}
    assert seen == known.keys(), "this test must produce each field of the table"


def test_code_logs_only_fields_of_the_table():
    given = {name for file in (ROOT / "myapi").rglob("*.py") for name in fields_of(file)}
    assert given | COMMON_FIELDS | {"trace"} == table().keys()


def fields_of(file):
    """Yield the field names that a file passes to `extra=…` and to functions of `audit`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        for keyword in node.keywords:
            if keyword.arg == "extra" and called != "Meta" and isinstance(keyword.value, ast.Dict):
                yield from (k.value for k in keyword.value.keys if k and k.value != "fields")
            elif called in LOGGING and keyword.arg not in {None, "level", "reason"}:
                yield keyword.arg
    if file.name == "request_log.py":
        text = file.read_text(encoding="utf-8")
        yield from re.findall(r'^        "(\w+)":', text, re.MULTILINE)


# ---- Nginx ----


def test_nginx_log_lines_have_the_fields_of_the_table():
    need(Nginx)
    base = (ROOT / "deploy/nginx/base.conf").read_text(encoding="utf-8")
    log_format = base[base.index("map $request_uri $myapi_path") :]
    server = (
        "server { listen 127.0.0.1:@PORT@; access_log @FOLDER@/access.log myapi; return 200 x; }"
    )
    with Nginx(f"{log_format}\n{server}") as nginx:
        urllib.request.urlopen(f"{nginx.url}/api/hello?code=x", timeout=5).close()
        time.sleep(0.1)
        (line,) = map(json.loads, (nginx.folder / "access.log").read_text().splitlines())
    known = table(by="Nginx")
    assert line.keys() == known.keys()
    for name, value in line.items():
        assert isinstance(value, str)
        if known[name] != "text":
            float(value)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", line["time"])
    assert line["path"] == "/api/hello"


# ---- the guide, the collector, the index ----


def test_guides_have_the_same_table():
    for by in WRITERS:
        assert table(GUIDES[0], by) == table(GUIDES[1], by)
    assert table(by="collector").keys() == COLLECTOR_FIELDS


def test_index_has_exactly_the_fields_with_their_types():
    index = json.loads((LOGS / "sls-index.json").read_text(encoding="utf-8"))
    assert {name: key["type"] for name, key in index["keys"].items()} == all_fields()
    assert all(key["doc_value"] for key in index["keys"].values())
    for key in index["keys"].values():
        expected = {"type", "doc_value", "alias"}
        expected |= {"caseSensitive", "chn", "token"} if key["type"] == "text" else set()
        assert key.keys() == expected


def test_journal_pipeline_includes_every_field_of_the_service():
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with schemathesis, on Python 3.11")
    pipeline = yaml.safe_load((LOGS / "sls-journal.yaml").read_text(encoding="utf-8"))
    (source,) = pipeline["inputs"]
    json_, pick = pipeline["processors"]
    assert set(pick["Include"]) == table().keys() | COLLECTOR_FIELDS
    assert json_["SourceKey"] in pick["Include"], "lines that are not JSON are kept"
    services = {unit.name for unit in units.files() if unit.suffix == ".service"}
    assert set(source["Units"]) == {name for name in services if "@" not in name}


def test_nginx_pipeline_reads_the_access_log():
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with schemathesis, on Python 3.11")
    pipeline = yaml.safe_load((LOGS / "sls-nginx.yaml").read_text(encoding="utf-8"))
    assert pipeline["inputs"][0]["FilePaths"] == [Site("x", (1, 22, 1)).access_log]
    assert pipeline["processors"][1]["SourceKey"] == "time"
    both = [
        yaml.safe_load((LOGS / f"sls-{n}.yaml").read_text("utf-8")) for n in ("journal", "nginx")
    ]
    assert both[0]["flushers"] == both[1]["flushers"]


# ---- a log file instead of the journal ----

WRITER = """
import itertools, sys, time
for number in itertools.count():
    sys.stderr.write('{"n":%d}\\n' % number)
    sys.stderr.flush()
    time.sleep(0.001)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no logrotate on Windows")
def test_logrotate_rotates_the_file_while_the_service_writes(tmp_path):
    need(Logrotate)
    file = tmp_path / "service.log"
    config = tmp_path / "logrotate.conf"
    text = (LOGS / "logrotate.conf").read_text(encoding="utf-8")
    config.write_text(text.replace("/var/log/myapi/service.log", str(file)))
    config.chmod(0o644)
    tmp_path.chmod(0o755)  # logrotate refuses a folder that others may write to
    with file.open("ab") as log:  # like systemd's `append:`
        writer = subprocess.Popen([sys.executable, "-c", WRITER], stderr=log)
    try:
        wait_for(file)
        rotate(config, tmp_path)
        wait_for(file)
    finally:
        writer.kill()
        writer.wait()
    (old,) = tmp_path.glob("service.log-*")
    before, after = numbers(old), numbers(file)
    assert before == list(range(len(before))), "whole lines, in order"
    assert after == list(range(after[0], after[0] + len(after))), "no NUL bytes at the start"
    assert after[0] >= len(before)
    size = file.stat().st_size
    rotate(config, tmp_path, force=False)
    assert file.stat().st_size == size, "it rotates once a day"


def rotate(config, folder, *, force=True):
    command = [
        find_program("logrotate"),
        *(["--force"] if force else []),
        "--state",
        str(folder / "state"),
    ]
    done = subprocess.run([*command, str(config)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def wait_for(file):
    end = time.monotonic() + 10
    while file.stat().st_size < 200:
        assert time.monotonic() < end
        time.sleep(0.01)


def numbers(file):
    return [json.loads(line)["n"] for line in file.read_text().splitlines()]


def test_systemd_accepts_the_drop_in_which_names_the_rotated_file(tmp_path):
    drop_in = (LOGS / "plain-file.conf").read_text(encoding="utf-8")
    written = set(re.findall(r"^Standard\w+=append:(\S+)$", drop_in, re.MULTILINE))
    assert len(written) == 1
    assert f"{written.pop()} {{" in (LOGS / "logrotate.conf").read_text(encoding="utf-8")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze not found: apt install systemd")
    folder = tmp_path / "myapi.service.d"
    folder.mkdir()
    shutil.copy(units.SOURCE / "myapi.service", tmp_path)
    shutil.copy(units.SOURCE / "myapi.socket", tmp_path)
    shutil.copy(LOGS / "plain-file.conf", folder)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "myapi.service"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    assert "plain-file.conf" not in done.stderr
    assert "append" not in done.stderr


def test_commands_in_the_drop_in_name_existing_files():
    text = (LOGS / "plain-file.conf").read_text(encoding="utf-8")
    named = re.findall(r"deploy/logs/\S+", text)
    assert len(named) == 2
    assert all((ROOT / name).is_file() for name in named)
