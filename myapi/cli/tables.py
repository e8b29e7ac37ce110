"""Print aligned columns that fit the terminal. In a pipe all columns are whole."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from myapi.cli import output
from myapi.cli.output import cut, print_json, print_line, printable, width
from myapi.cli.times import for_people
from myapi.language import localized

Item = Mapping[str, Any]

GAP = 2  # cells between two columns
MAX_TEXT = 60  # cells of a column of free text
MIN_TEXT = 10  # cells to which such a column may be cut before it is dropped


class Column(NamedTuple):
    """A column of a list. The heading is not translated: it is a name in the JSON as well."""

    heading: str
    value: Callable[[Item], str | None]
    #: On a narrow terminal the column with the highest number goes first; 0 always stays.
    drop: int = 0
    is_time: bool = False
    #: Free text may be cut. All else, such as an id, is whole or not there.
    is_text: bool = False


class _Cells(NamedTuple):
    column: Column
    cells: Sequence[str]  # the heading and the rows

    @property
    def width(self) -> int:
        return max(map(width, self.cells))

    @property
    def least(self) -> int:
        """The width that it needs at least."""
        return min(self.width, MIN_TEXT) if self.column.is_text else self.width


def print_page(
    items: Sequence[Item],
    cursor: str | None,
    columns: Sequence[Column],
    none: str,
    *,
    as_json: bool,
    utc: bool,
) -> None:
    """Print one page of a list: rows to stdout, remarks (`none`, more pages) to stderr."""
    if as_json:
        print_json({"items": items, "next": cursor})
        return
    if not items:
        print_line(none, err=True)
        return
    table = [_Cells(each, [each.heading, *_texts(each, items, utc=utc)]) for each in columns]
    shown = _fit(table, shutil.get_terminal_size().columns) if output.to_terminal() else table
    for line in _align([list(row) for row in zip(*(each.cells for each in shown), strict=True)]):
        print_line(line)
    if missing := ", ".join(c.heading for c in columns if c not in [each.column for each in shown]):
        print_line(localized(f"not shown: {missing}", f"未显示：{missing}"), err=True)
    if cursor is not None:
        print_line(localized(f"more: --after {cursor}", f"下一页：--after {cursor}"), err=True)


def print_fields(fields: Mapping[str, str | None]) -> None:
    """Print one item, a line for each of its fields."""
    for line in _align([[name, printable(value or "") or "-"] for name, value in fields.items()]):
        print_line(line)


def _texts(column: Column, items: Sequence[Item], *, utc: bool) -> list[str]:
    values = [column.value(item) for item in items]
    if column.is_time:
        values = [for_people(value, utc=utc) for value in values]
    texts = [printable(value or "") or "-" for value in values]
    return [cut(text, MAX_TEXT) or "-" for text in texts] if column.is_text else texts


def _fit(table: Sequence[_Cells], cells: int) -> Sequence[_Cells]:
    """Drop columns until the others fit, and cut free text to what is left."""
    shown = list(table)
    while _sum(each.least for each in shown) > cells and any(each.column.drop for each in shown):
        shown.remove(max(shown, key=lambda each: each.column.drop))
    spare = max(0, cells - _sum(each.least for each in shown))
    return [_cut_column(each, each.least + spare) for each in shown]


def _sum(widths: Iterable[int]) -> int:
    """Return the width of columns with the gaps between them."""
    return sum(each + GAP for each in widths) - GAP


def _cut_column(column: _Cells, cells: int) -> _Cells:
    if not column.column.is_text:
        return column
    return column._replace(cells=[cut(text, cells) for text in column.cells])


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        (" " * GAP)
        .join(text + " " * (cells - width(text)) for text, cells in zip(row, widths, strict=True))
        .rstrip()
        for row in rows
    ]
