"""The command line."""

import json

import pytest

from doctor.command import main
from tests.doctor.example import URL, closed, script


@pytest.mark.parametrize(
    "args",
    [[], [URL, "--only", "nonsense"], [URL, "--resolve", "x"], [URL, "--ca", "/nowhere/ca.pem"]],
)
def test_wrong_arguments_are_a_usage_error(args):
    done = script(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_json_has_the_same_shape_in_both_languages():
    for language in ("en", "zh"):
        done = script(URL, "--json", "--lang", language, *closed(), "--only", "url,port,dns,disk")
        report = json.loads(done.stdout)
        assert list(report) == ["verdict", "checks"]
        for each in report["checks"]:
            assert list(each) == ["id", "status", "symptom", "evidence", "fix"]
            assert each["status"] in ("ok", "warn", "fail", "skip")
            assert all(isinstance(value, str) for value in each.values())
            assert bool(each["fix"]) == (each["status"] in ("warn", "fail"))


@pytest.mark.parametrize(
    ("url", "verdict", "code"),
    [(URL, "ok", 0), (f"{URL}:8443", "warn", 1), ("http://api.example.com", "fail", 2)],
)
def test_the_verdict_is_the_worst_status_and_so_is_the_exit_code(url, verdict, code, capsys):
    assert main([url, "--json", "--only", "url"]) == code
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict


def test_the_verdict_is_of_all_checks_also_when_only_changes_are_shown(tmp_path, capsys):
    given = ["http://api.example.com", "--only", "url", "--changes", str(tmp_path / "doctor.json")]
    assert (main(given), main([*given, "--json"])) == (2, 2)
    again = capsys.readouterr().out.partition("{")[2]
    assert json.loads("{" + again) == {"verdict": "fail", "checks": []}


def test_explain_gives_the_meaning_and_the_likeliest_checks(capsys):
    assert main(["--explain", "errno 600002", "--json", "--lang", "en"]) == 0
    explained = json.loads(capsys.readouterr().out)
    assert list(explained) == ["meaning", "checks"]
    meaning, shown = explained["meaning"].splitlines()
    assert meaning.startswith("The domain is not on this mini program's list.")
    assert shown == "On the phone or in the log: url not in domain list (errno 600002)"
    assert [each["id"] for each in explained["checks"]] == ["url", "icp", "redirect"]
    assert main(["--explain", "errno 600002", "--lang", "en"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[:2] == [meaning, shown]
    assert "\n  1. url: WeChat does not accept this URL\n     fix: write https://NAME" in printed
    assert "https://api.example.com --only url,icp,redirect" in printed


def test_explain_ends_with_1_if_the_text_is_unknown(capsys):
    assert main(["--explain", "purple", "--json", "--lang", "en"]) == 1
    assert json.loads(capsys.readouterr().out) == {"meaning": "", "checks": []}
    assert main(["--explain", "purple", "--lang", "en"]) == 1
    assert capsys.readouterr().out.startswith("Nothing is known about this text. Give one of:")


def test_language_is_that_of_the_system():
    given = [URL, "--from-outside", *closed(), "--only", "port"]
    assert "连接被拒绝" in script(*given, LANG="zh_CN.UTF-8").stdout
    assert "connection refused" in script(*given, LANG="de_DE.UTF-8").stdout
    assert "connection refused" in script(*given, LANG="zh_CN.UTF-8", LC_ALL="C").stdout


def test_terminal_without_chinese_gets_question_marks():
    done = script(
        URL,
        "--from-outside",
        *closed(),
        "--only",
        "port",
        "--lang",
        "zh",
        PYTHONUTF8="0",
        PYTHONIOENCODING="ascii",
        LC_ALL="C",
    )
    assert done.returncode == 2
