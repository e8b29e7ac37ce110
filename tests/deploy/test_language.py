"""`deploy/myapi` speaks the language of the operator's locale."""

import ast
import gettext
import os
import re
import subprocess
import sys

import pytest

from deploy.lib import certificate, cli, firewall, local_servers, machine, preflight
from deploy.lib.language import DOMAIN, LOCALES, said
from myapi.settings import ROOT

HAN = re.compile("[一-鿿]")
COMMANDS = ("up", "status", "release", "rollback", "backup", "restore", "uninstall")


@pytest.fixture
def locale(monkeypatch):
    """Set the variables that name a language; the others are unset."""

    def choose(**variables):
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return choose


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({}, "yes"),
        ({"LANG": "C.UTF-8"}, "yes"),
        ({"LANG": "zh_CN.UTF-8"}, "是"),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "是"),
        ({"LC_ALL": "C", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"}, "yes"),
        ({"LC_ALL": "", "LANG": "zh_TW.UTF-8"}, "是"),
    ],
)
def test_language_is_that_of_the_first_variable_that_is_set(locale, variables, text):
    locale(**variables)
    assert said("yes", "是") == text


@pytest.mark.parametrize("language", ["zh_CN.UTF-8", "en_US.UTF-8"])
def test_problem_is_told_in_one_language(locale, monkeypatch, tmp_path, language):
    locale(LANG=language)
    refused = subprocess.CompletedProcess((), 1, "", "ERROR 1045 (28000): Access denied")
    monkeypatch.setattr(local_servers, "capture", lambda *_, **__: refused)
    monkeypatch.setattr(local_servers, "_has_any", lambda *_: True)
    monkeypatch.setattr(firewall.shutil, "which", lambda *_, **__: None)
    told = [
        *preflight.check_system({"ID": "centos", "VERSION_ID": "7"}),
        *preflight.check_resources(1, 1, 1),
        *preflight.check_networks(["x"]),
        *preflight.check_dns("api.example.com", set(), set())[0],
        *local_servers.problems("x", "x"),
        *local_servers.access_problems("mysql+pymysql://a:b@127.0.0.1/c"),
        *firewall.problems(["x"]),
        firewall.open_ports(machine.Machine(), []),
        certificate.find_problem(b"", b"", "api.example.com"),
    ]
    for text in told:
        assert bool(HAN.search(text)) == language.startswith("zh"), text
        assert " · " not in text


def messages():
    """Yield the texts of each `said(…)`, as they are in the code."""
    for file in (ROOT / "deploy/lib").glob("*.py"):
        source = file.read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said":
                texts = [ast.get_source_segment(source, each) for each in node.args]
                if len(texts) == 2 and not texts[1].isidentifier():  # else they come from a list
                    yield texts


def test_each_message_is_in_both_languages_and_none_mixes_them():
    found = list(messages())
    assert len(found) > 60
    for _english, chinese in found:
        assert HAN.search(chinese), chinese
    for file in (ROOT / "deploy/lib").glob("*.py"):
        assert " · " not in file.read_text("utf-8"), file


def test_command_refuses_in_the_language_of_the_locale(locale, monkeypatch, capsys):
    locale(LANG="zh_CN.UTF-8")
    monkeypatch.setattr(cli, "choose_words_of_argparse", lambda: None)  # it is of the process
    monkeypatch.setattr(cli.os, "geteuid", lambda: 1000)
    assert cli.main(["status"]) == 1
    assert "请用 sudo 运行" in capsys.readouterr().err


# ---- steps ----


@pytest.mark.parametrize(
    ("language", "steps"),
    [
        ("en_US.UTF-8", ["write", "create", "link", "remove"]),
        ("zh_CN.UTF-8", ["写入", "创建", "把", "删除"]),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_step_is_told_in_the_language_of_the_locale(
    locale, monkeypatch, tmp_path, capsys, language, steps, dry_run
):
    locale(LANG=language)
    monkeypatch.setattr(machine, "_ids", lambda _owner: (os.getuid(), os.getgid()))
    server = machine.Machine(dry_run=dry_run)
    (tmp_path / "old").touch()
    server.write(tmp_path / "file", "text")
    server.ensure_folder(tmp_path / "folder")
    server.link(tmp_path / "link", tmp_path / "file")
    server.remove(tmp_path / "old")
    would = {"en": "would ", "zh": "将"}[language[:2]] if dry_run else ""
    told = capsys.readouterr().out.splitlines()
    for line, step in zip(told, steps, strict=True):
        assert line.startswith(would + step)


def test_step_that_fails_says_so_in_the_language_of_the_locale(locale):
    locale(LANG="zh_CN.UTF-8")
    with pytest.raises(machine.DeployError, match=r"^试一下：失败\n"):
        machine.Machine().run("试一下", "false")


def test_no_step_is_worded_in_one_language_only():
    steps = [
        node.args[0]
        for file in (ROOT / "deploy/lib").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"run", "announce"}
        if getattr(getattr(node.func, "value", None), "id", "") in {"machine", "self"}
    ]
    assert len(steps) > 35
    worded = [ast.unparse(step) for step in steps if isinstance(step, ast.Constant | ast.JoinedStr)]
    assert worded == []


# ---- help ----


def deploy(*arguments, language):
    variables = {"LC_ALL": language, "COLUMNS": "80", "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, ROOT / "deploy/myapi", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **variables},
    )


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_is_in_one_language(command):
    english = deploy(*command, "--help", language="C").stdout
    assert english.startswith("usage: ")
    assert not HAN.search(english)
    chinese = deploy(*command, "--help", language="zh_CN.UTF-8").stdout
    assert chinese.startswith("用法：")
    paragraphs = chinese.partition("\n\n")[2]  # after the usage, which has names only
    sentences = re.findall(r"[a-z]+ [a-z]+ [a-z]+", paragraphs, re.IGNORECASE)
    assert sentences == []
    assert paragraphs.count("\n") > 3


def test_each_option_has_a_chinese_text():
    for command in COMMANDS:
        shown = deploy(command, "--help", language="zh_CN.UTF-8").stdout
        options = re.split(r"\n  (?=-)", shown)[1:]
        assert options
        for option in options:
            assert HAN.search(option), option


def test_chinese_help_fits_a_terminal_of_80_columns():
    for command in COMMANDS:
        for line in deploy(command, "--help", language="zh_CN.UTF-8").stdout.splitlines():
            assert sum(2 if ord(letter) > 0x2E80 else 1 for letter in line) <= 80, line


def test_mistyped_command_is_refused_in_the_language_of_the_locale():
    refused = deploy("relaese", language="zh_CN.UTF-8")
    assert refused.returncode == 2
    assert "无效的选择：'relaese'" in refused.stderr
    assert "invalid choice: 'relaese'" in deploy("relaese", language="C").stderr


def test_catalogue_of_argparses_words_is_compiled_from_its_source():
    folder = LOCALES / "zh/LC_MESSAGES"
    with (folder / f"{DOMAIN}.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    text = (folder / f"{DOMAIN}.po").read_text("utf-8")
    words = re.findall(r'msgid (".+")\nmsgstr (".+")\n', text)
    assert len(words) > 10
    for english, chinese in words:
        found = compiled.gettext(ast.literal_eval(english))
        assert found == ast.literal_eval(chinese), "run: msgfmt -o argparse.mo argparse.po"
