"""`flask sessions …`."""

import json
import re

import pytest

from myapi.auth import purge

pytestmark = pytest.mark.on_mysql


@pytest.fixture
def expire(execute):
    """Make a session expire by backdating it: `expire(id)`."""

    def expire(session):
        execute(
            "UPDATE sessions SET created_at = '2026-01-01 00:00:00.000000', last_seen_at = NULL"
            " WHERE public_id = :s",
            s=session,
        )

    return expire


def listed(run, *args):
    return json.loads(run("sessions", "list", "--json", *args).stdout)


def ids(run, *args):
    return [item["id"] for item in listed(run, *args)["items"]]


def test_list_shows_the_user_and_the_times_of_a_session(run, sign_in):
    alice = sign_in("alice")
    alice.get("/api/me")
    (item,) = listed(run)["items"]
    mine = alice.get("/api/auth/sessions").get_json()["data"]["sessions"][0]
    assert item["user"] == alice.user["id"]
    assert item["state"] == "live"
    assert item["ended_at"] is None
    for name in ("id", "created_at", "last_seen_at", "ip", "user_agent"):
        assert item[name] == mine[name]


def test_list_without_sessions_succeeds(run):
    result = run("sessions", "list")
    assert (result.stdout, result.stderr) == ("", "no sessions\n")


def test_pagination_neither_skips_nor_repeats_sessions_during_changes(run, sign_in, execute):
    for number in range(10):
        sign_in(f"user-{number % 3}")
    there = [row[0] for row in execute("SELECT public_id FROM sessions ORDER BY id DESC")]
    seen, cursor = [], None
    while True:
        page = listed(run, "--limit", "3", *(["--after", cursor] if cursor else []))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        sign_in("late")
        execute("DELETE FROM sessions WHERE public_id = :s", s=page["items"][-1]["id"])
    assert seen == there


def test_list_filters_by_user(run, sign_in):
    alice = sign_in("alice")
    sign_in("bob")
    sign_in("alice")
    page = listed(run, "--user", alice.user["id"])
    assert [item["user"] for item in page["items"]] == [alice.user["id"]] * 2
    run("sessions", "list", "--user", "nobody", code=1)


def test_list_filters_by_state(run, sign_in, expire):
    for _ in range(3):
        sign_in("alice")
    live, ended, expired = ids(run)
    run("sessions", "revoke", ended)
    expire(expired)
    assert ids(run, "--live") == [live]
    assert ids(run, "--ended") == [ended, expired]
    assert [item["state"] for item in listed(run)["items"]] == ["live", "ended", "expired"]


def test_list_filters_by_address(run, sign_in, execute):
    sign_in("alice")
    execute("UPDATE sessions SET ip = '2001:db8::1'")
    sign_in("alice")
    home, away = ids(run)
    assert ids(run, "--ip", "127.0.0.1") == [home]
    assert ids(run, "--ip", "2001:DB8:0::1") == [away]
    assert "must be an IP address" in run("sessions", "list", "--ip", "张", code=2).stderr


def test_user_agent_is_cut_and_cannot_control_the_terminal(run, sign_in, execute):
    sign_in("alice")
    execute("UPDATE sessions SET user_agent = :ua", ua="\x1b]0;owned\x07" + "x" * 200)
    (line,) = run("sessions", "list").stdout.splitlines()[1:]
    assert "?]0;owned?xxx" in line
    assert line.endswith("x…")
    assert len(line) < 180


def test_revoke_ends_one_session(run, sign_in):
    phones = [sign_in("alice"), sign_in("alice")]
    second, _first = ids(run)
    assert run("sessions", "revoke", second).stdout == f"ended {second}\n"
    assert run("sessions", "revoke", second).stdout == f"{second} has already ended\n"
    assert [phone.get("/api/me").status_code for phone in phones] == [200, 401]
    run("sessions", "revoke", second)  # a second time succeeds too


@pytest.mark.parametrize("session", ["0" * 24, "张三"])
def test_revoke_of_an_unknown_session_is_not_found(run, session):
    result = run("sessions", "revoke", session, code=1)
    assert result.stderr == "Error: there is no such session\n"


def test_revoke_ends_all_sessions_of_a_user(run, sign_in):
    phones = [sign_in("alice"), sign_in("alice"), sign_in("bob")]
    result = run("sessions", "revoke", "--user", phones[0].user["id"])
    assert result.stdout == "2 sessions ended\n"
    assert [phone.get("/api/me").status_code for phone in phones] == [401, 401, 200]
    run("sessions", "revoke", "--user", "nobody", code=1)


def test_revoke_all_asks_for_confirmation(run, sign_in):
    phones = [sign_in("alice"), sign_in("bob")]
    run("sessions", "revoke", "--all", code=1)
    run("sessions", "revoke", "--all", code=1, input="no\n")
    assert [phone.get("/api/me").status_code for phone in phones] == [200, 200]
    assert run("sessions", "revoke", "--all", "--yes").stdout == "2 sessions ended\n"
    assert [phone.get("/api/me").status_code for phone in phones] == [401, 401]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "args",
    [
        [],
        ["0" * 24, "--all"],
        ["0" * 24, "--user", "alice"],
        ["--user", "alice", "--all"],
        ["0" * 24, "1" * 24],
    ],
)
def test_revoke_takes_exactly_one_of_id_user_and_all(run, sign_in, args):
    phone = sign_in("alice")
    run("sessions", "revoke", "--yes", *args, code=2)
    assert phone.get("/api/me").status_code == 200


def test_purge_deletes_only_ended_and_expired_sessions(run, sign_in, expire, monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 2)
    for _ in range(7):
        sign_in("alice")
    banned = sign_in("bob")
    run("users", "ban", banned.user["id"])
    there = ids(run, "--user", banned.user["id"])
    live, *dead = ids(run, "--live")
    for session in dead[:3]:
        run("sessions", "revoke", session)
    for session in dead[3:]:
        expire(session)
    assert run("sessions", "purge").stdout == "6 sessions purged\n"
    assert ids(run) == [*there, live]
    assert banned.get("/api/me").status_code == 403
    assert json.loads(run("sessions", "purge", "--json").stdout) == {"purged": 0}


def test_purge_shows_progress_only_on_a_terminal(run, sign_in, monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 1)
    phone = sign_in("alice")
    sign_in("alice")
    run("sessions", "revoke", "--user", phone.user["id"])
    monkeypatch.setattr("myapi.cli.output.at_terminal", lambda: True)
    result = run("sessions", "purge")
    assert re.fullmatch(
        r"\r1 session purged +\r2 sessions purged +\r2 sessions purged +\r +\r", result.stderr
    )
    assert result.stdout == "2 sessions purged\n"
    monkeypatch.undo()
    assert run("sessions", "purge").stderr == ""
