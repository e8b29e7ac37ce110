"""A whole installation without a fault."""

import json
import sqlite3

from doctor.outside import timing
from doctor.server.sqlite import has_wal_bug
from doctor.texts import EMPTY
from tests.doctor.example import APPID, APPSECRET, KEY, URL, options, resolve, script


def test_all_checks_from_outside_are_ok(installed, look, monkeypatch):
    monkeypatch.setattr(timing, "SLOW", 10)  # a machine that tests is a busy one
    _, front = installed()
    results = look(front.port, front.plain)
    assert {each.id: each.evidence.en for each in results.values() if each.status != "ok"} == {
        "old_phones": "it is not known whether old phones know Example Root"
    }
    assert results["compression"].evidence.en == "gzip"
    assert all(each.fix == EMPTY for each in results.values())


def test_all_checks_on_the_server_are_ok(installed, authority, pair, tmp_path):
    service, front = installed()
    (tmp_path / "served.db").chmod(0o600)
    done = service.flask("doctor", URL, *options(front, authority, pair), "--json", "--lang", "en")
    checks = {each["id"]: each for each in json.loads(done.stdout)["checks"]}
    known_bug = has_wal_bug(sqlite3.sqlite_version_info)
    told = {each["id"] for each in checks.values() if each["status"] in ("warn", "fail")}
    # These tests ask a WeChat on loopback, in plain HTTP.
    assert told - {"disk", "clock_synchronised", "latency"} == {
        "settings",
        *(["sqlite"] if known_bug else []),
    }
    for name in ("database", "database_settings", "app", "certificate_served", "account"):
        assert checks[name]["status"] == "ok", checks[name]
    assert done.returncode == 1
    for secret in (KEY, APPSECRET, APPID):
        assert secret not in done.stdout + done.stderr


def test_command_alone_is_ok_in_both_languages(installed, authority):
    _, front = installed()
    given = [URL, "--from-outside", "--ca", str(authority.file), *resolve(front)]
    done = script(*given, "--json")
    statuses = {each["id"]: each["status"] for each in json.loads(done.stdout)["checks"]}
    latency = statuses.pop("latency")  # a machine that tests is a busy one
    assert set(statuses.values()) == {"ok", "skip"}
    assert done.returncode == (0 if latency == "ok" else 1)
    chinese = script(*given, "--lang", "zh")
    first, *_, last = chinese.stdout.splitlines()
    assert first.startswith((f"{URL} 一切正常：响应", f"{URL} 可以使用，但有一个警告"))
    assert last.startswith("正常 2")
