"""docs/asvs.md answers every requirement, and every file, test and section it names exists.

docs/asvs.zh-CN.md gives the same answers with the same evidence.
"""

import ast
import functools
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_docs import headings, read, slug

ROOT = Path(__file__).parent.parent
PAGE, CHINESE_PAGE = "docs/asvs.md", "docs/asvs.zh-CN.md"
SECURITY, CHINESE_SECURITY = "docs/security.md", "docs/security.zh-CN.md"
CHINESE = {"满足": "met", "偏离": "deviates", "不适用": "not applicable", "待解决": "open"}
IDS = (ROOT / "tests/asvs_ids.txt").read_text(encoding="utf-8").split()

ID = re.compile(r"\d+\.\d+\.\d+")
ROW = re.compile(r"^\| (\S+) \| ([^|]*) \| (.*?) ?\|$", re.MULTILINE)
#: Text in code type that names a file, perhaps with a test in it.
NAMED = re.compile(r"(?!\w+://|/)[^\s`]*(?:/|::|\.(?:md|py|toml|txt)$)[^\s`]*")
LINK = re.compile(r"\]\(security(?:\.zh-CN)?\.md#([^)]+)\)")


class Answer(NamedTuple):
    """A row of a table."""

    id: str
    answer: str
    evidence: str

    def names(self):
        """Return the files and tests that this row names."""
        return [span for span in re.findall(r"`([^`]+)`", self.evidence) if NAMED.fullmatch(span)]


def answers_in(text):
    return [Answer(*row) for row in ROW.findall(text) if row[0] not in {"id", "编号"}]


ANSWERS, CHINESE_ANSWERS = answers_in(read(PAGE)), answers_in(read(CHINESE_PAGE))


def sections(page=SECURITY):
    """Return anchor → heading of the page."""
    return {slug(text): text for _, text in headings(page)}


def problems(row):
    """Yield what is wrong with one answer."""
    if row.answer not in {"met", "deviates", "not applicable", "open"}:
        yield f"{row.answer!r} is not one of the four answers"
    if row.answer == "met" and not (row.names() or LINK.findall(row.evidence)):
        yield "no evidence"
    if row.answer != "met" and not re.search(r"\w+ \w+ \w+", re.sub(r"`[^`]+`", "", row.evidence)):
        yield "no reason is given"
    yield from (f"there is no {name}" for name in row.names() if not exists(name))
    yield from (
        f"there is no #{link}" for link in LINK.findall(row.evidence) if link not in sections()
    )


def exists(name):
    file, *path = name.split("::")
    if not (ROOT / file).is_file():
        return False
    return not path or "::".join(path) in collect_test_names(file)


@functools.cache
def collect_test_names(file):
    """Return the names of the tests in a file, with the class as pytest writes it."""
    body = ast.parse(read(file)).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    return {node.name for node in only_test_functions(body)} | {
        f"{each.name}::{node.name}" for each in classes for node in only_test_functions(each.body)
    }


def only_test_functions(nodes):
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    return [function for function in functions if function.name.startswith("test_")]


def test_each_requirement_is_answered_once():
    assert [row.id for row in ANSWERS] == IDS
    assert len(set(IDS)) == len(IDS) == 171


@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: row.id)
def test_answer_is_valid_and_what_it_names_exists(row):
    assert list(problems(row)) == []


def test_chinese_page_gives_the_same_answers():
    assert [row.id for row in CHINESE_ANSWERS] == IDS
    assert [CHINESE[row.answer] for row in CHINESE_ANSWERS] == [row.answer for row in ANSWERS]


@pytest.mark.parametrize(
    ("english", "chinese"),
    list(zip(ANSWERS, CHINESE_ANSWERS, strict=False)),
    ids=lambda row: row.id,
)
def test_chinese_answer_has_the_same_evidence(english, chinese):
    """The order may differ, as the words do."""
    named, named_in_chinese = (
        sorted(re.findall(r"`[^`]+`", row.evidence)) for row in (english, chinese)
    )
    assert named_in_chinese == named
    assert requirements_linked(chinese, CHINESE_SECURITY) == requirements_linked(english, SECURITY)


def requirements_linked(row, page):
    """Return the numbers in the headings that the row links to; they are in both languages."""
    return [ID.findall(sections(page)[link]) for link in LINK.findall(row.evidence)]


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (
            PAGE,
            r"The standard's (\d+) .*: (\d+) are met, (\d+) deviate, (\d+) are not applicable,"
            r" (\d+) are open\.",
        ),
        (
            CHINESE_PAGE,
            r"共 (\d+) 条：满足 (\d+) 条，偏离 (\d+) 条，不适用 (\d+) 条，待解决 (\d+) 条。",
        ),
    ],
)
def test_page_has_the_correct_totals(page, sentence):
    totals = re.search(sentence, read(page))
    counts = Counter(row.answer for row in ANSWERS)
    assert [int(number) for number in totals.groups()] == [
        len(ANSWERS),
        *(counts[answer] for answer in ("met", "deviates", "not applicable", "open")),
    ]


def test_requirement_number_in_a_heading_is_answered_with_that_section():
    evidence = {row.id: row.evidence for row in ANSWERS}
    numbered = {
        number: anchor
        for anchor, text in sections().items()
        for number in ID.findall(text)
        if number in evidence
    }
    assert len(numbered) > 15
    for number, anchor in numbered.items():
        assert anchor in LINK.findall(evidence[number]), number


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("| 1.1.1 | met | `tests/test_servers.py` |", None),
        (
            "| 1.1.1 | met | `tests/test_servers.py::test_frozen_server_can_be_stopped` |",
            None,
        ),
        (
            "| 1.1.1 | met | `tests/wechat/test_crypto.py::TestAge::test_fresh_data_decrypts` |",
            None,
        ),
        ("| 1.1.1 | met | [Logs](security.md#logs-1611) |", None),
        ("| 1.1.1 | open | It is not done yet |", None),
        ("| 1.1.1 | met | A setting does it: `MYAPI_ENV` |", "no evidence"),
        ("| 1.1.1 | met | `tests/test_log.py` |", "there is no"),
        ("| 1.1.1 | met | `myapi` and `myapi/nowhere.py` |", "there is no"),
        ("| 1.1.1 | met | `tests/test_servers.py::test_nothing` |", "there is no"),
        ("| 1.1.1 | met | `tests/test_servers.py::_wait_for` |", "there is no"),
        ("| 1.1.1 | met | `tests/test_logs::test_nothing` |", "there is no"),
        ("| 1.1.1 | met | `tests` and `tests/` |", "there is no"),
        (
            "| 1.1.1 | met | `tests/wechat/test_crypto.py::test_fresh_data_decrypts` |",
            "there is no",
        ),
        (
            "| 1.1.1 | met | `tests/test_servers.py::TestAge::test_fresh_data_decrypts` |",
            "there is no",
        ),
        ("| 1.1.1 | met | [Logs](security.md#logs) |", "there is no"),
        ("| 1.1.1 | met | [Logs](#logs-1611) |", "no evidence"),
        ("| 1.1.1 | deviates | `tests/test_nowhere.py` tests something else |", "there is no"),
        ("| 1.1.1 | partly | Some of it: `tests/test_servers.py` |", "not one of the four"),
        ("| 1.1.1 | deviates | `tests/test_servers.py` |", "no reason is given"),
        ("| 1.1.1 | not applicable | |", "no reason is given"),
    ],
)
def test_wrong_answer_is_detected(row, problem):
    (answer,) = answers_in(row)
    found = list(problems(answer))
    assert len(found) == (problem is not None)
    assert all(problem in each for each in found)
