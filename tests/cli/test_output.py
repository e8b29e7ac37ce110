"""Output: nothing that controls the terminal, and JSON that people can read."""

import io
import json
import sys
from pathlib import Path

import pytest

from myapi.cli import output


@pytest.mark.parametrize(
    ("text", "cells"),
    [("", 0), ("abc", 3), ("小明", 4), ("Ａ", 2), ("😀", 2), ("e\u0301", 1), ("ｶ", 1)],
)
def test_width_counts_terminal_cells(text, cells):
    assert output.width(text) == cells


@pytest.mark.parametrize(
    ("openid", "short"),
    [(None, None), ("oABCdefghijklmnopqrstuvwxyz0", "oABC…xyz0"), ("oABC", "oA…")],
)
def test_shorten_openid_keeps_both_ends(openid, short):
    assert output.shorten_openid(openid) == short


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (81_940_000, "81.9 MB"), (5e12, "5000.0 GB")],
)
def test_size_has_a_readable_unit(size, text):
    assert output.size(size) == text


EVIL = "小明 \x1b[2J \x9b \u202e \u2028 \u200b 👩\u200d🔬 \U000e0041 \n \ud800"


def test_json_is_utf_8_and_escapes_what_could_control_the_terminal(capsys):
    output.print_json({"name": EVIL})
    printed = capsys.readouterr().out
    assert "小明" in printed
    assert "👩" in printed
    assert not set(printed) & set("\x1b\x9b\u202e\u2028\u200b\u200d\U000e0041\ud800")
    assert json.loads(printed) == {"name": EVIL}


@pytest.mark.parametrize(("encoding", "readable"), [("gbk", True), ("cp1252", False)])
def test_json_is_ascii_where_the_encoding_lacks_a_character(monkeypatch, encoding, readable):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    output.print_json({"name": "小明"})
    stdout.flush()
    printed = stdout.buffer.getvalue().decode(encoding)
    assert ("小明" in printed) is readable
    assert json.loads(printed) == {"name": "小明"}


@pytest.mark.parametrize(("path", "typed"), [("", ".venv/bin/flask"), (".venv/bin", "flask")])
def test_next_commands_are_as_they_can_be_typed(tmp_path, monkeypatch, path, typed):
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("flask", "flask.exe"):
        (programs / name).touch(0o755)
    monkeypatch.setattr(output, "ROOT", tmp_path)
    monkeypatch.setattr(output.sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / path))
    assert Path(output.flask_as_typed()) == Path(typed)
