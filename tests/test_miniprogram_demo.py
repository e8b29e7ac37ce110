"""The demo mini program: its pages in a rendering, and against the real service.

The tests themselves are in tests/miniprogram, for `node --test`. This starts what they call.
"""

import json
import platform
import re

import pytest

from myapi.settings import ROOT
from tests.requirements import need
from tests.test_miniprogram import TOOLS, Node, run_tests

DEMO = ROOT / "miniprogram" / "demo"
PICTURES = ROOT / "docs" / "miniprogram"


class Simulation:
    """What renders pages without WeChat; the compiler of their templates is WeChat's own."""

    @classmethod
    def available(cls):
        if platform.machine().lower() not in ("x86_64", "amd64"):
            return "WeChat's compiler of templates runs on x86-64 alone"
        if (TOOLS / "miniprogram-simulate").exists() and (TOOLS / "jsdom").exists():
            return Node.available()
        return "miniprogram-simulate not found: apt install npm, then make miniprogram-tools"


def test_the_demo_shows_and_does_what_it_says():
    need(Simulation)
    run_tests("demo")


def test_the_demo_with_the_real_service_and_its_sandbox(serve, tmp_path):
    """Its instance/ is in a folder of this test, and not the one of the checkout."""
    need(Simulation)
    (tmp_path / "served.py").write_text(
        "from pathlib import Path\n"
        "from myapi import create_app\n"
        "from myapi.settings import Settings\n"
        "app = create_app(Settings.from_env(root=Path(__file__).parent))\n"
    )
    (tmp_path / "instance").mkdir()
    service = serve(app="served:app", wechat_base_url="", environ={"PYTHONPATH": str(tmp_path)})
    run_tests("demo-service", MYAPI_TEST_URL=service.url)


def test_the_texts_of_the_demo_name_commands_and_settings_that_exist():
    strings = (DEMO / "strings.js").read_text("utf-8")
    settings = (ROOT / ".env.example").read_text("utf-8")
    for name in re.findall(r"MYAPI_[A-Z_]+", strings):
        assert name in settings, name
    readme = (ROOT / "README.md").read_text("utf-8")
    for command in re.findall(r"flask [a-z]+(?: [a-z]+)?", strings):
        assert command in readme, command


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_documents_of_the_demo_show_every_page_in_light_and_dark(name):
    text = (DEMO / name).read_text("utf-8")
    shown = set(re.findall(r"docs/miniprogram/([\w-]+\.png)", text))
    assert shown == {file.name for file in PICTURES.glob("*.png")}
    pages = [page.split("/")[1] for page in json.loads((DEMO / "app.json").read_text())["pages"]]
    assert {f"{page}-{theme}.png" for page in pages for theme in ("light", "dark")} <= shown


def test_the_pictures_are_small():
    for file in PICTURES.glob("*.png"):
        assert file.stat().st_size < 80_000, file.name
