"""The peers of the benchmarks answer as myapi does, and both reports are written correctly."""

import json
import re
import shutil
from contextlib import ExitStack
from itertools import permutations

import pytest

from benchmarks.apps import APPS, Express, FastAPI
from benchmarks.cases import CASES
from benchmarks.databases import Maria, Sqlite
from benchmarks.fill import fill
from benchmarks.load import ask
from benchmarks.report import main as write_report
from benchmarks.report import method
from benchmarks.report_texts import Language, case_title
from benchmarks.results import FASTAPI, FOLDER, MYAPI, PEERS, STACKS, TUNED, TUTORIAL, Results
from benchmarks.stacks import Stack
from benchmarks.wechat import WeChat
from tests.requirements import need
from tests.servers import MariaDB, Nginx

USERS, CHUNK = 10, 4
BANNED, ENDED = 2, 3  # indices in the list of tokens
LONG_AGO = {MYAPI: "'2026-01-01 00:00:00.000000'", **dict.fromkeys(PEERS, "1767225600000")}

CALLS = {
    "hello": ("/api/hello", None, None),
    "my profile": ("/api/me", 0, None),
    "a forged token": ("/api/me", "forged", None),
    "no token": ("/api/me", None, None),
    "a banned user": ("/api/me", BANNED, None),
    "an ended session": ("/api/me", ENDED, None),
    "a login": ("/api/auth/login", None, "0-new"),
    "a reused login code": ("/api/auth/login", None, "0-new"),
    "a code that WeChat refuses": ("/api/auth/login", None, "refused"),
    "a malformed code": ("/api/auth/login", None, "\n"),
    "no such path": ("/api/nothing", None, None),
}


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def stacks(request, tmp_path_factory):
    need(Express, FastAPI, Nginx, *([MariaDB] if request.param == "mariadb" else []))
    with ExitStack() as opened:
        wechat = opened.enter_context(WeChat())
        yield {
            name: opened.enter_context(
                started(name, place, wechat, request, tmp_path_factory.mktemp("stack"))
            )
            for place, name in enumerate(STACKS)
        }


def started(name, place, wechat, request, folder):
    if request.param == "sqlite":
        database = Sqlite(folder / "bench.db")
    else:
        database = Maria(request.getfixturevalue("mariadb"), f"benchmarks_{place}", CHUNK)
    data = fill(database, name, USERS, folder)
    banned = 1 + (BANNED + 1) % USERS  # the user of that session, see fill
    database.run(f"UPDATE users SET banned_at = {LONG_AGO[name]} WHERE id = {banned}")
    database.run(f"UPDATE sessions SET ended_at = {LONG_AGO[name]} WHERE id = {ENDED + 1}")
    return Stack(name, APPS[name](data, wechat.url))


@pytest.mark.parametrize("call", CALLS)
def test_peers_answer_as_myapi_does(stacks, call):
    myapi, *peers = (answered(stack, *CALLS[call]) for stack in stacks.values())
    assert peers == [myapi] * len(PEERS)


def test_filled_tokens_are_accepted_unless_banned_or_ended(stacks):
    for stack in stacks.values():
        statuses = [answered(stack, "/api/me", place, None)[0] for place in range(USERS)]
        refused = {place: status for place, status in enumerate(statuses) if status != 200}
        assert refused == {BANNED: 403, ENDED: 401}


def test_login_token_is_accepted_by_its_stack(stacks):
    for stack in stacks.values():
        _, answer = ask(f"{stack.url}/api/auth/login", code="0-phone")
        token = {"Authorization": f"Bearer {answer['data']['token']}"}
        status, me = ask(f"{stack.url}/api/me", token)
        assert (status, me["data"]) == (200, answer["data"]["user"])


def test_peers_accept_tokens_signed_by_each_other(stacks):
    for one, other in permutations(PEERS, 2):
        _, answer = ask(f"{stacks[one].url}/api/auth/login", code="0-phone")
        token = {"Authorization": f"Bearer {answer['data']['token']}"}
        status, refused = ask(f"{stacks[other].url}/api/me", token)
        assert refused.get("error") != "token_invalid", status


def test_report_without_figures_says_not_measured(tmp_path, monkeypatch):
    assert "not measured" in report(tmp_path, monkeypatch, {})


def test_report_compares_myapi_with_each_peer(tmp_path, monkeypatch):
    rates = {MYAPI: 300, TUTORIAL: 100, TUNED: 600, FASTAPI: 60}
    turns = {name: [{"rate": rate}] for name, rate in rates.items()}
    written = report(tmp_path, monkeypatch, {"me-sqlite": turns})
    assert "≥ 2: 3.00 (3.00–3.00), met | ≥ 0.95: 0.50 (0.50–0.50), **missed**" in written
    assert "≥ 3: 5.00 (5.00–5.00), met |" in written
    _, to_tutorial, to_tuned, to_fastapi = written.split("### Compared with ")
    assert "In no measured figure" in to_tutorial
    assert "| responses per second | 300 | 600 | 0.50 | yes |" in to_tuned
    assert "In no measured figure" in to_fastapi


def test_report_says_whether_myapi_loses_in_every_round(tmp_path, monkeypatch):
    turns = {MYAPI: [{"rate": rate} for rate in (1, 1, 3)], TUTORIAL: [{"rate": 2}] * 3}
    assert "| 1.00 | 2.00 | 0.50 | no |" in report(tmp_path, monkeypatch, {"me-sqlite": turns})


def test_report_shows_dash_for_peer_outside_the_case(tmp_path, monkeypatch):
    turns = {MYAPI: [{"idle": 50}], TUTORIAL: [{"idle": 100}], FASTAPI: [{"idle": 200}]}
    written = report(tmp_path, monkeypatch, {"resources": turns})
    assert "≤ 0.78: 0.50 (0.50–0.50), met | – | 0.25 (0.25–0.25) |" in written


def test_report_shows_refused_logins_of_the_worst_turn(tmp_path, monkeypatch):
    turns = {MYAPI: [{"busy_rate": 0}, {"busy_rate": 7}, {"busy_rate": 0}]}
    written = report(tmp_path, monkeypatch, {"login-1000ms-1000": turns})
    assert "1 000 clients | 0 | 7.00, **missed** |" in written


def test_results_read_former_stack_names(tmp_path):
    turns = {"myapi": [], "peer": [], "tuned peer": [], "tuned peer 10k": []}
    file = tmp_path / "benchmarks.json"
    file.write_text(json.dumps({"cases": {"me-sqlite": {"turns": turns}}}))
    found = Results(tmp_path).variants("me-sqlite")
    assert found == [MYAPI, TUTORIAL, TUNED, f"{TUNED} 10k"]


@pytest.mark.parametrize("name", ["benchmarks.md", "benchmarks.zh-CN.md"])
def test_page_is_what_the_report_writes_from_the_saved_figures(name, tmp_path, monkeypatch):
    shutil.copy(FOLDER / "benchmarks.json", tmp_path)
    monkeypatch.setattr("sys.argv", ["report", str(tmp_path)])
    write_report()
    assert (tmp_path / name).read_text("utf-8") == (FOLDER / name).read_text("utf-8")


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_case_has_a_title_in_both_languages(name):
    assert all(case_title(name))


def test_method_has_the_same_paragraphs_in_both_languages():
    """Each names the same code and the same numbers."""
    english, chinese = (paragraphs(method(language)) for language in Language)
    assert chinese == english


def paragraphs(text):
    found = re.compile(r"`[^`]+`|(?<![A-Za-z\d])\d+(?: \d{3})*")
    return [sorted(found.findall(line)) for line in text.split("\n")]


def report(folder, monkeypatch, turns):
    """Write the reports for these turns, by case, and return the English one."""
    meta = {"taken": "", "revision": "", "seconds": 3, "rounds": 5}
    titles = {case.name: case.title for case in CASES}
    cases = {name: {"title": titles[name], "turns": each, **meta} for name, each in turns.items()}
    (folder / "benchmarks.json").write_text(json.dumps({"cases": cases}))
    monkeypatch.setattr("sys.argv", ["report", str(folder)])
    write_report()
    return (folder / "benchmarks.md").read_text()


def answered(stack, path, token, code):
    """Send a request; return the status, error, code and shape of the response."""
    headers = {}
    if token is not None:
        file = stack.data.forged if token == "forged" else stack.data.tokens
        line = file.read_text().split()[0 if token == "forged" else token]
        headers["Authorization"] = f"Bearer {line}"
    status, answer = ask(stack.url + path, headers, code)
    answer.pop("fields", None)  # myapi alone says which field is wrong
    return status, answer.get("error"), answer["code"], shape(answer)


def shape(value):
    """Return the keys of an object with the types of their values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return type(value)
