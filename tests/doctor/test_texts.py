"""Texts in both languages, and symptoms and fixes of every check."""

import ast
import re
from pathlib import Path

import doctor
from doctor import OUTSIDE, SERVER, SYMPTOMS
from myapi.cli import database_checks, settings_checks
from myapi.cli.doctor import APP_CHECKS

#: Menus of the mini program's console and of the developer tool, which exist in Chinese alone.
OF_THE_CONSOLE = (
    "开发管理|开发设置|服务器域名|合法域名|IP 白名单|详情|基本信息|域名信息"
    "|设置|服务内容声明|用户隐私保护指引|付费管理|功能|订阅消息"
)


def test_every_text_is_in_both_languages():
    """Each `Text(…)` in the source: two texts, with the same values in them."""
    counted = 0
    package = Path(doctor.__file__).parent
    ours = [Path(module.__file__) for module in (settings_checks, database_checks)]
    for file in (*package.rglob("*.py"), *ours):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text":
                if any(isinstance(argument, ast.Starred) for argument in node.args):
                    continue
                english, chinese = node.args
                assert sorted(values(english)) == sorted(spoken(values(chinese))), ast.unparse(node)
                if re.search(r"[a-z]{2} [a-z]{2}", words(english)):
                    assert re.search(r"[\u4e00-\u9fff]", words(chinese)), ast.unparse(node)
                assert not re.search(r"[\u4e00-\u9fff]", re.sub(OF_THE_CONSOLE, "", words(english)))
                counted += 1
    assert counted > 150


def spoken(names):
    return [name.replace(".zh", ".en") for name in names]


def values(node):
    """Return the values of an f-string, each once."""
    found = {
        ast.unparse(part.value) for part in ast.walk(node) if isinstance(part, ast.FormattedValue)
    }
    return sorted(found)


def words(node):
    return "".join(
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def test_every_check_has_its_symptoms_and_a_fix():
    every = [*OUTSIDE, *SERVER, *APP_CHECKS]
    assert len({one.id for one in every}) == len(every)
    for one in every:
        assert one.symptoms
        assert set(one.symptoms) <= SYMPTOMS.keys()
        assert len(one.fix.en) > 10
        assert one.fault.en
        assert re.search(r"[\u4e00-\u9fff]", one.fault.zh)
        assert one.stops in ("phones", "logins", "nothing")
        assert set(one.follows) <= {each.id for each in every}
        assert re.search(r"[\u4e00-\u9fff]", one.fix.zh)
