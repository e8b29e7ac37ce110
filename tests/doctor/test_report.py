"""The report: the verdict first, then the causes; what follows and what is ok in one line each."""

import io
import json

import pytest

from doctor import Result, Text, parse_url, render, terminal
from doctor.texts import EMPTY
from tests.doctor.example import (
    GOOD,
    HSTS,
    HTTPS_REQUIRED,
    NAME,
    TLS,
    URL,
    closed,
    nginx,
    resolve,
    script,
)
from tests.servers import free_port

FAULT, SEEN, FIX = Text("it is broken", "坏了"), Text("a crack", "有裂缝"), Text("glue it", "粘上")


def result(name, status="ok", *, stops="phones", follows="", seen=SEEN):
    bad = status in ("warn", "fail")
    fault, fix = (FAULT, FIX) if bad else (EMPTY, EMPTY)
    return Result(name, status, Text("crack", "裂"), seen, fix, fault, stops, follows)


def lines(results, verdict="ok", language="en", url=URL, **more):
    given = parse_url(url) if url else None
    return render(results, verdict, language, url=given, **more).splitlines()


@pytest.mark.parametrize(
    ("results", "verdict", "english", "chinese"),
    [
        (
            [result("port", "fail")],
            "fail",
            f"Phones cannot use {URL}: it is broken. Next: glue it.",
            f"手机无法访问 {URL}：坏了。下一步：粘上。",
        ),
        (
            [result("account", "fail", stops="logins")],
            "fail",
            f"Users cannot log in at {URL}: it is broken. Next: glue it.",
            f"{URL} 无法登录：坏了。下一步：粘上。",
        ),
        (
            [result("debug", "fail", stops="nothing")],
            "fail",
            f"There is a fault at {URL}: it is broken. Next: glue it.",
            f"{URL} 有故障：坏了。下一步：粘上。",
        ),
        (
            [result("route"), result("hsts", "warn")],
            "warn",
            f"The API works at {URL}, with a warning: it is broken. Next: glue it.",
            f"{URL} 可以使用，但有一个警告：坏了。下一步：粘上。",
        ),
        (
            [result("a", "warn"), result("b", "warn")],
            "warn",
            f"There is no fault at {URL}, with 2 warnings, first: it is broken. Next: glue it.",
            f"{URL} 没有故障，但有 2 个警告，首先：坏了。下一步：粘上。",
        ),
        (
            [result("route")],
            "ok",
            f"All is well at {URL}: it answers as phones need it.",
            f"{URL} 一切正常：响应符合手机的要求。",
        ),
        (
            [result("port")],
            "ok",
            f"All is well: no fault at {URL}.",
            f"一切正常：{URL} 没有发现故障。",
        ),
        (
            [result("chain", "skip")],
            "ok",
            "Nothing could be judged: a crack.",
            "无法判断：有裂缝。",
        ),
    ],
    ids=["phones", "logins", "risk", "warning", "warnings", "well", "no answer seen", "nothing"],
)
def test_the_first_line_is_the_verdict_and_what_to_do(results, verdict, english, chinese):
    assert lines(results, verdict)[0] == english
    assert lines(results, verdict, "zh")[0] == chinese


def test_a_cause_comes_before_what_follows_from_it():
    results = [
        result("app", "fail", follows="database"),
        result("hsts", "warn"),
        result("database", "fail"),
        result("gateway", "fail", follows="database"),
        *(result(name, "skip", seen=Text("no TLS", "没有 TLS")) for name in ("chain", "name")),
        result("disk"),
        result("url"),
    ]
    assert lines(results, "fail") == [
        f"Phones cannot use {URL}: it is broken. Next: glue it.",
        "",
        "FAIL  database: it is broken",
        "      phone: crack",
        "      seen: a crack",
        "warn  hsts: it is broken",
        "      phone: crack",
        "      seen: a crack",
        "      fix: glue it",
        "",
        "2 more because of database: app, gateway",
        "2 skipped, no TLS: chain, name",
        "2 ok: disk, url",
    ]


def test_verbose_shows_every_check_in_its_order():
    results = [result("url"), result("port", "fail"), result("tls", "skip")]
    shown = lines(results, "fail", verbose=True)
    assert [line.split(":")[0] for line in shown if line[:1].strip()][1:] == [
        "ok    url",
        "FAIL  port",
        "skip  tls",
    ]


def test_what_did_not_change_is_not_called_well():
    assert lines([result("port")], "fail")[0] == "Better than before; other faults remain."


def test_colours_are_for_a_terminal_alone(monkeypatch):
    class Stream(io.StringIO):
        terminal = True

        def isatty(self):
            return self.terminal

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(terminal.sys, "platform", "linux")
    stream = Stream()
    assert terminal.wants_colour(stream)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert not terminal.wants_colour(stream)
    stream.terminal = False
    assert not terminal.wants_colour(stream)
    painted = lines([result("port", "fail")], "fail", colour=True)
    assert painted[0].startswith("\x1b[1;31mPhones cannot use")
    assert painted[2] == "\x1b[31mFAIL  \x1b[0mport: it is broken"
    assert "\x1b" not in script(URL, "--only", "url").stdout


def test_json_is_in_utf_8_and_in_ascii_where_the_stream_is_not():
    given = (URL, "--json", "--lang", "zh", *closed(), "--only", "port")
    whole = script(*given).stdout
    assert "连接被拒绝" in whole
    escaped = script(*given, PYTHONUTF8="0", PYTHONIOENCODING="gbk").stdout
    assert escaped.isascii()
    assert json.loads(escaped) == json.loads(whole)


# ---- examined ----


def test_a_name_without_address_is_one_cause_and_one_folded_line():
    done = script("https://nothing-here.invalid", "--from-outside", "--lang", "en")
    assert done.returncode == 2
    first, _, cause, *_, skipped, well = done.stdout.splitlines()
    assert first.startswith(
        "Phones cannot use https://nothing-here.invalid: the name has no public address. Next: at "
    )
    assert cause == "FAIL  dns: the name has no public address"
    assert done.stdout.count("FAIL") == 1
    assert skipped.startswith("21 skipped, the name has no address: port, ipv6, ")
    assert well == "1 ok: url"


def test_a_closed_port_is_the_only_cause():
    done = script(URL, "--from-outside", *closed(), "--lang", "en")
    assert done.stdout.startswith(f"Phones cannot use {URL}: the port cannot be reached. Next:")
    assert done.stdout.count("FAIL") == 1
    assert "warn" not in done.stdout
    assert "\n1 more because of port: port_80\n" in done.stdout


def test_all_well_is_three_short_paragraphs(pair, authority):
    with nginx(pair, GOOD + HSTS, plain=HTTPS_REQUIRED, tls=TLS) as front:
        given = [URL, "--from-outside", "--ca", str(authority.file), *resolve(front)]
        done = script(*given, "--lang", "en", "--only", "url,dns,port,tls,chain,route,hsts")
    assert done.stdout.splitlines() == [
        f"All is well at {URL}: it answers as phones need it.",
        "",
        "7 ok: url, dns, port, tls, chain, route, hsts",
    ]


def test_unanswered_tls_port_makes_no_check_ok_that_needs_tls(look, monkeypatch):
    results = look(free_port())
    well = {each.id for each in results.values() if each.status == "ok"}
    assert well == {"url", "dns", "ipv6"}
    assert results["tls_old"].evidence.en == "no connection could be made"
    assert results["tls_old"].status == "skip"
    assert NAME in results["dns"].evidence.en or results["dns"].evidence.en.startswith("127.")
