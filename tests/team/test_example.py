"""What a team's own code can do, through the front door: the notes of `example/`."""

import json

import pytest
from sqlalchemy import inspect

from myapi.settings import AppSettings
from myapi.team import Extension
from myapi.web.openapi.description import describe

pytestmark = pytest.mark.filterwarnings("ignore:This declarative base already contains")


def texts_of(phone):
    return [note["text"] for note in phone.get("/api/notes").get_json()["data"]["notes"]]


def test_notes_are_their_authors(client, sign_in):
    alice, bob = sign_in("alice"), sign_in("bob")
    added = alice.post("/api/notes", {"text": "milk"})
    assert added.status_code == 200
    assert [note["text"] for note in added.get_json()["data"]["notes"]] == ["Welcome!", "milk"]
    assert texts_of(alice) == ["Welcome!", "milk"]
    assert texts_of(bob) == ["Welcome!"]


def test_an_endpoint_needs_a_session_unless_it_is_public(client):
    assert client.get("/api/notes").get_json()["error"] == "token_missing"
    assert client.get("/api/notes/count").get_json()["data"] == {"notes": 0}


def test_a_body_that_breaks_its_schema_is_refused(sign_in):
    refused = sign_in().post("/api/notes", {"text": ""})
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_request")


def test_own_error_is_answered_with_its_code_in_both_languages(
    make_app, extension, notes, tables, sign_in, caplog
):
    app = make_app(extension=extension, own=(notes.Settings(notes_max=1),))
    phone = sign_in("alice", via=app.test_client())  # who has the note of the welcome
    refused = phone.post("/api/notes", {"text": "one too many"})
    assert refused.status_code == 409
    assert refused.get_json() == {
        "code": 40950,
        "error": "notes_full",
        "msg": "You have too many notes.",
        "request_id": refused.headers["X-Request-Id"],
    }
    assert "notes_full: a test of the limit" in caplog.text
    chinese = phone.client.post(
        "/api/notes",
        json={"text": "one too many"},
        headers={**phone.headers, "Accept-Language": "zh-CN"},
    )
    assert chinese.get_json()["msg"] == "笔记数量已达上限。"


def test_limit_per_user_counts_one_route_of_one_user(sign_in):
    alice, bob = sign_in("alice"), sign_in("bob")
    answers = [alice.post("/api/notes", {"text": "milk"}) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert answers[-1].get_json()["error"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
    assert alice.get("/api/notes").status_code == 200
    assert alice.put("/api/me", {}).status_code == 200
    assert bob.post("/api/notes", {"text": "milk"}).status_code == 200


def test_limit_per_address_counts_callers_without_a_session(client):
    answers = [client.get("/api/notes/count") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


def test_handler_runs_after_the_commit_and_once(sign_in, execute):
    phone = sign_in("alice")
    sign_in("alice")
    assert texts_of(phone) == ["Welcome!"]


def test_exception_of_a_handler_is_logged_and_fails_no_call(
    make_app, extension, tables, sign_in, caplog
):
    extension.on = {"signup": [lambda _user_id: 1 / 0, *[extension.on["signup"]]]}
    phone = sign_in("alice", via=make_app(extension=extension).test_client())
    assert "a handler of signup failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert texts_of(phone) == ["Welcome!"]  # by the other handler


def test_all_events_are_announced_with_the_id_of_the_user(
    make_app, extension, tables, sign_in, execute
):
    told = []
    events = ("signup", "login", "ban", "unban", "erase")
    extension.on = {
        event: (lambda user_id, event=event: told.append((event, user_id))) for event in events
    }
    app = make_app(extension=extension)
    phone = sign_in("alice", via=app.test_client())
    ((user_id,),) = execute("SELECT id FROM users")
    runner = app.test_cli_runner()
    for command in ("ban", "unban"):
        assert runner.invoke(args=["users", command, phone.user["id"]]).exit_code == 0
    assert sign_in("alice", via=phone.client).delete("/api/me").status_code == 200
    assert told == [(e, user_id) for e in ("signup", "login", "ban", "unban", "login", "erase")]


def test_a_refused_login_announces_nothing(make_app, extension, tables, sign_in, client):
    told = []
    extension.on = {"signup": told.append, "login": told.append}
    refused = make_app(extension=extension).test_client()
    assert refused.post("/api/auth/login", json={"code": "bad1"}).status_code == 400
    assert told == []


def test_erasing_a_user_deletes_own_rows_and_calls_the_hook(sign_in, execute):
    phone = sign_in("alice")
    ((user_id,),) = execute("SELECT id FROM users")
    assert phone.delete("/api/me").status_code == 200
    assert execute("SELECT * FROM notes") == []
    assert execute("SELECT folder FROM erased_pictures") == [(f"notes/{user_id}",)]


def test_a_hook_that_fails_keeps_the_user_and_announces_nothing(
    make_app, extension, tables, sign_in
):
    def fail(tx, user_id):
        raise OSError("no room")

    told = []
    extension.erases = [*extension.erases, fail]
    extension.on = {**extension.on, "erase": told.append}
    phone = sign_in("alice", via=make_app(extension=extension).test_client())
    assert phone.delete("/api/me").status_code == 500
    assert texts_of(phone) == ["Welcome!"]
    assert told == []


def test_export_has_own_data(runner, sign_in):
    phone = sign_in("alice")
    exported = json.loads(runner.invoke(args=["users", "export", phone.user["id"]]).stdout)
    assert exported["notes"] == ["Welcome!"]
    assert exported["id"] == phone.user["id"]


def test_own_command_prints_and_fails_in_one_line(runner, sign_in):
    phone = sign_in("alice")
    shown = runner.invoke(args=["notes", "show", phone.user["id"]])
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.endswith("Z Welcome!\n")
    refused = runner.invoke(args=["notes", "show", "nobody"])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "Error: Not found. (there is no such user)\n"
    assert "  notes " in runner.invoke(args=["--help"]).stdout


def test_description_has_own_routes_errors_and_limits(app):
    description = describe(app)
    operation = description["paths"]["/api/notes"]["post"]
    assert operation["security"] == [{"bearer": []}]
    full = operation["responses"]["409"]["content"]["application/json"]["examples"]["notes_full"]
    assert full["value"]["code"] == 40950
    assert "429" in operation["responses"]
    assert description["x-myapi-errors"]["notes_full"]["msg_zh"] == "笔记数量已达上限。"
    assert "security" not in description["paths"]["/api/notes/count"]["get"]


def test_own_texts_are_merged_over_those_of_myapi(client):
    texts = client.get("/docs/zh.json").get_json()
    assert texts["Show my notes."] == "查看我的笔记。"
    assert texts["me"] == "我的账号"


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_own_tables_on_mysql_are_innodb_with_utf8mb4(tables):
    options = inspect(tables).get_table_options("notes")
    assert options["mysql_engine"] == "InnoDB"
    assert options["mysql_default charset"] == "utf8mb4"


def test_an_app_without_the_extension_has_nothing_of_it(make_app, app):
    other = make_app(extension=Extension())
    assert other.test_client().get("/api/notes").status_code == 404
    assert "notes_full" not in describe(other)["x-myapi-errors"]
    assert other.test_cli_runner().invoke(args=["notes", "show", "x"]).exit_code == 2
    assert isinstance(other.extensions["settings"].own, tuple)
    assert not any(isinstance(each, AppSettings) for each in other.extensions["settings"].own)
