"""What an operator sees: users, one user, events, messages, the audit and the overview."""

import json
import re
from datetime import timedelta

import pytest

from myapi.audit import hours
from myapi.clock import now
from myapi.console import language
from myapi.console.audit_texts import TEXTS
from myapi.console.blueprint import bp
from myapi.console.errors import REASONS
from myapi.console.navigation import OURS
from myapi.console.notices import NOTICES
from myapi.db import reports
from myapi.extend import ConsoleBox, ConsolePage, Extension
from myapi.observability.hourly import beginning_of_hour
from myapi.push import sandbox
from myapi.push.keys import push_keys
from myapi.settings import ROOT
from tests.console.conftest import press, read
from tests.push.test_push import send

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TEMPLATES = ROOT / "myapi" / "console" / "templates" / "console"
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)',
    "entity": "&lt;b&gt;&amp;",
    "direction": "\u202eevil\u2066",
    "jinja": "{{ operator.csrf }}{% raw %}",
    "format": "{n} {0} %s %(x)s",
    "long": "长" * 32,
    "zalgo": "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319",
}


@pytest.fixture
def people(sign_in):
    """Users by name, with a nickname each."""

    def people(**nicknames):
        found = {}
        for name, nickname in nicknames.items():
            found[name] = sign_in(name)
            found[name].put("/api/me", {"nickname": nickname})
        return found

    return people


def ids_in(page):
    """Return the ids of the users on a page, in order."""
    return list(dict.fromkeys(re.findall(r"/console/users/([0-9a-f]{24})", page)))


# ---- users ----


@pytest.mark.on_mysql
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("小", ["hong", "ming"]),
        ("小明", ["ming"]),
        ("to", ["tom", "tommy", "upper"]),
        ("TOM", ["tom", "tommy", "upper"]),
        ("tomm", ["tommy"]),
        ("明", []),
        ("%", ["percent"]),
        ("_", []),
        ("a/", ["slash"]),
        ("@", ["at"]),
        ("😀", ["grin"]),
        ("x" * 300, []),
    ],
)
def test_users_are_found_by_the_beginning_of_the_nickname(operator, people, text, found):
    users = people(
        hong="小红",
        ming="小明",
        tom="Tom",
        tommy="tommy",
        upper="TOM2",
        percent="%20",
        slash="a/b",
        at="@home",
        grin="😀a",
        bracket="[x",
    )
    page = operator.get("users", query_string={"q": text}).text
    expected = {users[name].user["id"] for name in found}
    assert set(ids_in(page)) == expected
    assert len(ids_in(page)) == len(found)


def test_a_long_list_of_one_beginning_goes_on_page_by_page(operator, people, monkeypatch):
    from myapi.console import query

    monkeypatch.setattr(query, "ROWS", 3)
    users = people(**{f"user{number}": f"小{number % 4}" for number in range(8)})
    seen, path = [], "users?q=小"
    while path:
        page = operator.get(path).text
        assert len(ids_in(page)) <= 3
        seen += ids_in(page)
        more = re.search(r'href="/console/([^"]+)">Next page', page)
        path = more and more[1].replace("&amp;", "&")
    assert sorted(seen) == sorted(user.user["id"] for user in users.values())


def test_the_list_of_all_goes_on_page_by_page_newest_first(operator, sign_in, monkeypatch):
    from myapi.console import query

    monkeypatch.setattr(query, "ROWS", 2)
    users = [sign_in(f"user{number}").user["id"] for number in range(5)]
    seen, path = [], "users"
    while path:
        page = operator.get(path).text
        seen += ids_in(page)
        more = re.search(r'href="/console/(users\?[^"]*)">Next page', page)
        path = more and more[1]
    assert seen == users[::-1]


def test_users_are_found_by_id_openid_and_phone_number(operator, sign_in, execute):
    alice, bob = sign_in("alice"), sign_in("bob")
    alice.post("/api/me/phone", {"code": "phone-13912345678"})
    ((openid,),) = execute("SELECT openid FROM users WHERE public_id = :id", id=alice.user["id"])
    for text in (alice.user["id"], openid, f" {openid} "):
        found = operator.get("users", query_string={"q": text})
        assert found.status_code == 303
        assert found.headers["Location"] == f"/console/users/{alice.user['id']}"
    for number in ("13912345678", "+86 139 1234 5678", "139-1234-5678"):
        page = operator.get("users", query_string={"q": number}).text
        assert ids_in(page) == [alice.user["id"]]
        assert "139******78" in page
    assert bob.user["id"] not in operator.get("users?q=13912345678").text
    assert "Nobody was found." in operator.text("users?q=13900000000")


@on_sqlite
@pytest.mark.parametrize("query", ["after=x", "after=1%27", "after=" + "9" * 30, "after="])
def test_a_wrong_cursor_is_refused_on_a_page(operator, query):
    refused = operator.get(f"users?{query}")
    assert refused.status_code == 400
    assert "That did not work" in read(refused)


@on_sqlite
def test_any_text_can_be_searched(operator, sign_in):
    sign_in("alice")
    for text in ("'", '"', "\\", "\x00", "\ud83d", "💥" * 40, "0" * 300, "a.b", "..", "%00", "+1"):
        raw = text.encode("utf-8", "surrogatepass")
        answer = operator.get("users", query_string={"q": raw})
        assert answer.status_code == 200
        answer = operator.get("users", query_string={"q": "x", "after": raw})
        assert answer.status_code == 200


@on_sqlite
def test_user_page_shows_all_that_support_needs_and_no_secret(operator, sign_in, execute):
    alice = sign_in("alice")
    alice.put("/api/me", {"nickname": "小明"})
    alice.post("/api/me/phone", {"code": "phone-13912345678"})
    alice.post(
        "/api/me/messages",
        {"id": "dialog-0123456789abcdef", "results": {"template-of-orders": "accept"}},
    )
    ((openid,),) = execute("SELECT openid FROM users")
    text = operator.text(f"users/{alice.user['id']}")
    for shown in ("小明", "139******78", "active", "template-of-orders", "127.0.0.1"):
        assert shown in text
    page = operator.get(f"users/{alice.user['id']}").text
    for secret in (openid, "13912345678", alice.token, alice.token.partition(".")[0]):
        assert secret not in page


@on_sqlite
def test_unknown_user_is_a_404_page_for_operators(operator, sign_in, execute):
    sign_in("alice")
    ((openid,),) = execute("SELECT openid FROM users")
    for reference in ("0" * 24, openid, "x", "é", "a" * 200):
        answer = operator.get(f"users/{reference}")
        assert answer.status_code == 404
        assert answer.mimetype == "text/html"


@on_sqlite
@pytest.mark.parametrize("nickname", HOSTILE.values(), ids=HOSTILE)
def test_hostile_nickname_is_text_and_nothing_else(operator, sign_in, execute, nickname):
    alice = sign_in("alice")
    execute("UPDATE users SET nickname = :nickname", nickname=nickname)
    for path in ("users", f"users/{alice.user['id']}"):
        page = operator.get(path).text
        assert "<script" not in page
        assert not re.search(r"<[^>]*\sonmouseover=", re.sub(r'"[^"]*"', '""', page))
        text = read(operator.get(path))
        assert operator.csrf not in text
        assert " ".join(nickname.split()) in text
        assert re.search(r"<bdi[^>]*>", page)


# ---- events and messages ----


@pytest.fixture
def push(app, client):
    def push(name, openid="alice", **fields):
        with app.app_context():
            event = sandbox.event(sandbox.PushRequest(name, openid, fields))
            assert send(client, push_keys(), event).status_code == 200

    return push


def test_failed_events_stand_first_and_the_others_follow(operator, push, execute):
    for number in range(4):
        push("debug_demo", number=number)
    ids = [row.id for row in execute("SELECT id FROM myapi_events ORDER BY id DESC")]
    failed = "UPDATE myapi_events SET state = 'failed', last_error = 'KeyError' WHERE id = :id"
    execute(failed, id=ids[2])
    page = operator.get("events").text
    shown = [int(found) for found in re.findall(r"#(\d+)</span>", page)]
    assert shown == [ids[2], ids[0], ids[1], ids[3]]
    assert "KeyError" in page
    assert operator.get("events?state=failed").text.count("KeyError") == 1
    assert "KeyError" not in operator.get("events?state=done").text


@on_sqlite
def test_event_page_does_not_show_what_the_event_says(operator, push):
    push("debug_demo", secret_of="alice")
    text = operator.text("events/1")
    assert "debug_demo" in text
    assert "flask events show 1" in text
    assert "secret_of" not in text
    for number in ("2", "999999999999999999", "9999999999999999999999", "x", "-1"):
        assert operator.get(f"events/{number}").status_code == 404


@on_sqlite
def test_messages_are_listed_by_state_and_by_user(operator, sign_in, execute):
    alice, bob = sign_in("alice"), sign_in("bob")
    for user, state in ((alice, "sent"), (alice, "failed"), (bob, "sent")):
        execute(
            "INSERT INTO myapi_messages (user_id, template_id, state, attempts, created_at,"
            " next_at, errcode) SELECT id, 'orders', :state, 1, created_at, created_at, 43101"
            " FROM users WHERE public_id = :user",
            state=state,
            user=user.user["id"],
        )
    assert operator.text("messages").count("43101") == 3
    assert operator.text("messages?state=failed").count("43101") == 1
    assert operator.text(f"messages?user={alice.user['id']}").count("43101") == 2
    assert operator.text("messages?state=nonsense").count("43101") == 3
    assert operator.get("messages?user=x").status_code == 404


# ---- the overview ----


@on_sqlite
def test_overview_says_unknown_where_nothing_is_known(operator):
    text = operator.text()
    assert "Last backup unknown" in text
    assert "Certificate unknown" in text
    assert "Unknown: the doctor has not run yet." in text
    assert "access_token not needed so far" in text


def test_overview_shows_what_is_there(app, operator, sign_in, client):
    sign_in("alice")
    sign_in("alice")
    client.post("/api/auth/login", json={"code": "bad"})
    texts = {"symptom": "slow", "fix": "clean up"}
    finding = {"id": "disk", "status": "fail", "evidence": "disk is full", **texts}
    dates = {"id": "dates", "status": "ok", "evidence": "74 days left", **texts}
    app.extensions["hours_writer"].write()
    with app.app_context():
        hours.put(beginning_of_hour(now()) - timedelta(hours=2), "login.ok", 40)
        reports.leave(reports.BACKUP, {"size": 1000})
        checks = {"en": [finding, dates], "zh": [finding, dates]}
        reports.leave(reports.DOCTOR, {"verdict": "fail", "checks": checks})
    text = operator.text()
    assert "Users 1 " in text
    assert "New today 1 " in text
    assert "Logins in 24 hours 42 1 failed" in text
    assert "42 logins and 1 failures" in operator.get().text
    assert "disk is full" in text
    assert "74 days left" in text
    assert "Last backup 20" in text
    assert "at most a minute old" in text


def test_commands_leave_their_reports_for_the_overview(operator, runner, tmp_path):
    made = runner.invoke(args=["backup", str(tmp_path / "backup.db")])
    if made.exit_code == 0:  # where the database has its dump program
        assert "Last backup 20" in operator.text()
    runner.invoke(args=["doctor", "--json"])
    assert "has not run yet" not in operator.text()
    only = runner.invoke(args=["doctor", "--only", "disk"])
    assert only.exit_code in (0, 1, 2)


@on_sqlite
def test_report_that_cannot_be_stored_fails_no_command(runner, execute, tmp_path):
    execute("DROP TABLE myapi_reports")
    made = runner.invoke(args=["backup", str(tmp_path / "backup.db")])
    assert made.exit_code == 0, made.output


# ---- a team's own pages ----


@on_sqlite
def test_team_adds_a_page_and_a_box(make_app, operator, sign_in):
    def latest(query):
        return [{"user": sign_in("alice").user["id"], "text": "<b>milk</b>", "of": query["of"]}]

    app = make_app(
        Extension(
            console_pages=[ConsolePage("notes", "Notes", latest)],
            console_boxes=[
                ConsoleBox("Notes", lambda user_id: {"count": 3, "newest": "milk & more"}),
                ConsoleBox("Nothing", lambda user_id: []),
                ConsoleBox("Broken", lambda user_id: 1 / 0),
            ],
        )
    )
    client = app.test_client()
    made = app.test_cli_runner().invoke(args=["console", "link", "--name", "support"])
    press(client, made.stdout.strip())
    page = client.get("/console/app/notes?of=%3Ci%3E").text
    assert '<a href="/console/app/notes" aria-current="page">Notes</a>' in page
    assert "&lt;b&gt;milk&lt;/b&gt;" in page
    assert "&lt;i&gt;" in page
    (user,) = ids_in(page)
    text = read(client.get(f"/console/users/{user}"))
    assert "Notes count 3 newest milk & more" in text
    assert "Nothing Nothing is here." in text
    assert "Broken This cannot be shown now." in text
    assert client.get("/console/app/other").status_code == 404
    assert app.test_client().get("/console/app/notes").status_code == 404


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"console_pages": ["x"]}, "is not a ConsolePage"),
        ({"console_pages": [ConsolePage("A b", "T", len)]}, "is not a name of its own"),
        ({"console_pages": [ConsolePage("a", "T", lambda: "")]}, "must take (query)"),
        ({"console_pages": [ConsolePage("a", "T", len)] * 2}, "is not a name of its own"),
        ({"console_boxes": ["x"]}, "is not a ConsoleBox"),
        ({"console_boxes": [ConsoleBox("T", lambda: "")]}, "must take (user_id)"),
    ],
)
def test_wrong_page_or_box_is_named_at_the_start(given, problem):
    with pytest.raises(Exception, match=re.escape(problem)):
        Extension(**given)


# ---- both languages ----


def texts_of_pages():
    """Return the English texts of all pages."""
    call = re.compile(r"""\bt\((?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
    found = {
        one or other
        for file in TEMPLATES.glob("*.html")
        for one, other in call.findall(file.read_text(encoding="utf-8"))
    }
    for file in (ROOT / "myapi" / "console").glob("*.py"):
        found |= set(re.findall(r'translate\("([^"]+)"', file.read_text(encoding="utf-8")))
    found |= {*REASONS.values(), *NOTICES.values(), *TEXTS.values()}
    return found | {item.title for item in OURS}


STATES = {"failed", "waiting", "done", "sending", "sent", "unknown", "{n} d", "{n} h", "{n} min"}
KINDS = {"operator", "command", "user", "event", "system"}


def test_every_text_has_its_chinese_and_every_chinese_its_english():
    chinese = json.loads(language.TEXTS.read_text(encoding="utf-8"))
    texts = texts_of_pages() | STATES | KINDS | {"There is no such page."}
    assert sorted(texts - chinese.keys()) == []
    assert sorted(chinese.keys() - texts) == []
    for english, translated in chinese.items():
        assert set(re.findall("{[a-z]+}", english)) == set(re.findall("{[a-z]+}", translated))


@on_sqlite
def test_every_page_can_be_read_in_chinese(operator, sign_in, push):
    alice = sign_in("alice")
    push("debug_demo")
    headers = {"Accept-Language": "zh-CN"}
    pages = ("", "users", f"users/{alice.user['id']}", "events", "events/1", "messages", "audit")
    for path in pages:
        text = operator.text(path, headers=headers)
        assert len(re.findall("[\u4e00-\u9fff]", text)) > 30
        assert re.findall(r"[A-Z][a-z]+ [a-z]+", text) == []


def test_every_view_of_the_console_is_for_operators_but_the_way_in(app):
    from myapi.web.access import operators_only, public

    open_views = {"show_link", "open_link", "asset"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{bp.name}."):
            view = app.view_functions[rule.endpoint]
            mark = public if rule.endpoint.partition(".")[2] in open_views else operators_only
            assert view.access is mark(lambda: None).access
