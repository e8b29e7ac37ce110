"""The command line."""

import json

import pytest

from tests.doctor.example import URL, closed, script


@pytest.mark.parametrize(
    "args",
    [[], [URL, "--only", "nonsense"], [URL, "--resolve", "x"], [URL, "--ca", "/nowhere/ca.pem"]],
)
def test_wrong_words_to_the_script_are_a_usage_error(args):
    done = script(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_json_has_five_keys_in_both_languages():
    for language in ("en", "zh"):
        done = script(URL, "--json", "--lang", language, *closed(), "--only", "url,port,dns,disk")
        assert done.stdout.isascii()
        for each in json.loads(done.stdout)["checks"]:
            assert list(each) == ["id", "status", "symptom", "evidence", "fix"]
            assert each["status"] in ("ok", "warn", "fail", "skip")
            assert all(isinstance(value, str) for value in each.values())
            assert bool(each["fix"]) == (each["status"] in ("warn", "fail"))


def test_the_language_is_that_of_the_system():
    given = [URL, "--from-outside", *closed(), "--only", "port"]
    assert "连接被拒绝" in script(*given, LANG="zh_CN.UTF-8").stdout
    assert "connection refused" in script(*given, LANG="de_DE.UTF-8").stdout
    assert "connection refused" in script(*given, LANG="zh_CN.UTF-8", LC_ALL="C").stdout


def test_a_terminal_that_knows_no_chinese_gets_question_marks():
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
