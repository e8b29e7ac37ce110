"""Tests of the demo mini program: rendered pages, and pages with the real service.

The tests of the pages are in tests/miniprogram, for `node --test`. This file runs them and starts
the service that they call.
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
    """The npm packages that render pages without WeChat, with WeChat's own template compiler."""

    @classmethod
    def available(cls):
        if platform.machine().lower() not in ("x86_64", "amd64"):
            return "WeChat's template compiler runs only on x86-64"
        if (TOOLS / "miniprogram-simulate").exists() and (TOOLS / "jsdom").exists():
            return Node.available()
        return "miniprogram-simulate not found: apt install npm, then make miniprogram-tools"


def test_demo_pages_pass_their_tests():
    need(Simulation)
    run_tests("demo")


def test_demo_works_with_the_real_service(serve, tmp_path):
    """The service's instance/ is in this test's folder, not in the checkout."""
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


def test_demo_texts_name_existing_commands_and_settings():
    strings = "".join(file.read_text("utf-8") for file in (DEMO / "strings").glob("*.js"))
    settings = (ROOT / ".env.example").read_text("utf-8")
    for name in re.findall(r"MYAPI_[A-Z_]+", strings):
        assert name in settings, name
    commands = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    for command in re.findall(r"flask [a-z]+(?: [a-z]+)?", strings):
        assert command in commands, command


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_demo_readme_shows_every_page_in_light_and_dark(name):
    text = (DEMO / name).read_text("utf-8")
    shown = set(re.findall(r"docs/miniprogram/([\w-]+\.png)", text))
    assert shown == {file.name for file in PICTURES.glob("*.png")}
    pages = [page.split("/")[1] for page in json.loads((DEMO / "app.json").read_text())["pages"]]
    assert {f"{page}-{theme}.png" for page in pages for theme in ("light", "dark")} <= shown


def test_pictures_are_small():
    for file in PICTURES.glob("*.png"):
        assert file.stat().st_size < 80_000, file.name
