"""The benchmark pages say what the figures say, in both languages."""

import json
import re
import shutil

import pytest

from benchmarks.__main__ import main as measure
from benchmarks.cases import CASES
from benchmarks.report import main as write_report
from benchmarks.report import method
from benchmarks.report_texts import Language, case_title, faster_case
from benchmarks.results import FASTAPI, FOLDER, MYAPI, TUNED, TUTORIAL, OtherRunError, Results
from benchmarks.tables import LOGINS, STEADY

PAGES = ("benchmarks.md", "benchmarks.zh-CN.md")
RUN = {"revision": "abc1234", "taken": "2026-01-02"}
MACHINE = {"processor": "CPU", "cores": "2", "memory": "4 GiB", "kernel": "6.1"}


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Write both pages for turns by case and variant; return the English one."""

    def write(turns, **meta):
        every = {"seconds": 3, "rounds": 5}
        titles = {case.name: case.title for case in CASES}
        cases = {name: {"title": titles[name], "turns": t, **every} for name, t in turns.items()}
        data = {**RUN, "cases": cases, "machine": MACHINE, **meta}
        (tmp_path / "benchmarks.json").write_text(json.dumps(data))
        monkeypatch.setattr("sys.argv", ["report", str(tmp_path)])
        write_report()
        return (tmp_path / "benchmarks.md").read_text("utf-8")

    return write


def rounds(name, *values):
    return [{name: value} for value in values]


def sentences(page):
    """Return the list right below the links to both languages."""
    lines = page.split("\n\n")[2].split("\n")
    return [line.removeprefix("- ") for line in lines if line.startswith("- ")]


# ---- targets ----


def test_page_without_figures_says_not_measured(report):
    assert "not measured" in report({})


def test_page_compares_myapi_with_each_peer(report):
    rates = {MYAPI: 300, TUTORIAL: 100, TUNED: 600, FASTAPI: 60}
    written = report({"me-sqlite": {name: rounds("rate", rate) for name, rate in rates.items()}})
    assert "≥ 2: 3.00 (3.00–3.00), met | ≥ 0.95: 0.50 (0.50–0.50), **missed**" in written
    assert "≥ 3: 5.00 (5.00–5.00), met |" in written
    _, to_tutorial, to_tuned, to_fastapi = written.split("### Compared with ")
    assert "In no measured figure" in to_tutorial
    assert "| responses per second | 300 | 600 | 0.50 (0.50–0.50) |" in to_tuned
    assert "In no measured figure" in to_fastapi


def test_page_shows_dash_for_peer_outside_the_case(report):
    idle = {MYAPI: 50, TUTORIAL: 100, FASTAPI: 200}
    written = report({"resources": {name: rounds("idle", size) for name, size in idle.items()}})
    assert "≤ 0.78: 0.50 (0.50–0.50), met | – | 0.25 (0.25–0.25) |" in written


def test_page_shows_refused_logins_of_the_worst_turn(report):
    written = report({"login-1000ms-1000": {MYAPI: rounds("busy_rate", 0, 7, 0)}})
    assert "1 000 clients | 0 | 7.00, **missed** |" in written


# ---- losses ----


@pytest.mark.parametrize(
    ("case", "name", "own", "peers", "row"),
    [
        (
            "me-sqlite",
            "rate",
            (1, 1, 1.9),
            (2, 2, 2),
            "per second | 1.00 | 2.00 | 0.50 (0.50–0.95)",
        ),
        ("me-sqlite", "p99", (3, 4, 5), (2, 2, 4), "p99 ms | 4.00 | 2.00 | 1.50 (1.25–2.00)"),
        ("login-1000ms-1000", "busy_rate", (1, 2, 3), (0, 0, 0), "503 per second | 2.00 | 0 | –"),
    ],
)
def test_figure_that_is_worse_in_every_round_is_a_loss(report, case, name, own, peers, row):
    assert f"{row} |" in losses(report, case, name, own, peers)


@pytest.mark.parametrize(
    ("case", "name", "own", "peers"),
    [
        ("me-sqlite", "rate", (1, 1, 3), (2, 2, 2)),
        ("me-sqlite", "rate", (1, 1, 2), (2, 2, 2)),
        ("me-sqlite", "p99", (3, 4, 1), (2, 2, 2)),
        ("login-1000ms-1000", "busy_rate", (1, 2, 0), (0, 0, 0)),
    ],
)
def test_figure_within_the_spread_of_the_rounds_is_no_loss(report, case, name, own, peers):
    assert losses(report, case, name, own, peers) == "In no measured figure."


def test_loss_is_judged_within_each_round(report):
    """The machine was slow in the second round, for both."""
    assert "0.90 (0.90–0.90) |" in losses(report, "hello", "rate", (90, 9), (100, 10))


def losses(report, case, name, own, peers):
    """Return what the page lists as lost to Express tutorial."""
    written = report({case: {MYAPI: rounds(name, *own), TUTORIAL: rounds(name, *peers)}})
    _, _, below = written.partition(f"### Compared with {TUTORIAL}\n\n")
    return below.partition("\n\n###")[0]


# ---- the sentences at the start ----

FIGURES = {
    "me-sqlite": {
        MYAPI: [{"rate": 500, "p99": 7, "cpu": 190}],
        TUTORIAL: [{"rate": 200}],
        TUNED: [{"rate": 600}],
        FASTAPI: [{"rate": 100}],
    },
    "me-mariadb": {
        MYAPI: [{"rate": 300, "p99": 20}],
        TUNED: [{"rate": 450}],
    },
    "login-100ms-256": {
        MYAPI: [{"rate": 90, "p50": 230, "cpu": 1400, "hello_p99": 16}],
        TUTORIAL: [{"rate": 80, "hello_p99": 220}],
        TUNED: [{"rate": 99, "hello_p99": 140}],
        FASTAPI: [{"rate": 20, "hello_p99": 32}],
    },
    "resources": {
        MYAPI: [{"idle": 84, "loaded": 134}],
        TUTORIAL: [{"idle": 114, "loaded": 246}],
        FASTAPI: [{"idle": 148, "loaded": 193}],
    },
}


def test_page_begins_with_five_sentences_from_the_figures(report):
    assert sentences(report(FIGURES)) == [
        "On 2 cores, which it shares with the load generator, myapi answers 500 `GET /api/me` per"
        " second with SQLite (p99 7.00 ms) and 300 with MariaDB (p99 20.0 ms).",
        "A login costs 1 400 µs of CPU, a `GET /api/me` 190 µs; when WeChat takes 100 ms to answer,"
        " 256 clients make 90.0 logins per second, half of them in at most 230 ms.",
        "During these logins, 99% of the requests to `/api/hello` take at most 16.0 ms with myapi,"
        " 220 ms with Express tutorial, 140 ms with Express tuned, 32.0 ms with FastAPI.",
        "Compared with myapi in responses per second, Express tutorial is faster in no case,"
        " Express tuned is faster in `/api/me` on SQLite (by 20%), `/api/me` on MariaDB (by 50%)"
        " and logins of 256 clients on SQLite with WeChat at 100 ms (by 10%), FastAPI is faster in"
        " no case; in all other cases myapi is faster, or the difference lies within the spread of"
        " the rounds.",
        "The processes of myapi take 84.0 MiB of memory when idle and 134 MiB after load, those of"
        " Express tutorial 114 and 246 MiB, those of FastAPI 148 and 193 MiB.",
    ]


def test_sentence_names_a_peer_as_faster_only_outside_the_spread(report):
    peers = {TUTORIAL: rounds("rate", 2, 2, 2), FASTAPI: rounds("rate", 4, 4, 4)}
    (sentence,) = sentences(report({"hello": {MYAPI: rounds("rate", 1, 1, 3), **peers}}))
    assert "Express tutorial is faster in no case, FastAPI is faster in `/api/hello`" in sentence


def test_sentence_without_its_figures_is_left_out(report):
    without_mariadb = {name: turns for name, turns in FIGURES.items() if name != "me-mariadb"}
    first, *others = sentences(report(without_mariadb))
    assert first.startswith("A login costs")
    assert len(others) == 3


@pytest.mark.parametrize("folder", ["made", "saved"])
def test_sentences_have_the_same_numbers_in_both_languages(report, tmp_path, folder):
    report(FIGURES)
    place = {"made": tmp_path, "saved": FOLDER}[folder]
    english, chinese = (sentences((place / page).read_text("utf-8")) for page in PAGES)
    assert len(english) == 5
    assert paragraphs("\n".join(chinese)) == paragraphs("\n".join(english))


# ---- one commit and one day ----


def test_page_names_its_commit_and_day_once(report, tmp_path):
    report(FIGURES)
    for page in PAGES:
        written = (tmp_path / page).read_text("utf-8")
        assert [written.count(each) for each in RUN.values()] == [1, 1]


def test_page_says_that_the_code_was_not_committed(report):
    assert "in no commit" in report(FIGURES, revision="abc1234+")
    assert "in no commit" not in report(FIGURES)


def test_part_of_a_run_is_refused_where_the_page_is_of_another_commit(
    report, tmp_path, monkeypatch
):
    report(FIGURES)
    before = (tmp_path / "benchmarks.json").read_text()
    monkeypatch.setattr("sys.argv", ["bench", "--only", "hello", "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match="figures of abc1234 of 2026-01-02, not of"):
        measure()
    assert (tmp_path / "benchmarks.json").read_text() == before


def test_part_of_a_run_joins_the_page_of_its_commit_and_day(report, tmp_path):
    report(FIGURES)
    results = Results(tmp_path)
    results.start("abc1234", "2026-01-02", part=True)
    assert list(results.cases) == list(FIGURES)
    with pytest.raises(OtherRunError):
        results.start("abc1234", "2026-01-03", part=True)


def test_run_of_all_cases_starts_a_new_page(report, tmp_path):
    report(FIGURES)
    results = Results(tmp_path)
    results.start("def5678", "2026-01-03", part=False)
    results.save()
    saved = json.loads((tmp_path / "benchmarks.json").read_text())
    assert saved == {"revision": "def5678", "taken": "2026-01-03", "cases": {}}


# ---- both languages ----


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_report_writes_from_the_saved_figures(name, tmp_path, monkeypatch):
    shutil.copy(FOLDER / "benchmarks.json", tmp_path)
    monkeypatch.setattr("sys.argv", ["report", str(tmp_path)])
    write_report()
    assert (tmp_path / name).read_text("utf-8") == (FOLDER / name).read_text("utf-8")


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_case_has_a_title_in_both_languages(name):
    assert all(case_title(name))


@pytest.mark.parametrize("name", [*STEADY, *LOGINS])
def test_compared_case_has_a_name_for_the_sentence_on_faster_peers(name):
    assert all(faster_case(name))


def test_method_has_the_same_paragraphs_in_both_languages():
    """Each names the same code and the same numbers."""
    english, chinese = (paragraphs(method(language)) for language in Language)
    assert chinese == english


def paragraphs(text):
    found = re.compile(r"`[^`]+`|(?<![A-Za-z\d])\d+(?: \d{3})*")
    return [sorted(found.findall(line)) for line in text.split("\n")]
