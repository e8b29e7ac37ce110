"""What `flask wechat code`, `link` and `scheme` do, with the sandbox."""

import io
import os
import re
import stat

import pytest
from PIL import Image

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

links = pytest.mark.parametrize("command", ["link", "scheme"])


class TestCode:
    def test_code_is_written_to_a_new_file(self, run, tmp_path):
        file = tmp_path / "code.jpg"
        said = run("wechat", "code", "table=7", "--page", "pages/a/a", "--output", str(file))
        assert re.fullmatch(rf"{re.escape(str(file))}: JPEG, [0-9.]+ KB\n", said.stdout)
        with Image.open(file) as picture:
            assert (picture.format, picture.size) == ("JPEG", (430, 430))
        if os.name != "nt":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_options_reach_wechat(self, run, tmp_path):
        file = tmp_path / "code.png"
        options = ["--width", "280", "--transparent", "--env-version", "trial", "--no-check-path"]
        said = run("wechat", "code", "a", "--output", str(file), *options).stdout
        assert said.startswith(f"{file}: PNG, ")
        with Image.open(file) as picture:
            assert (picture.format, picture.size) == ("PNG", (280, 280))

    def test_no_file_is_overwritten_and_wechat_not_asked(self, run, wechat, tmp_path):
        file = tmp_path / "code.jpg"
        file.write_text("mine")
        said = run("wechat", "code", "a", "--output", str(file), code=1)
        assert said.stderr == f"Error: {file}: the file already exists\n"
        assert file.read_text() == "mine"
        assert not wechat.sandbox.calls()

    def test_failed_call_leaves_no_file(self, run, wechat, tmp_path):
        run("wechat", "link")  # fetches the access_token
        wechat.sandbox.set_fault(41030, 1)
        said = run("wechat", "code", "a", "--output", str(tmp_path / "code.jpg"), code=1)
        assert "wechat_misconfigured (errcode 41030)" in said.stderr
        assert not list(tmp_path.glob("*code.jpg*"))

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["a%20b"], "'SCENE': a scene is 1 to 32 ASCII letters"),
            (["小明"], "'SCENE': a scene is 1 to 32 ASCII letters"),
            (["a" * 33], "'SCENE': a scene is 1 to 32 ASCII letters"),
            (["a", "--page", "/pages/a"], "'--page': the page of a code does not begin with /"),
            (["a", "--page", "pages/a?b=1"], "'--page': a path has no spaces, no query"),
            (["a", "--width", "279"], "'--width'"),
            (["a", "--env-version", "production"], "'--env-version'"),
        ],
    )
    def test_wrong_argument_is_a_usage_error(self, run, wechat, tmp_path, arguments, why):
        file = tmp_path / "code.jpg"
        said = run("wechat", "code", *arguments, "--output", str(file), code=2)
        assert why in said.stderr
        assert not file.exists()
        assert not wechat.sandbox.calls()

    def test_code_goes_to_a_pipe_but_not_to_a_terminal(self, run, monkeypatch, wechat):
        with Image.open(io.BytesIO(run("wechat", "code", "a").stdout_bytes)) as picture:
            assert picture.format == "JPEG"
        calls = wechat.sandbox.calls()
        monkeypatch.setattr("myapi.cli.output.to_terminal", lambda: True)
        assert "--output" in run("wechat", "code", "a", code=2).stderr
        assert wechat.sandbox.calls() == calls


class TestLinks:
    def test_link_alone_is_printed(self, run):
        said = run("wechat", "link", "pages/a/a", "--query", "id=7", "--days", "7")
        assert re.fullmatch(r"https://wxaurl\.cn/\w+\n", said.stdout)
        assert said.stderr == ""

    def test_scheme_alone_is_printed(self, run):
        said = run("wechat", "scheme", "/pages/a/a", "--env-version", "trial")
        assert re.fullmatch(r"weixin://dl/business/\?t=\w+\n", said.stdout)
        assert said.stderr == ""

    @links
    def test_without_arguments_the_home_page_is_linked(self, run, command):
        assert "://" in run("wechat", command).stdout

    @links
    def test_failed_call_prints_no_link(self, run, wechat, command):
        run("wechat", "link")  # fetches the access_token
        wechat.sandbox.set_fault(40002, 1)
        said = run("wechat", command, code=1)
        assert said.stdout == ""
        assert "Error: wechat_misconfigured (errcode 40002)" in said.stderr

    @links
    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["pages/a?b=1"], "a path has no spaces, no query"),
            (["--query", "name=小明"], "percent-encode all others"),
            (["--days", "31"], "'--days'"),
            (["--days", "0"], "'--days'"),
            (["--env-version", "production"], "'--env-version'"),
        ],
    )
    def test_wrong_argument_is_a_usage_error(self, run, wechat, command, arguments, why):
        assert why in run("wechat", command, *arguments, code=2).stderr
        assert not wechat.sandbox.calls()

    @links
    def test_wrong_argument_is_told_in_chinese(self, run, monkeypatch, command):
        monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
        said = run("wechat", command, "--query", "小明", code=2).stderr
        assert "其他字符要做百分号编码" in said
        assert "应为页面路径" in run("wechat", command, "a?b", code=2).stderr
