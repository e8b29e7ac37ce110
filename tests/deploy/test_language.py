"""`deploy/myapi` speaks the language of the operator's locale."""

import ast
import subprocess

import pytest

from deploy.lib import certificate, cli, firewall, local_servers, machine, preflight
from deploy.lib.language import said
from myapi.settings import ROOT


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
        assert any("一" <= letter <= "鿿" for letter in text) == language.startswith("zh"), text
        assert " · " not in text


def messages():
    """Yield the texts of each `said(…)`, as they are in the code."""
    for file in (ROOT / "deploy/lib").glob("*.py"):
        source = file.read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said":
                texts = [ast.get_source_segment(source, each) for each in node.args]
                if len(texts) == 2:  # else both come from a list
                    yield texts


def test_each_message_is_in_both_languages_and_none_mixes_them():
    found = list(messages())
    assert len(found) > 60
    for _english, chinese in found:
        assert any("一" <= letter <= "鿿" for letter in chinese), chinese
    for file in (ROOT / "deploy/lib").glob("*.py"):
        assert " · " not in file.read_text("utf-8"), file


def test_command_refuses_in_the_language_of_the_locale(locale, monkeypatch, capsys):
    locale(LANG="zh_CN.UTF-8")
    monkeypatch.setattr(cli.os, "geteuid", lambda: 1000)
    assert cli.main(["status"]) == 1
    assert "请用 sudo 运行" in capsys.readouterr().err
