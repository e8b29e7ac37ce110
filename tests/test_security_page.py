"""docs/security.md answers every requirement, and names nothing that is not there."""

import ast
import functools
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_docs import headings, read, slug

ROOT = Path(__file__).parent.parent
PAGE = "docs/security.md"
SECTION = "## ASVS 5.0.0, one by one"
IDS = (ROOT / "tests/asvs_ids.txt").read_text(encoding="utf-8").split()

ID = re.compile(r"\d+\.\d+\.\d+")
ROW = re.compile(r"^\| (\S+) \| ([^|]*) \| (.*?) ?\|$", re.MULTILINE)
#: In code type: a file by its path, perhaps with a test in it.
NAMED = re.compile(r"(?!\w+://|/)[^\s`]*(?:/|::|\.(?:md|py|toml|txt)$)[^\s`]*")
LINK = re.compile(r"\]\(#([^)]+)\)")


class Answer(NamedTuple):
    """A row of a table."""

    id: str
    answer: str
    shown: str

    def named(self):
        return [span for span in re.findall(r"`([^`]+)`", self.shown) if NAMED.fullmatch(span)]


def answers_in(text):
    return [Answer(*row) for row in ROW.findall(text) if row[0] != "id"]


ANSWERS = answers_in(read(PAGE).partition(SECTION)[2])


def sections():
    """Return the headings of the page by their anchors."""
    return {slug(text): text for _, text in headings(PAGE)}


def problems(row):
    """Say what is wrong with one answer by itself."""
    if row.answer not in {"met", "deviates", "not applicable", "open"}:
        yield f"{row.answer!r} is none of the four answers"
    if row.answer == "met" and not (row.named() or LINK.findall(row.shown)):
        yield "nothing shows it"
    if row.answer != "met" and not re.search(r"\w+ \w+ \w+", re.sub(r"`[^`]+`", "", row.shown)):
        yield "no reason"
    yield from (f"there is no {name}" for name in row.named() if not is_there(name))
    yield from (
        f"there is no #{link}" for link in LINK.findall(row.shown) if link not in sections()
    )


def is_there(name):
    file, *path = name.split("::")
    if not (ROOT / file).is_file():
        return False
    return not path or "::".join(path) in cases_in(file)


@functools.cache
def cases_in(file):
    """Return the names of the tests in a file, as pytest has them."""
    body = ast.parse(read(file)).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    return {node.name for node in cases_among(body)} | {
        f"{each.name}::{node.name}" for each in classes for node in cases_among(each.body)
    }


def cases_among(nodes):
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    return [function for function in functions if function.name.startswith("test_")]


def test_no_requirement_is_left_out_and_none_is_answered_twice():
    assert [row.id for row in ANSWERS] == IDS
    assert len(set(IDS)) == len(IDS) == 158


@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: row.id)
def test_an_answer_is_one_of_four_and_what_it_names_is_there(row):
    assert list(problems(row)) == []


def test_the_page_says_how_many_are_met():
    said = re.search(
        r"The standard's (\d+) .*: (\d+) are met, (\d+) deviate, (\d+) are not applicable,"
        r" (\d+) are open\.",
        read(PAGE),
    )
    counts = Counter(row.answer for row in ANSWERS)
    assert [int(number) for number in said.groups()] == [
        len(ANSWERS),
        *(counts[answer] for answer in ("met", "deviates", "not applicable", "open")),
    ]


def test_a_number_behind_a_heading_is_answered_with_that_section():
    shown = {row.id: row.shown for row in ANSWERS}
    numbered = {
        number: anchor
        for anchor, text in sections().items()
        for number in ID.findall(text)
        if number in shown
    }
    assert len(numbered) > 15
    for number, anchor in numbered.items():
        assert anchor in LINK.findall(shown[number]), number


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("| 1.1.1 | met | `tests/observability/test_logs.py` |", None),
        (
            "| 1.1.1 | met | `tests/observability/test_logs.py::test_text_omits_empty_fields` |",
            None,
        ),
        ("| 1.1.1 | met | `tests/cli/test_failures.py::TestEnd::test_ctrl_c_is_quiet` |", None),
        ("| 1.1.1 | met | [Logs](#logs-1611) |", None),
        ("| 1.1.1 | open | Nobody has done it yet |", None),
        ("| 1.1.1 | met | It is so, because `MYAPI_ENV` says so |", "nothing shows it"),
        ("| 1.1.1 | met | `tests/test_log.py` |", "there is no"),
        ("| 1.1.1 | met | `myapi` and `myapi/nowhere.py` |", "there is no"),
        ("| 1.1.1 | met | `tests/observability/test_logs.py::test_nothing` |", "there is no"),
        ("| 1.1.1 | met | `tests/observability/test_logs.py::record` |", "there is no"),
        ("| 1.1.1 | met | `tests/test_logs::test_nothing` |", "there is no"),
        ("| 1.1.1 | met | `tests` and `tests/` |", "there is no"),
        ("| 1.1.1 | met | `tests/cli/test_failures.py::test_ctrl_c_is_quiet` |", "there is no"),
        (
            "| 1.1.1 | met | `tests/observability/test_logs.py::TestEnd::test_ctrl_c_is_quiet` |",
            "there is no",
        ),
        ("| 1.1.1 | met | [Logs](#logs) |", "there is no"),
        ("| 1.1.1 | deviates | `tests/test_nowhere.py` shows something else |", "there is no"),
        ("| 1.1.1 | partly | Some of it: `tests/observability/test_logs.py` |", "none of the four"),
        ("| 1.1.1 | deviates | `tests/observability/test_logs.py` |", "no reason"),
        ("| 1.1.1 | not applicable | |", "no reason"),
    ],
)
def test_what_is_wrong_with_an_answer_is_found(row, problem):
    (answer,) = answers_in(row)
    found = list(problems(answer))
    assert len(found) == (problem is not None)
    assert all(problem in each for each in found)
