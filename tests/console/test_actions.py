"""What an operator does: each is a form with a reason, recorded under the operator's name."""

import json
import re

import pytest

from tests.console.conftest import read
from tests.console.test_pages import push

__all__ = ["push"]

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def recorded(runner):
    """Return the newest entries of the audit: event, actor and reason."""

    def recorded(number=1):
        listed = runner.invoke(args=["audit", "list", "--json", "--limit", str(number)])
        return json.loads(listed.stdout)["items"]

    return recorded


def is_recorded(entry, event, user=None, reason="asked by phone"):
    text = json.dumps(entry, ensure_ascii=False)
    return all(part in text for part in (event, "support", reason, user or ""))


def test_ban_and_unban_act_at_once_and_are_recorded(operator, sign_in, recorded, client):
    alice = sign_in("alice")
    path = f"users/{alice.user['id']}"
    banned = operator.post(f"{path}/ban")
    assert (banned.status_code, banned.headers["Location"]) == (303, f"/console/{path}?done=ban")
    assert alice.get("/api/me").status_code in (401, 403)
    assert client.post("/api/auth/login", json={"code": "alice"}).status_code == 403
    assert is_recorded(recorded()[0], "ban", alice.user["id"])
    assert "Banned" in operator.text(path)
    again = operator.post(f"{path}/ban")
    assert again.headers["Location"].endswith("done=unchanged")
    assert operator.post(f"{path}/unban", reason="投诉成立").status_code == 303
    assert is_recorded(recorded()[0], "unban", alice.user["id"], "投诉成立")
    sign_in("alice")


def test_a_device_is_ended_alone(operator, sign_in, recorded):
    first, second = sign_in("alice"), sign_in("alice")
    (session,) = [
        each["id"]
        for each in second.get("/api/auth/sessions").get_json()["data"]["sessions"]
        if not each["current"]
    ]
    user = first.user["id"]
    ended = operator.post(f"sessions/{session}/end", user=user)
    assert ended.headers["Location"] == f"/console/users/{user}?done=end"
    assert first.get("/api/me").status_code == 401
    assert second.get("/api/me").status_code == 200
    assert is_recorded(recorded()[0], "revoke", user)
    for unknown in ("0" * 24, "x", "' OR 1=1"):
        assert operator.post(f"sessions/{unknown}/end").status_code == 404


def test_erasing_asks_once_more_and_then_erases(operator, sign_in, recorded, execute):
    alice, bob = sign_in("alice"), sign_in("bob")
    path = f"users/{alice.user['id']}/erase"
    asked = operator.post(path, reason="按用户要求")
    assert asked.status_code == 200
    assert "Erase this account?" in read(asked)
    assert "按用户要求" in read(asked)
    assert alice.get("/api/me").status_code == 200
    erased = operator.post(path, reason="按用户要求", confirmed="yes")
    assert erased.headers["Location"] == "/console/users?done=erase"
    assert alice.get("/api/me").status_code == 401
    assert bob.get("/api/me").status_code == 200
    assert execute("SELECT count(*) FROM users") == [(1,)]
    entry = recorded()[0]
    assert is_recorded(entry, "erase", reason="按用户要求")
    assert alice.user["id"] not in json.dumps(entry)
    assert operator.post(path, confirmed="yes").status_code == 404


@on_sqlite
def test_export_is_a_file_and_recorded(operator, sign_in, recorded):
    alice = sign_in("alice")
    file = operator.post(f"users/{alice.user['id']}/export")
    assert file.headers["Content-Disposition"] == f'attachment; filename="{alice.user["id"]}.json"'
    assert file.headers["Cache-Control"] == "no-store"
    assert json.loads(file.data)["id"] == alice.user["id"]
    assert is_recorded(recorded()[0], "export", alice.user["id"])


@on_sqlite
def test_phone_number_is_shown_once_and_recorded(operator, sign_in, recorded):
    alice = sign_in("alice")
    alice.post("/api/me/phone", {"code": "phone-13912345678"})
    path = f"users/{alice.user['id']}"
    shown = operator.post(f"{path}/phone")
    assert (shown.status_code, "13912345678" in shown.text) == (200, True)
    assert is_recorded(recorded()[0], "phone_shown", alice.user["id"])
    assert "13912345678" not in json.dumps(recorded(5))
    assert "13912345678" not in operator.get(path).text


def test_a_failed_event_is_handled_again(operator, push, execute, recorded):
    push("debug_demo")
    ((number,),) = execute("SELECT id FROM myapi_events")
    execute("UPDATE myapi_events SET state = 'failed', attempts = 9")
    retried = operator.post(f"events/{number}/retry")
    assert retried.headers["Location"] == "/console/events?done=retry"
    assert execute("SELECT state FROM myapi_events") == [("done",)]
    assert any(is_recorded(entry, "event_retried") for entry in recorded(3))
    assert operator.post(f"events/{number}/retry", reason=None).status_code == 303
    execute("UPDATE myapi_events SET text = NULL")
    assert operator.post(f"events/{number}/retry").status_code == 404


# ---- attacks ----


def forms(app, user):
    """Return the paths of all forms that change or reveal something."""
    values = {"user_id": user, "session_id": "0" * 24, "event_id": "1"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("console.") and "POST" in rule.methods:
            path = rule.rule.removeprefix("/console/")
            for name in rule.arguments:
                path = re.sub(rf"<[^<>]*{name}>", values[name], path)
            if path not in ("open", "leave"):
                yield path


@on_sqlite
def test_no_form_works_without_its_token_with_a_foreign_one_or_with_get(
    app, operator, enter, sign_in, execute
):
    user, other = sign_in("alice").user["id"], enter()
    paths = list(forms(app, user))
    assert len(paths) == 7
    for path in paths:
        for token in (None, "", "0" * 64, other.csrf, operator.csrf[:-1]):
            assert operator.post(path, csrf=token, confirmed="yes").status_code == 403, path
        assert operator.get(path, query_string={"csrf": operator.csrf}).status_code == 404
    assert execute("SELECT banned_at FROM users") == [(None,)]


@on_sqlite
def test_read_only_operator_changes_and_reveals_nothing(app, enter, sign_in, execute):
    looker, alice = enter("--read-only"), sign_in("alice")
    alice.post("/api/me/phone", {"code": "phone-13912345678"})
    user = alice.user["id"]
    for path in forms(app, user):
        refused = looker.post(path, confirmed="yes")
        assert refused.status_code == 403, path
        assert "for looking only" in read(refused)
        assert "13912345678" not in refused.text
    page = looker.get(f"users/{user}").text
    assert page.count("<form") == 1  # to sign out
    assert "<details" not in page
    assert execute("SELECT banned_at FROM users") == [(None,)]
    assert looker.post("leave").status_code == 200


@on_sqlite
@pytest.mark.parametrize("reason", [None, "", "  ", "x" * 201, "a\nb", "a\x00b", "\u2028"])
def test_without_a_reason_nothing_is_done(app, operator, sign_in, execute, reason):
    user = sign_in("alice").user["id"]
    for path in forms(app, user):
        if not path.startswith("events/") and not path.startswith("sessions/"):
            refused = operator.post(path, reason=reason, confirmed="yes")
            assert refused.status_code == 400, path
            assert "reason" in read(refused)
    assert execute("SELECT banned_at FROM users") == [(None,)]


@on_sqlite
@pytest.mark.parametrize("done", ["<script>", "https://evil.example", "", "ban%0d%0aX: y"])
def test_notice_is_one_of_ours_whatever_the_address_says(operator, done):
    page = operator.get(f"users?done={done}").text
    assert 'role="status"' not in page
    assert "evil" not in page
    assert "<script" not in page


@on_sqlite
def test_form_leads_to_pages_of_the_console_alone(operator, sign_in):
    phone = sign_in("alice")
    (session,) = phone.get("/api/auth/sessions").get_json()["data"]["sessions"]
    for target in ("//evil.example", "../../x", "https://evil.example/" + "0" * 24):
        ended = operator.post(f"sessions/{session['id']}/end", user=target)
        assert ended.headers["Location"] == "/console/users?done=end"


@on_sqlite
def test_database_that_is_away_is_a_503_and_no_way_in(app, operator, execute):
    execute("ALTER TABLE myapi_operators RENAME TO gone")
    assert operator.get().status_code in (500, 503)
    assert app.test_client().get("/console/").status_code == 404
