"""The audit table: what operators, commands and handlers do, and what users erase, is a row."""

import contextlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import pytest
import sqlalchemy.exc
from flask import g
from PIL import Image
from sqlalchemy import event

from myapi import audit
from myapi.audit import listings
from myapi.auth import bans, sessions
from myapi.clock import now
from myapi.db.transactions import transaction
from myapi.extensions import db
from myapi.users import accounts, erasure, export, phone
from myapi.web.errors import ApiError
from tests.in_gevent import passes_in_gevent

pytestmark = pytest.mark.on_mysql

NUMBER = "13800000000"


def test_all_of_this_holds_in_a_gevent_worker():
    passes_in_gevent(__file__)


@pytest.fixture
def entries(app):
    """Return what the table has, the newest first."""

    def entries(**where):
        with app.app_context():
            return listings.entries(100, **where).rows

    return entries


@pytest.fixture
def cli(runner):
    def cli(*args, **options):
        result = runner.invoke(args=args, **options)
        assert result.exit_code == 0, result.output
        return result

    return cli


def picture():
    file = BytesIO()
    Image.new("RGB", (4, 3), "navy").save(file, "PNG")
    file.seek(0)
    return file


def summary(rows):
    return [(row.event, row.actor_kind, row.user, row.reason) for row in rows]


# ---- who, what, on whom, why ----


def test_commands_leave_rows_with_the_os_user_and_the_reason(cli, sign_in, entries, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "wang")
    user = sign_in("alice").user["id"]
    cli("users", "ban", user, "--reason", "广告 spam")
    cli("users", "unban", user)
    cli("users", "show", user, "--phone", "--reason", "called the hotline")
    cli("users", "export", user, "--reason", "asked for it")
    cli("sessions", "revoke", "--user", user, "--reason", "lost phone")
    assert summary(entries()) == [
        ("revoke_of_user", "command", user, "lost phone"),
        ("export", "command", user, "asked for it"),
        ("phone_shown", "command", user, "called the hotline"),
        ("unban", "command", user, None),
        ("ban", "command", user, "广告 spam"),
    ]
    assert {row.actor_name for row in entries()} == {"wang"}
    assert listings.details_of(entries()[0]) == {"count": 0}


def test_without_sudo_it_is_the_account_that_runs_the_command(cli, sign_in, entries, monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setenv("LOGNAME", "li")
    cli("users", "ban", sign_in("alice").user["id"])
    assert entries()[0].actor_name == "li"


def test_a_revoked_session_is_recorded_with_its_user(cli, sign_in, entries):
    alice = sign_in("alice")
    session = alice.get("/api/auth/sessions").get_json()["data"]["sessions"][0]["id"]
    cli("sessions", "revoke", session, "--reason", "stolen")
    assert summary(entries()) == [("revoke", "command", alice.user["id"], "stolen")]
    assert listings.details_of(entries()[0]) == {"ended": session}


def test_what_users_erase_is_recorded_as_theirs(sign_in, entries, client):
    alice = sign_in("alice")
    user = alice.user["id"]
    alice.post("/api/me/phone", {"code": f"phone-{NUMBER}"})
    alice.delete("/api/me/phone")
    for _ in range(2):  # the second time there is nothing to erase
        alice.delete("/api/me/avatar")
    client.post("/api/me/avatar", headers=alice.headers, data={"file": (picture(), "a.png")})
    alice.delete("/api/me/avatar")
    alice.put("/api/me", {"nickname": "Alice"})
    alice.put("/api/me", {"nickname": None})
    assert summary(entries()) == [
        ("nickname_removed", "user", user, None),
        ("avatar_removed", "user", user, None),
        ("phone_removed", "user", user, None),
    ]
    assert {row.actor_name for row in entries()} == {None}


def test_what_an_event_of_wechat_changes_is_recorded_as_the_events(app, client, sign_in, entries):
    alice = sign_in("alice")
    alice.put("/api/me", {"nickname": "Alice"})
    answer = client.post("/sandbox/push", json={"event": "user_info_modified", "openid": "alice"})
    assert answer.status_code == 200, answer.text
    (row,) = entries()
    assert (row.event, row.actor_kind) == ("nickname_removed", "event")
    assert row.actor_name == "user_info_modified"


def test_an_operator_acts_in_one_request_alone(app, sign_in, entries):
    """The next request on the same connection, and so in the same greenlet, is another's."""
    user = sign_in("alice").user["id"]

    def view():
        audit.act_as("operator", "小王")
        bans.ban(accounts.find(user).id, "spam")
        return ""

    with app.test_request_context("/console/"):
        view()
    with app.test_request_context("/console/"):
        bans.unban(accounts.find(user).id)
    assert [(row.event, row.actor_kind, row.actor_name) for row in entries()] == [
        ("unban", "system", None),
        ("ban", "operator", "小王"),
    ]


def test_each_row_has_its_own_actor_while_writers_share_a_transaction(app, entries):
    @transaction
    def act(tx, name):
        audit.record(tx, "tried", reason=name)

    def run(number):
        with app.app_context():
            audit.act_as("operator", f"operator {number}")
            for _ in range(20):  # a busy machine refuses some of so many
                with contextlib.suppress(sqlalchemy.exc.SQLAlchemyError):
                    act(f"operator {number}")
                    break

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(64)))
    rows = entries()
    assert len(rows) >= 64  # one whose time was up during its commit is written twice
    assert all(row.actor_name == row.reason for row in rows)


def test_the_log_line_names_the_actor_and_not_the_reason(cli, sign_in, caplog, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "wang")
    user = sign_in("alice").user["id"]
    caplog.set_level(logging.INFO)
    cli("users", "ban", user, "--reason", "said 13800000000")
    (line,) = [r for r in caplog.records if getattr(r, "event", None) == "ban"]
    assert (line.actor, line.user) == ("command wang", user)
    assert NUMBER not in str(vars(line))


# ---- in the transaction of the change ----


def test_a_change_that_fails_leaves_no_row_and_one_without_a_row_is_no_change(
    app, sign_in, entries, monkeypatch
):
    user = sign_in("alice").user["id"]
    with app.app_context():
        alice = accounts.find(user).id
        with monkeypatch.context() as broken:
            broken.setattr("myapi.users.events.announce", fail)
            with pytest.raises(RuntimeError):
                bans.ban(alice)
        assert entries() == []
        monkeypatch.setattr("myapi.audit.insert", refuse)
        for look in (bans.ban, phone.show_phone, erasure.erase):
            with pytest.raises(sqlalchemy.exc.OperationalError):
                look(alice)
        assert accounts.find(user).banned_at is None


def fail(*_args):
    raise RuntimeError("the handler failed")


def refuse(_table):
    raise sqlalchemy.exc.OperationalError("INSERT", {}, OSError("the disk is full"))


def test_an_erased_user_is_not_shown_and_nothing_is_recorded(app, sign_in, entries):
    alice = sign_in("alice")
    with app.app_context():
        row = accounts.find(alice.user["id"])
        erasure.erase(row.id)
        for look in (lambda: phone.show_phone(row.id), lambda: export.export(row)):
            with pytest.raises(ApiError, match="not_found"):
                look()
    assert [row.event for row in entries()] == ["erase"]


def test_logins_and_logouts_cost_no_statement_of_the_audit(app, sign_in):
    statements = []
    with app.app_context():
        engines = list(db.engines.values())
    for engine in engines:
        event.listen(
            engine,
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_rest: statements.append(statement.split()[0]),
        )
    sign_in("alice")
    statements.clear()
    alice = sign_in("alice")
    # The user is read and locked, the session_key stored, other sessions read, this one inserted.
    assert statements == ["SELECT", "UPDATE", "SELECT", "INSERT"]
    alice.get("/api/me")
    statements.clear()
    alice.post("/api/auth/logout")
    assert statements == ["UPDATE"]  # the end of the session; who it is, is read without SQLAlchemy


# ---- an erasure ----


def test_an_erasure_leaves_rows_that_name_no_person(cli, sign_in, entries, execute):
    alice, bob = sign_in("alice"), sign_in("bob")
    for phone_ in (alice, bob):
        cli("users", "ban", phone_.user["id"], "--reason", "about a person")
    cli("users", "erase", alice.user["id"], "--yes", "--reason", "asked by letter")
    assert summary(entries()) == [
        ("erase", "command", None, "asked by letter"),
        ("ban", "command", bob.user["id"], "about a person"),
        ("ban", "command", None, None),
    ]
    assert alice.user["id"] not in repr(execute("SELECT * FROM myapi_audit"))


def test_a_user_who_erases_the_account_leaves_a_row_without_a_name(sign_in, entries):
    sign_in("alice").delete("/api/me")
    assert summary(entries()) == [("erase", "user", None, None)]


def test_the_export_says_what_was_done_without_names_of_operators(app, sign_in, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "wang")
    alice, bob = sign_in("alice"), sign_in("bob")
    with app.app_context():
        audit.act_as("operator", "wang")
        for each in (alice, bob):
            sessions.revoke_of_user(accounts.find(each.user["id"]).id, "lost phone")
        exported = export.export(accounts.find(alice.user["id"]))["myapi_audit"]
        g.pop("actor")
    assert [(row["event"], row["by"], row["reason"]) for row in exported] == [
        ("revoke_of_user", "operator", "lost phone"),
        ("export", "operator", None),
    ]
    assert "wang" not in repr(exported)


# ---- reasons and details ----


@pytest.mark.parametrize("text", ["x" * 201, "a\nb", "a\u2028b", "a\x1b[2J", "\udcff"])
def test_a_reason_is_one_line_of_at_most_200_characters(text):
    with pytest.raises(ValueError, match="one line of at most 200 characters"):
        audit.clean_reason(text)


def test_a_long_reason_with_emoji_is_stored_whole(cli, sign_in, entries):
    user, reason = sign_in("alice").user["id"], "违规😀" * 66
    cli("users", "ban", user, "--reason", f"  {reason} ")
    assert entries()[0].reason == reason


def test_an_empty_reason_is_none():
    assert audit.clean_reason(" ") is None
    assert audit.clean_reason(None) is None


# ---- what belongs to no transaction ----


def test_what_changed_outside_of_the_database_is_recorded_too(cli, entries, caplog, monkeypatch):
    cli("secrets", "rotate")
    assert [(row.event, listings.details_of(row)) for row in entries()] == [
        ("key_rotation", {"step": "add"})
    ]
    monkeypatch.setattr("myapi.audit.insert", refuse)
    cli("secrets", "rotate")
    assert len(entries()) == 1
    assert "key_rotation is not in the audit table" in caplog.text


def test_a_restore_is_recorded_in_the_restored_database(cli, sign_in, entries, tmp_path):
    alice, bob = sign_in("alice").user["id"], sign_in("bob").user["id"]
    cli("users", "ban", alice, "--reason", "before the backup")
    cli("backup", str(tmp_path / "backup"))
    cli("users", "ban", bob)
    cli("restore", str(tmp_path / "backup"), "--yes")
    assert summary(entries()) == [
        ("restore", "command", None, None),
        ("ban", "command", alice, "before the backup"),
    ]
    assert listings.details_of(entries()[0]) == {"count": 1}


# ---- the list and the purge ----


def test_list_filters_and_pages(cli, sign_in):
    alice, bob = sign_in("alice").user["id"], sign_in("bob").user["id"]
    for command in ("ban", "unban"):
        for user in (alice, bob):
            cli("users", command, user)

    def listed(*args):
        return json.loads(cli("audit", "list", "--json", *args).stdout)

    first = listed("--limit", "3")
    rest = listed("--after", first["next"])
    found = [(item["event"], item["user"]) for item in [*first["items"], *rest["items"]]]
    assert found == [("unban", bob), ("unban", alice), ("ban", bob), ("ban", alice)]
    assert [item["event"] for item in listed("--user", alice)["items"]] == ["unban", "ban"]
    assert [item["user"] for item in listed("--event", "ban")["items"]] == [bob, alice]
    assert len(listed("--actor", "command")["items"]) == 4
    name = first["items"][0]["actor"]["name"]
    assert len(listed("--actor", name)["items"]) == 4
    for wrong in (("--actor", "user"), ("--actor", "小王"), ("--event", "封禁")):
        assert listed(*wrong)["items"] == []


def test_purge_deletes_entries_after_the_days_of_the_setting(make_app, sign_in, execute):
    app = make_app(audit_days=30)
    user = sign_in("alice").user["id"]
    runner = app.test_cli_runner()
    runner.invoke(args=["users", "ban", user])
    runner.invoke(args=["users", "unban", user])
    old = (now() - timedelta(days=31)).replace(tzinfo=None)
    execute("UPDATE myapi_audit SET at = :old WHERE event = 'ban'", old=old)
    execute(
        "INSERT INTO myapi_audit (appid, at, actor_kind, event)"
        " VALUES ('wxother', :old, 'user', 'x')",
        old=old,
    )
    said = runner.invoke(args=["audit", "purge"]).stdout
    assert said == "1 audit entry and 0 hourly counts deleted\n"
    left = execute("SELECT event FROM myapi_audit ORDER BY id")
    assert left == [("unban",), ("x",)], "another mini program purges its own"


def test_a_retried_event_is_recorded(app, client, sign_in, cli, entries):
    sign_in("alice")
    client.post("/sandbox/push", json={"event": "user_info_modified", "openid": "alice"})
    with app.app_context():
        (found,) = json.loads(cli("events", "list", "--json").stdout)["items"]
    cli("events", "retry", found["id"], "--reason", "fixed")
    assert entries()[0].event == "event_retried"
    assert listings.details_of(entries()[0]) == {"number": int(found["id"])}
