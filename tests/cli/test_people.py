"""Users found by id, openid, unionid and nickname."""

import json

import pytest

from myapi.auth import listings

pytestmark = pytest.mark.on_mysql

UNIONID = "o6_bmasdasdsad6_2sgVt7hMZOPfL"


@pytest.fixture
def alice(sign_in, execute):
    return _named(sign_in, execute, "alice", "小明", UNIONID)


def _named(sign_in, execute, code, nickname, unionid=None):
    """Sign in a user with this nickname and unionid; return the id."""
    user = sign_in(code).user["id"]
    execute(
        "UPDATE users SET nickname = :n, unionid = :u WHERE public_id = :i",
        n=nickname,
        u=unionid,
        i=user,
    )
    return user


def shown(run, reference):
    return json.loads(run("users", "show", reference, "--json").stdout)["id"]


def test_unionid_finds_the_user(run, alice):
    assert shown(run, UNIONID) == alice
    run("users", "show", UNIONID.swapcase(), code=1)
    run("users", "ban", UNIONID)
    run("users", "erase", UNIONID, "--yes")


def test_nickname_of_one_user_finds_them_and_says_who_it_is(run, alice):
    assert run("users", "show", "小明").stderr == ""  # its answer is who it is
    result = run("users", "export", "小明")
    assert json.loads(result.stdout)["id"] == alice
    assert result.stderr.startswith(f"found {alice} 小明 (created ")
    assert run("sessions", "list", "--user", "小明", "--json").stdout.count(alice) == 1


def test_nickname_is_exact(run, alice, sign_in, execute):
    emoji = _named(sign_in, execute, "bob", "😀")
    _named(sign_in, execute, "carol", "😂")
    _named(sign_in, execute, "dave", "Anna")
    assert shown(run, "😀") == emoji
    for near in ("小", "anna", "ANNA", "Anna ", "%"):
        assert run("users", "show", near, code=1).stderr == "Error: there is no such user\n"


def test_nickname_of_several_users_lists_them_and_does_nothing(run, alice, sign_in, execute):
    other = _named(sign_in, execute, "bob", "小明")
    for command in ("show", "ban", "unban", "erase", "export"):
        result = run("users", command, "小明", code=1, input="y\ny\n")
        assert result.stdout == ""
        head, newest, oldest = result.stderr.splitlines()
        assert head == "Error: several users may be meant, give the id of one:"
        assert newest.startswith(f"  {other} 小明 ")
        assert oldest.startswith(f"  {alice} 小明 ")
    assert shown(run, alice) == alice


def test_many_users_of_a_nickname_are_not_all_listed(run, sign_in, execute):
    for number in range(listings.MOST_CANDIDATES + 2):
        _named(sign_in, execute, f"user-{number}", "微信用户")
    lines = run("users", "show", "微信用户", code=1).stderr.splitlines()
    assert len(lines) == listings.MOST_CANDIDATES + 2
    assert lines[-1] == "  and more"


@pytest.mark.parametrize(
    "command", [["users", "ban"], ["users", "erase"], ["sessions", "revoke", "--user"]]
)
def test_change_by_nickname_names_the_user_and_asks(run, alice, command):
    refused = run(*command, "小明", code=1, input="n\n")
    question = "Permanently erase" if "erase" in command else "Do you mean"
    assert refused.stderr.startswith(f"{question} {alice} 小明 (created ")
    assert "cancelled, nothing was changed" in refused.stderr
    unanswered = run(*command, "小明", code=1)
    way_out = "--yes skips the question" if "erase" in command else "give the id"
    assert f"there is no answer on stdin; {way_out}" in unanswered.stderr
    assert shown(run, alice) == alice
    run(*command, "小明", input="y\n")


@pytest.mark.parametrize("command", [["users", "erase"], ["sessions", "revoke", "--user"]])
def test_yes_takes_no_nickname(run, alice, command):
    refused = run(*command, "小明", "--yes", code=1)
    assert refused.stderr.startswith(f"Error: --yes takes no nickname, give the id: {alice}")
    assert shown(run, alice) == alice


def test_id_and_openid_win_over_a_nickname(run, alice, sign_in, execute, wechat):
    openid = wechat.sandbox.openid("alice", "wxsandbox000000000")
    for number, text in enumerate((alice, openid)):
        _named(sign_in, execute, f"impostor-{number}", text)
        assert shown(run, text) == alice


def test_id_of_an_erased_user_is_never_a_nickname(run, alice, sign_in, execute):
    run("users", "erase", alice, "--yes")
    _named(sign_in, execute, "impostor", alice)
    for command in ("show", "ban"):
        assert run("users", command, alice, code=1).stderr == "Error: there is no such user\n"


def test_search_reads_all_users_in_steps(run, alice, sign_in, execute, monkeypatch):
    for number in range(7):
        sign_in(f"user-{number}")
    monkeypatch.setattr(listings, "SEARCH_STEP", 2)
    assert shown(run, "小明") == alice
    assert shown(run, UNIONID) == alice


def test_search_that_takes_too_long_finds_nobody_for_sure(run, alice, sign_in, monkeypatch):
    sign_in("bob")
    monkeypatch.setattr(listings, "SEARCH_STEP", 1)
    monkeypatch.setattr(listings, "SEARCH_TIME", -1.0)
    said = run("users", "show", "小明", code=1).stderr
    assert said.startswith("Error: there is no such user; the search ended after ")


def test_unban_by_nickname_or_unionid(run, alice):
    run("users", "ban", alice)
    assert run("users", "unban", UNIONID).stdout == f"unbanned {alice}\n"
    assert run("users", "unban", "小明", input="y\n").stdout == f"{alice} is not banned\n"
