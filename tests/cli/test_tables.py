"""Tables fit the terminal; a pipe gets all of them."""

import pytest

from myapi.cli import output, tables
from myapi.cli.tables import Column

ID = "0123456789abcdef01234567"
COLUMNS = [
    Column("ID", lambda item: item["id"]),
    Column("STATE", lambda item: item["state"], drop=2),
    Column("SEEN", lambda item: item["seen"], drop=1, is_time=True),
    Column("NAME", lambda item: item["name"], drop=3, is_text=True),
]
ITEMS = [
    {"id": ID, "state": "live", "seen": "2020-01-02T03:04:05Z", "name": "小明" * 20},
    {"id": ID, "state": "expired", "seen": None, "name": None},
]


@pytest.fixture
def printed(monkeypatch, capsys):
    """Print the table, on a terminal of so many columns or to a pipe; return stdout, stderr."""

    def printed(columns=None, *, utc=False):
        monkeypatch.setattr(output, "to_terminal", lambda: columns is not None)
        monkeypatch.setenv("COLUMNS", str(columns or 80))
        tables.print_page(ITEMS, None, COLUMNS, "none", as_json=False, utc=utc)
        return capsys.readouterr()

    return printed


@pytest.mark.parametrize("columns", range(24, 140))
def test_no_line_is_wider_than_the_terminal_and_no_id_is_cut(printed, columns):
    lines = printed(columns).out.splitlines()
    assert len(lines) == 1 + len(ITEMS)
    assert max(map(output.width, lines)) <= columns
    assert all(line.startswith(ID) for line in lines[1:])


def test_free_text_is_cut_before_a_column_is_dropped(printed):
    whole, cut = printed(200).out, printed(80).out
    assert whole.splitlines()[0].split() == cut.splitlines()[0].split()
    assert "小明" * 14 in whole
    assert "…\n" in cut


def test_columns_are_dropped_in_the_declared_order_and_named(printed):
    headings = [printed(columns).out.splitlines()[0].split() for columns in (57, 55, 36, 30)]
    assert headings == [
        ["ID", "STATE", "SEEN", "NAME"],
        ["ID", "STATE", "SEEN"],
        ["ID", "SEEN"],
        ["ID"],
    ]
    assert printed(36).err == "not shown: STATE, NAME\n"
    assert printed(200).err == ""


def test_a_terminal_narrower_than_an_id_still_gets_it_whole(printed):
    assert ID in printed(10).out


def test_a_pipe_gets_all_columns_and_utc(printed):
    shown = printed()
    assert "2020-01-02T03:04:05Z" in shown.out
    assert "NAME" in shown.out
    assert shown.err == ""


def test_a_terminal_gets_utc_on_demand(printed):
    assert "2020-01-02  " in printed(200).out
    assert "2020-01-02T03:04:05Z" in printed(200, utc=True).out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("小" * 30, "小" * 30),
        ("小" * 31, "小" * 29 + "…"),
    ],
)
def test_free_text_is_cut_by_cells(text, shown):
    assert output.cut(text, tables.MAX_TEXT) == shown


def test_cells_cannot_control_the_terminal(capsys):
    column = Column("NAME", lambda item: item["name"], is_text=True)
    items = [{"name": "a\tb\nc\x00d\x7fe\x85f"}, {"name": "\u202e\u200b"}, {"name": "\ud800"}]
    tables.print_page(items, None, [column], "none", as_json=False, utc=False)
    assert capsys.readouterr().out == "NAME\na?b?c?d?e?f\n-\n?\n"


@pytest.mark.parametrize("cells", range(-1, 8))
def test_a_cut_text_is_never_too_wide(cells):
    assert output.width(output.cut("中文abc", cells)) <= max(cells, 0)


def test_fields_are_not_cut(capsys):
    tables.print_fields({"url": "https://a.example/" + "x" * 500, "none": None})
    assert capsys.readouterr().out == f"url   https://a.example/{'x' * 500}\nnone  -\n"
