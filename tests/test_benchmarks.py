"""The peers of the benchmarks answer as myapi does."""

from contextlib import ExitStack
from itertools import permutations

import pytest

from benchmarks.apps import APPS, Express, FastAPI
from benchmarks.databases import Maria, Sqlite
from benchmarks.fill import fill
from benchmarks.load import ask
from benchmarks.results import MYAPI, PEERS, STACKS
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
