"""What `flask dev` does: tokens and users to try things with."""

import json

import pytest

from myapi.cli.dev_users import USERS
from myapi.db.engines import COMMAND
from myapi.wechat.sandbox.codes import is_user_name
from tests.cli.conftest import IDENTITY


@pytest.fixture
def app(make_app):
    app = make_app(bind="127.0.0.1:8000")
    app.extensions["timeouts"] = COMMAND  # as in a process of its own; else a request's deadline
    return app


def users(run, *options):
    return json.loads(run("users", "list", "--json", "--limit", "1000", *options).stdout)["items"]


def test_token_logs_the_user_in_and_is_all_of_stdout(run, client):
    result = run("dev", "token", "alice")
    token = result.stdout.removesuffix("\n")
    answer = client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert "http://127.0.0.1:8000/api/me" in result.stderr
    assert f"Bearer {token}" in result.stderr


def test_second_token_is_of_the_same_user(run, sign_in):
    user = sign_in("alice").user["id"]
    run("dev", "token", "alice")
    assert [each["id"] for each in users(run)] == [user]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["Alice", "alice.1", "小明", "used-one", "badger", "a" * 33])
def test_name_that_is_no_user_of_the_sandbox_is_refused(run, name):
    assert "NAME must be up to 32 of a-z" in run("dev", "token", name, code=2).stderr
    assert users(run) == []


def test_banned_user_gets_no_token(run, sign_in):
    run("users", "ban", sign_in("alice").user["id"])
    assert "Error: " in run("dev", "token", "alice", code=1).stderr


def test_sandbox_that_fails_is_told(run, wechat):
    wechat.sandbox.set_fault(45011, 10)
    told = run("dev", "token", "alice", code=1).stderr
    assert told.startswith("Error: the sandbox has refused the login: ")


def test_seed_creates_users_who_can_log_in(run, sign_in):
    assert run("dev", "seed").stdout == f"{len(USERS)} users created, 0 there already\n"
    created = users(run)
    assert len(created) == len(USERS) >= 24
    assert {"小明", "爱吃竹子的熊猫🐼", None} <= {each["nickname"] for each in created}
    assert len(users(run, "--banned")) == sum(user.banned for user in USERS) > 0
    xiaoming = sign_in("xiaoming")
    assert xiaoming.get("/api/me").get_json()["data"]["nickname"] == "小明"
    sessions = json.loads(run("sessions", "list", "--json", "--limit", "1000").stdout)["items"]
    assert {each["state"] for each in sessions} == {"live", "ended"}


def test_second_seed_changes_nothing(run, sign_in):
    run("dev", "seed")
    xiaoming = sign_in("xiaoming")
    xiaoming.put("/api/me", {"nickname": "小明二号"})
    before = users(run)
    assert run("dev", "seed").stdout == f"0 users created, {len(USERS)} there already\n"
    assert users(run) == before
    assert xiaoming.get("/api/me").status_code == 200


def test_seeded_users_are_different_and_of_the_sandbox():
    assert len({user.name for user in USERS}) == len(USERS)
    assert all(is_user_name(user.name) and 0 <= len(user.nickname or "") <= 32 for user in USERS)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("command", [("token", "alice"), ("seed",)])
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"env": "production", **IDENTITY}, "is for development, and MYAPI_ENV is production"),
        (IDENTITY, "needs the sandbox, which is off because MYAPI_WECHAT_APPID is set"),
    ],
)
def test_it_is_refused_in_production_and_without_the_sandbox(
    run, make_app, execute, command, settings, told
):
    via = make_app(**settings).test_cli_runner()
    assert run("dev", *command, via=via, code=1).stderr.endswith(f"Error: flask dev {told}\n")
    assert execute("SELECT COUNT(*) FROM users")[0][0] == 0
