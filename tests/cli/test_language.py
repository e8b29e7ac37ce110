"""Commands in Chinese where the locale is Chinese."""

import ast
import gettext
import importlib
import json
import re
from pathlib import Path

import click
import flask.cli
import pytest

import dev
import doctor
from myapi.cli import COMMANDS, chinese
from myapi.cli.command import Group
from myapi.language import language
from myapi.settings import Settings, SettingsError
from myapi.team import Extension, ExtensionError

LOCALES = chinese.LOCALES / "zh" / "LC_MESSAGES"
HAN = re.compile("[\u4e00-\u9fff]")
#: Words of click that only a developer of commands sees, or that need a shell or a console.
UNSEEN = re.compile(
    r"Could not determine|No options defined|Arguments take|defined twice|Boolean option"
    r"|iterable|Deprecation|start character|shell completion|Shell completion|color|Unknown"
    r"|Windows error|Editing|UUID|format|Choice\(|len_type|two entered|Repeat|any key|^d$"
)


@pytest.fixture
def zh(monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    yield
    gettext.textdomain(chinese.NO_DOMAIN)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_language_follows_the_locale_as_in_the_doctor(monkeypatch, variables, expected):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == doctor.system_language() == expected


def commands():
    """Yield (path, command) of all commands of myapi."""

    def walk(path, command):
        yield path, command
        for name, each in getattr(command, "commands", {}).items():
            yield from walk(f"{path} {name}", each)

    for name, (module, attribute) in COMMANDS.items():
        yield from walk(name, getattr(importlib.import_module(f"myapi.cli.{module}"), attribute))


@pytest.mark.usefixtures("zh")
@pytest.mark.parametrize("command", [pytest.param(each, id=path) for path, each in commands()])
def test_help_of_each_command_and_option_is_chinese(command):
    twin = chinese.in_language(command)
    for paragraph in str(twin.help).split("\n\n"):
        assert HAN.search(paragraph), paragraph
    assert HAN.search(twin.get_short_help_str())
    for parameter in twin.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert HAN.search(parameter.help or ""), f"zh.json lacks {parameter.help!r}"


@pytest.mark.usefixtures("zh")
def test_options_and_commands_of_flask_are_chinese_on_the_page_of_all_commands():
    group = chinese.in_language(flask.cli.cli)
    texts = [option.help for option in group.params]
    texts += [group.commands[name].get_short_help_str() for name in ("run", "shell", "routes")]
    assert all(HAN.search(text) for text in texts), texts


def test_each_chinese_help_text_has_its_english_one():
    used = "\n".join(
        " ".join(str(text).split())
        for _, command in [*commands(), *flask.cli.cli.commands.items(), ("", flask.cli.cli)]
        for text in (
            command.help,
            command.short_help,
            *(getattr(each, "help", "") for each in command.params),
        )
    )
    used += "Show this message and exit."
    texts = json.loads(chinese.TEXTS.read_text(encoding="utf-8"))
    assert [text for text in texts if text not in used] == []


def test_catalogue_of_clicks_words_is_compiled_from_its_source():
    with (LOCALES / "click.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for english, translation in source().items():
        found = compiled.ngettext(*english, 2) if len(english) == 2 else compiled.gettext(*english)
        assert found == translation, "run: msgfmt -o click.mo click.po"


def source():
    """Read click.po: {(singular,) or (singular, plural): Chinese}."""
    text = (LOCALES / "click.po").read_text(encoding="utf-8")
    entry = re.compile(r'msgid (".+")\n(?:msgid_plural (".+")\n)?msgstr(?:\[0\])? (".+")\n')
    return {
        tuple(ast.literal_eval(each) for each in english if each): ast.literal_eval(translation)
        for *english, translation in entry.findall(text)
    }


def test_catalogue_has_each_word_of_click_that_users_see():
    known = {english[0] for english in source()}
    missing = {text for text in words_of_click() if text not in known and not UNSEEN.search(text)}
    assert missing == set()


def words_of_click():
    """Yield the texts that click gives to gettext."""
    for file in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="_" | "ngettext"), args=[ast.Constant(value=text), *_]
                ):
                    yield text


@pytest.mark.usefixtures("zh")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestMessages:
    def test_answers_and_errors(self, run, sign_in):
        user = sign_in("alice").user["id"]
        assert run("users", "ban", user).stdout == f"已封禁 {user}，结束了 1 个会话\n"
        assert run("users", "ban", user).stdout == f"{user} 已处于封禁状态\n"
        assert run("users", "show", "nobody", code=1).stderr == "错误：没有这个用户\n"

    def test_questions(self, run, sign_in):
        user = sign_in("alice").user["id"]
        asked = run("users", "erase", user, code=1, input="n\n")
        assert asked.stderr.startswith(f"永久注销 {user}")
        assert asked.stderr.endswith("错误：已取消，未作改动\n")

    def test_words_of_click(self, run):
        said = run("users", "list", "--limit", "x", "--after", "1", code=2).stderr
        assert said.startswith("用法：")
        assert "错误：'--limit' 的值无效：" in said
        mistyped = run("users", "list", "--limt", code=2).stderr
        assert "没有选项 '--limt'。 是否想输入：'--limit'？" in mistyped

    def test_settings_and_files(self, run, tmp_path):
        said = run("db", "copy", "--to", "x", code=2).stderr
        assert "应为数据库 URL" in said
        said = run("backup", str(tmp_path / "none" / "x"), code=1).stderr
        assert said == f"错误：{tmp_path / 'none'}：没有这个目录\n"
        with pytest.raises(SettingsError) as wrong:
            Settings.from_env({"MYAPI_WORKERS": "x", "MYAPI_ENV": "production"}, root=tmp_path)
        assert wrong.value.format_message().splitlines() == [
            "配置有误：",
            "  - MYAPI_WORKERS：应为 1 到 64 的整数",
            "  - MYAPI_SECRET_KEYS：生产环境必填（用 `flask secrets generate` 生成）",
            "  - MYAPI_WECHAT_APPID：生产环境必填",
            "  - MYAPI_WECHAT_SECRET：生产环境必填",
        ]
        with pytest.raises(ExtensionError, match="commands：'x' 要用 cls=Group"):
            Extension(commands=["x"])

    def test_json_and_field_names_stay_english(self, run, sign_in):
        user = sign_in("alice").user["id"]
        item = json.loads(run("users", "show", user, "--json").stdout)
        assert {"id", "openid", "created_at"} <= item.keys()
        assert run("users", "list").stdout.startswith("ID  ")
        assert run("db", "state").stdout.startswith("current: ")


def test_a_process_with_a_chinese_locale_is_chinese_from_its_first_line(flask):
    shown = flask("--help", environ={"LC_ALL": "zh_CN.UTF-8", "COLUMNS": "60"})
    assert shown.stdout.startswith("用法：")
    assert "列出、查看、封禁、解封、注销和导出用户。" in shown.stdout
    refused = flask("user", "list", environ={"LC_ALL": "zh_CN.UTF-8"})
    assert "错误：没有命令 'user'。 是否想输入：'users'？" in refused.stderr


def test_usage_above_a_mistyped_command_is_chinese(flask):
    refused = flask("usres", environ={"LC_ALL": "zh_CN.UTF-8"})
    assert refused.stderr.startswith("用法：python -m flask [OPTIONS]")


def test_set_up_has_the_same_language(zh, monkeypatch):
    assert dev.localized("English", "中文") == "中文"
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert dev.localized("English", "中文") == "English"


def test_an_encoding_without_chinese_gets_english(flask):
    ascii_only = {"LC_ALL": "zh_CN", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    assert flask("--help", environ=ascii_only).stdout.startswith("Usage: ")


@pytest.mark.usefixtures("zh")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_help_of_a_teams_own_command_comes_from_its_texts(make_app, run):
    @click.group("notes", cls=Group)
    def group():
        """Read the notes of users."""

    app = make_app(Extension(commands=[group]))
    app.extensions["own_texts"] = {"Read the notes of users.": "查看用户的笔记。"}
    assert "  查看用户的笔记。\n" in run("notes", "--help", via=app.test_cli_runner()).stdout
