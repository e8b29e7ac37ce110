"""Output: aligned columns, and nothing that controls the terminal."""

import pytest

from myapi.cli import output


@pytest.mark.parametrize(
    ("text", "cells"),
    [("", 0), ("abc", 3), ("小明", 4), ("Ａ", 2), ("😀", 2), ("e\u0301", 1), ("ｶ", 1)],
)
def test_width_counts_terminal_cells(text, cells):
    assert output.width(text) == cells


@pytest.mark.parametrize(
    ("text", "fitted"),
    [
        (None, "-"),
        ("", "-"),
        ("\u202e\u200b", "-"),
        ("a\tb\nc\x00d\x7fe\x85f", "a?b?c?d?e?f"),
        ("\ud800", "?"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("小" * 30, "小" * 30),
        ("小" * 31, "小" * 29 + "…"),
    ],
)
def test_fit_column_makes_text_printable_and_cuts_it(text, fitted):
    assert output.fit_column(text) == fitted


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


def test_fields_are_not_cut(capsys):
    output.print_fields({"url": "https://a.example/" + "x" * 500, "none": None})
    assert capsys.readouterr().out == f"url   https://a.example/{'x' * 500}\nnone  -\n"
