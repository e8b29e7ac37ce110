"""Commands of one mini program, on a database and with keys that another one uses too.

The users of each are its own: a command neither shows nor changes those of the other.
"""

import json

import pytest

OTHER = {"wechat_appid": "wx-other", "wechat_secret": "s" * 32}


@pytest.fixture
def other(make_app):
    return make_app(**OTHER)


@pytest.fixture
def stranger(sign_in, other):
    """A user of the other mini program, who has used a session."""
    phone = sign_in("alice", via=other.test_client())
    assert phone.get("/api/me").status_code == 200
    return phone


@pytest.fixture
def rows(execute):
    return lambda: [
        execute(f"SELECT * FROM {table} ORDER BY id") for table in ("users", "sessions")
    ]


def items(run, *args, **options):
    return json.loads(run(*args, "--json", **options).stdout)["items"]


@pytest.mark.parametrize("by_openid", [False, True])
@pytest.mark.parametrize(
    "command",
    [
        ["users", "show"],
        ["users", "ban"],
        ["users", "unban"],
        ["users", "erase", "--yes"],
        ["users", "export"],
        ["sessions", "list", "--user"],
        ["sessions", "revoke", "--user"],
    ],
    ids=" ".join,
)
def test_user_of_another_mini_program_is_not_found(run, wechat, stranger, rows, command, by_openid):
    before = rows()
    openid = wechat.sandbox.openid("alice", OTHER["wechat_appid"])
    refused = run(*command, openid if by_openid else stranger.user["id"], code=1)
    assert refused.stderr.startswith("Error: there is no such user")
    assert rows() == before
    assert stranger.get("/api/me").status_code == 200


def test_same_openid_at_two_mini_programs_is_two_users(run, sign_in, stranger, other, execute):
    """WeChat gives each mini program other openids; nothing in the database demands it."""
    phone = sign_in("alice")
    execute("UPDATE users SET openid = 'the-same'")
    run("users", "ban", "the-same", via=other.test_cli_runner())
    assert phone.get("/api/me").status_code == 200
    assert stranger.get("/api/me").status_code == 403


def test_phone_number_and_access_token_of_another_mini_program_are_its_own(
    run, sign_in, stranger, execute
):
    ours = sign_in("alice")
    for each in (ours, stranger):
        assert each.post("/api/me/phone", {"code": f"of {each.user['id']}"}).status_code == 200
    found = items(run, "users", "list", "--phone", "-", input="13800000000\n")
    assert [each["id"] for each in found] == [ours.user["id"]]
    tokens = execute("SELECT appid, token FROM myapi_access_tokens ORDER BY appid")
    assert [appid for appid, _token in tokens] == ["wx-other", "wxsandbox000000000"]
    assert run("wechat", "token").stdout.count("wxsandbox000000000") == 1


def test_session_of_another_mini_program_is_not_found(run, stranger):
    session = stranger.get("/api/auth/sessions").get_json()["data"]["sessions"][0]["id"]
    refused = run("sessions", "revoke", session, code=1)
    assert refused.stderr == "Error: there is no such session\n"
    assert stranger.get("/api/me").status_code == 200


def test_lists_and_counts_are_of_one_mini_program(run, sign_in, stranger, other):
    phone, theirs = sign_in("bob"), {"via": other.test_cli_runner()}
    for whose, user in (({}, phone), (theirs, stranger)):
        assert [item["id"] for item in items(run, "users", "list", **whose)] == [user.user["id"]]
        assert [item["user"] for item in items(run, "sessions", "list", **whose)] == [
            user.user["id"]
        ]
        stats = json.loads(run("stats", "--json", **whose).stdout)
        assert (stats["users"]["total"], stats["sessions"]["live"]) == (1, 1)


def test_ban_of_an_erased_user_is_lifted_only_by_its_own_mini_program(run, wechat, stranger, other):
    openid, theirs = wechat.sandbox.openid("alice", OTHER["wechat_appid"]), other.test_cli_runner()
    run("users", "ban", openid, via=theirs)
    run("users", "erase", openid, "--yes", via=theirs)
    run("users", "unban", openid, code=1)
    assert "unbanned the erased account" in run("users", "unban", openid, via=theirs).stdout


def test_revoke_all_ends_the_sessions_of_every_mini_program(run, sign_in, stranger):
    """It is for a stolen database or key, which they share."""
    phone = sign_in("alice")
    assert run("sessions", "revoke", "--all", "--yes").stdout == "2 sessions ended\n"
    assert [each.get("/api/me").status_code for each in (phone, stranger)] == [401, 401]
