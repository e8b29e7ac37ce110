"""What WeChat pushes is verified, stored, answered and handled, once."""

import json
import time
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import text

from myapi.push import handling, listings, sandbox
from myapi.push.keys import push_keys
from myapi.settings import SANDBOX_APPID
from myapi.wechat.push import PushKeys, seal_push
from myapi.wechat.sandbox import pushes
from tests.service import at_once, wait_for
from tests.wechat import test_push as samples

pytestmark = pytest.mark.on_mysql

IDENTITY = {"wechat_appid": samples.APPID, "wechat_secret": "a-secret-of-the-tests"}
SAFE = {"wechat_push_token": samples.TOKEN, "wechat_push_aes_key": "A" * 43}
PRODUCTION = {"env": "production", **IDENTITY, "trusted_proxies": 0}


@pytest.fixture
def push(app, client):
    """Push an event as WeChat does: `push("user_info_modified", "alice")`; return the answer."""

    def push(name, openid="alice", **fields):
        with app.app_context():
            event = sandbox.event(sandbox.PushRequest(name, openid, fields))
            return send(client, push_keys(), event)

    return push


def send(client, keys, event):
    query, body = seal_push(keys, json.dumps(event).encode())
    return client.post("/wechat/push", query_string=query, data=body, buffered=True)


def done(execute):
    """Wait until all events have been handled."""
    wait_for(lambda: not execute("SELECT 1 FROM myapi_events WHERE state = 'waiting'"))


def test_push_is_answered_in_bare_text(push):
    answer = push("debug_demo", debug_str="hello world")
    assert (answer.status_code, answer.text) == (200, "success")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Content-Length"] == "7"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("env", [PRODUCTION, IDENTITY])
def test_samples_of_wechat_are_taken(make_app, env):
    client = make_app(**env, **SAFE).test_client()
    checked = client.get("/wechat/push", query_string=samples.URL_QUERY)
    assert (checked.status_code, checked.text) == (200, samples.URL_QUERY["echostr"])
    answer = client.post(
        "/wechat/push",
        query_string=samples.SAFE_QUERY,
        data=samples.SAFE_BODY,
        content_type="text/xml",
    )
    assert (answer.status_code, answer.text) == (200, "success")


def test_sample_of_the_plain_mode_is_taken_in_development(make_app):
    client = make_app(**IDENTITY, wechat_push_token=samples.TOKEN).test_client()
    answer = client.post("/wechat/push", query_string=samples.PLAIN_QUERY, data=samples.PLAIN_BODY)
    assert answer.text == "success"


@pytest.mark.parametrize("forged", samples.FORGED.values(), ids=samples.FORGED.keys())
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_forged_push_is_refused_by_name_and_nothing_is_stored(make_app, forged):
    keys, query, body = forged
    given = {"wechat_push_token": keys.token, "wechat_push_aes_key": keys.aes_key or ""}
    app = make_app(**IDENTITY, **given)
    answer = app.test_client().post("/wechat/push", query_string=query, data=body)
    assert answer.get_json()["error"] in {"push_refused", "payload_too_large"}
    assert answer.status_code in {403, 413}
    with app.app_context():
        assert listings.events(10).rows == []


def test_without_keys_there_is_no_route(make_app):
    client = make_app(**IDENTITY).test_client()
    assert client.get("/wechat/push").get_json()["error"] == "not_found"
    assert client.post("/wechat/push", data=b"{}").get_json()["error"] == "not_found"


def test_event_that_is_larger_than_bodies_of_phones_may_be_is_taken(make_app):
    app = make_app(max_body_bytes=1024)
    with app.app_context():
        keys = push_keys()
    client = app.test_client()
    event = {"Event": "large", "FromUserName": "o", "text": "x" * 30_000}
    assert send(client, keys, event).text == "success"
    query, body = seal_push(keys, json.dumps(event | {"text": "x" * 60_000}).encode())
    answer = client.post("/wechat/push", query_string=query, data=body)
    assert answer.status_code in {403, 413}


def test_push_sent_again_is_answered_and_handled_once(app, client, execute):
    handled = []
    app.extensions["event_handlers"]["again"] = [handled.append]
    event = {"Event": "again", "FromUserName": "o", "CreateTime": 1}
    with app.app_context():
        keys = push_keys()
    assert {send(client, keys, event).text for _ in range(3)} == {"success"}
    done(execute)
    assert handled == [event]
    assert execute("SELECT count(*) FROM myapi_events") == [(1,)]


def test_push_sent_many_times_at_once_is_stored_once(app, execute):
    event = {"Event": "storm", "FromUserName": "o", "CreateTime": 1}
    with app.app_context():
        keys = push_keys()
    clients = [app.test_client() for _ in range(6)]
    answers = at_once(*[lambda each=each: send(each, keys, event) for each in clients])
    assert {answer.text for answer in answers} == {"success"}
    assert execute("SELECT count(*) FROM myapi_events") == [(1,)]
    done(execute)


def test_text_of_an_event_is_sealed(push, execute, wechat):
    push("x", secret="13800000000")
    openid = wechat.sandbox.openid("alice", SANDBOX_APPID)
    rows = repr(execute("SELECT * FROM myapi_events"))
    assert "13800000000" not in rows
    assert openid not in rows


@pytest.mark.parametrize(
    ("number", "left"),
    [
        ("6", (None, None, "138******00")),
        ("8", ("Alice", "https://example.com/a.png", None)),
        ("19", (None, "https://example.com/a.png", "138******00")),
        ("20", ("Alice", None, "138******00")),
        ("7", ("Alice", "https://example.com/a.png", "138******00")),
        ("201", ("Alice", "https://example.com/a.png", "138******00")),
    ],
)
def test_withdrawn_permission_deletes_what_it_names(push, sign_in, execute, number, left):
    alice, bob = full_profile(sign_in("alice")), full_profile(sign_in("bob"))
    push("user_authorization_revoke", RevokeInfo=number)
    done(execute)
    user = alice.get("/api/me").get_json()["data"]
    assert (user["nickname"], user["avatar_url"], user["phone"]) == left
    assert bob.get("/api/me").get_json()["data"]["phone"] == "138******00"


def test_withdrawal_of_a_plugin_deletes_nothing_of_ours(push, sign_in, execute):
    alice = full_profile(sign_in("alice"))
    push("user_authorization_revoke", RevokeInfo="8", PluginID="wx1")
    done(execute)
    assert alice.get("/api/me").get_json()["data"]["phone"] == "138******00"


def full_profile(phone):
    phone.put("/api/me", {"nickname": "Alice", "avatar_url": "https://example.com/a.png"})
    phone.post("/api/me/phone", {"code": f"a code {time.monotonic()}"})
    return phone


def test_risky_profile_is_cleared(push, sign_in, execute):
    alice = full_profile(sign_in("alice"))
    push("user_info_modified")
    done(execute)
    user = alice.get("/api/me").get_json()["data"]
    assert (user["nickname"], user["avatar_url"]) == (None, None)
    assert user["phone"] == "138******00"


def test_closed_wechat_account_is_erased(push, sign_in, execute):
    alice, bob = sign_in("alice"), sign_in("bob")
    push("subscribe_msg_popup_event", List={"TemplateId": "t"})
    done(execute)
    push("user_authorization_cancellation")
    done(execute)
    assert alice.get("/api/me").get_json()["error"] == "session_ended"
    assert bob.get("/api/me").status_code == 200
    kept = execute("SELECT text, user_digest FROM myapi_events")
    assert [tuple(row) for row in kept] == [(None, None), (None, None)]


def test_closed_wechat_account_that_was_erased_before_leaves_nothing(push, sign_in, execute):
    alice = sign_in("alice")
    alice.delete("/api/me")
    push("user_authorization_revoke", RevokeInfo="8")
    push("user_authorization_revoke", "bob", RevokeInfo="8")
    push("user_authorization_cancellation")
    done(execute)
    rows = execute("SELECT text IS NULL, user_digest IS NULL FROM myapi_events ORDER BY id")
    assert [tuple(row) for row in rows] == [(1, 1), (0, 0), (1, 1)]


def test_export_has_the_events_of_the_user(push, sign_in, execute, runner):
    alice, bob = sign_in("alice"), sign_in("bob")
    push("subscribe_msg_popup_event", List={"TemplateId": "t"})
    done(execute)

    def events(user):
        exported = runner.invoke(args=["users", "export", user["id"]]).stdout
        return json.loads(exported)["wechat_events"]

    (event,) = events(alice.user)
    assert event["event"] == "subscribe_msg_popup_event"
    assert event["content"]["List"] == {"TemplateId": "t"}
    assert events(bob.user) == []


def test_event_of_the_platforms_own_account_concerns_no_user(app, client, sign_in, wechat, execute):
    """FromUserName of these events looks like an openid, and is not the user's."""
    alice = sign_in("alice")
    with app.app_context():
        keys = push_keys()
    openid = wechat.sandbox.openid("alice", SANDBOX_APPID)
    for odd in ({}, {"OpenID": ""}, {"OpenID": 7}, {"OpenID": alice.user["id"]}):
        event = {"Event": "user_authorization_cancellation", "FromUserName": openid, **odd}
        assert send(client, keys, event).text == "success"
    done(execute)
    assert alice.get("/api/me").status_code == 200


def test_punishment_is_logged_as_an_error(push, execute, caplog):
    push("wxa_punish_event", event_type=3, detail="{}")
    done(execute)
    (record,) = (each for each in caplog.records if getattr(each, "event", "") == "punished")
    assert record.levelname == "ERROR"


def test_failing_handler_is_called_again_until_it_succeeds(app, push, execute, runner):
    calls = []

    def fails_twice(event):
        calls.append(event)
        if len(calls) < 3:
            raise RuntimeError("a secret of the handler")

    app.extensions["event_handlers"]["odd"] = [fails_twice]
    assert push("odd").text == "success"
    wait_for(lambda: len(calls) == 1 and execute("SELECT last_error FROM myapi_events")[0][0])
    assert execute("SELECT state, last_error FROM myapi_events") == [("waiting", "RuntimeError")]
    assert runner.invoke(args=["events", "run"]).output.startswith("0 events handled, 0 failed")
    for expected in ("0 events handled, 1 failed", "1 event handled, 0 failed"):
        execute("UPDATE myapi_events SET next_at = created_at")
        assert runner.invoke(args=["events", "run"]).output.startswith(expected)
    assert execute("SELECT state, last_error FROM myapi_events") == [("done", None)]
    assert len(calls) == 3


def test_process_that_is_frozen_after_its_answer_leaves_events_to_the_timer(
    make_app, execute, runner
):
    """Frozen in the middle, it would hold the locks of its transaction."""
    client = make_app(frozen_when_idle=True).test_client()
    with client.application.app_context():
        event = sandbox.event(sandbox.PushRequest("debug_demo", "alice", {"debug_str": "hello"}))
        assert send(client, push_keys(), event).text == "success"
    assert execute("SELECT state FROM myapi_events") == [("waiting",)]
    assert runner.invoke(args=["events", "run"]).output.startswith("1 event handled, 0 failed")


def test_event_that_fails_for_days_waits_for_an_operator(app, push, execute, runner):
    app.extensions["event_handlers"]["odd"] = [lambda event: 1 / 0]
    push("odd")
    wait_for(lambda: execute("SELECT last_error FROM myapi_events")[0][0])
    for _ in range(8):
        execute("UPDATE myapi_events SET next_at = created_at")
        assert runner.invoke(args=["events", "run"]).exit_code == 1
    assert execute("SELECT state FROM myapi_events") == [("failed",)]
    app.extensions["event_handlers"]["odd"] = []
    (number,) = execute("SELECT id FROM myapi_events")[0]
    assert runner.invoke(args=["events", "retry", str(number)]).output.startswith("1 event handled")
    assert execute("SELECT state FROM myapi_events") == [("done",)]


def kill(*_):
    """Handle an event as a process does that ends meanwhile."""
    raise SystemExit


def test_event_whose_process_was_killed_is_handled_after_the_claim(app, push, execute):
    app.extensions["events_soon"].ask = lambda: None
    push("odd")
    handled = []
    with app.app_context():
        with pytest.raises(SystemExit):
            handling.handle_due(kill)
        assert handling.handle_due(lambda name, event: handled.append(name)) == (0, 0)
        execute("UPDATE myapi_events SET next_at = created_at")
        assert handling.handle_due(lambda name, event: handled.append(name)) == (1, 0)
    assert handled == ["odd"]


def test_event_that_ends_its_process_each_time_waits_for_an_operator(app, push, execute, caplog):
    app.extensions["events_soon"].ask = lambda: None
    push("odd")
    push("behind")
    handled = []
    with app.app_context():
        for _ in range(9):
            execute("UPDATE myapi_events SET next_at = created_at WHERE name = 'odd'")
            with pytest.raises(SystemExit):
                handling.handle_due(kill, limit=1)
        execute("UPDATE myapi_events SET next_at = created_at WHERE name = 'odd'")
        assert handling.handle_due(lambda name, event: handled.append(name)) == (1, 0)
    assert handled == ["behind"]
    assert execute("SELECT state FROM myapi_events ORDER BY id") == [("failed",), ("done",)]
    assert "event_failed" in {getattr(record, "event", "") for record in caplog.records}


def test_each_event_has_the_databases_whole_time(app, push, execute):
    """A request waits for the database for two seconds at most, and so may each event."""
    from flask import g

    def waits(event):
        g.database_seconds = 60.0  # as if it had

    soon = app.extensions["events_soon"]
    app.extensions["event_handlers"]["slow"] = [waits]
    ask, soon.ask = soon.ask, lambda: None
    for number in range(3):
        push("slow", number=number)
    with app.test_request_context():  # the time of a request is over too
        g.database_seconds = 60.0
        ask()
    done(execute)
    assert execute("SELECT attempts FROM myapi_events") == [(1,)] * 3


def test_event_with_white_space_around_its_name_concerns_its_own_user(
    push, sign_in, wechat, execute
):
    alice, bob = sign_in("alice"), sign_in("bob")
    theirs = wechat.sandbox.openid("bob", SANDBOX_APPID)
    openid = wechat.sandbox.openid("alice", SANDBOX_APPID)
    push(" user_authorization_cancellation", FromUserName=theirs, OpenID=openid)
    done(execute)
    assert bob.get("/api/me").status_code == 200
    assert alice.get("/api/me").get_json()["error"] == "session_ended"


def test_events_are_handled_by_one_process_each(app, push, execute, monkeypatch):
    monkeypatch.setattr(type(app.extensions["events_soon"]), "ask", lambda self: None)
    for number in range(12):
        push("many", number=number)
    handled = []

    def work():
        with app.app_context():
            return handling.handle_due(lambda name, event: handled.append(event["number"]))

    results = at_once(*[work] * 4)
    assert sum(succeeded for succeeded, _ in results) == 12
    assert sorted(handled) == list(range(12))


def test_purge_empties_after_30_days_and_deletes_after_400(app, push, execute, runner):
    for name in ("new", "old", "ancient"):
        push(name)
    done(execute)
    for name, year in (("old", 2026), ("ancient", 2024)):
        execute(
            "UPDATE myapi_events SET created_at = :at WHERE name = :name",
            at=f"{year}-10-01 00:00:00.000000",
            name=name,
        )
    assert runner.invoke(args=["events", "purge"]).output == "1 event emptied, 1 deleted\n"
    rows = execute("SELECT name, text IS NULL FROM myapi_events ORDER BY id")
    assert [tuple(row) for row in rows] == [("new", 0), ("old", 1)]


def test_sandbox_pushes_an_event(client, sign_in, execute):
    alice = full_profile(sign_in("alice"))
    answer = client.post(
        "/sandbox/push",
        json={
            "event": "user_authorization_revoke",
            "openid": "alice",
            "fields": {"RevokeInfo": "8"},
        },
    )
    assert answer.get_json() == {"status": 200, "answer": "success"}
    done(execute)
    assert alice.get("/api/me").get_json()["data"]["phone"] is None


def test_sandbox_pushes_with_its_own_keys_whatever_is_set(make_app):
    app = make_app(wechat_push_token="another", wechat_push_aes_key="B" * 43)
    keys = PushKeys(SANDBOX_APPID, pushes.TOKEN, pushes.AES_KEY)
    assert send(app.test_client(), keys, {"Event": "x"}).text == "success"


def test_other_keys_are_refused(client):
    keys = PushKeys(SANDBOX_APPID, "another", "B" * 43)
    assert send(client, keys, {"Event": "x"}).get_json()["error"] == "push_refused"


def picture():
    file = BytesIO()
    Image.new("RGB", (40, 30), "navy").save(file, "PNG")
    return file.getvalue()


def upload(phone):
    return phone.client.post(
        "/api/me/avatar",
        headers=phone.headers,
        data={"file": (BytesIO(picture()), "a.png")},
    ).get_json()["data"]["avatar_url"]


@pytest.fixture
def checked(make_app, sign_in):
    """Sign in to an app that has its pictures judged: `checked("alice")`."""
    app = make_app(content_check=True, public_url="https://api.example.com")
    return lambda name: sign_in(name, via=app.test_client())


def verdict(push, execute, suggest, **fields):
    ((trace_id,),) = execute("SELECT trace_id FROM myapi_avatars")
    push("wxa_media_check", **judgement(trace_id, suggest), **fields)
    done(execute)


def judgement(trace_id, suggest):
    result = {"suggest": suggest, "label": 20001}
    return {"trace_id": trace_id, "version": 2, "errcode": 0, "result": result}


def test_verdict_on_a_picture_of_the_teams_own_reaches_its_handler_at_once(app, push, execute):
    handled = []
    app.extensions["event_handlers"]["wxa_media_check"].append(handled.append)
    push("wxa_media_check", **judgement("theirs", "risky"))
    done(execute)
    assert [event["trace_id"] for event in handled] == ["theirs"]


@pytest.mark.parametrize(
    ("suggest", "stays", "logged"),
    [
        ("pass", True, set()),
        ("review", True, {"avatar_review"}),
        ("risky", False, {"avatar_removed"}),
    ],
)
def test_risky_picture_is_deleted(checked, push, execute, suggest, stays, logged, caplog):
    alice = checked("alice")
    url = upload(alice)
    assert url.startswith("https://api.example.com/avatars/")
    verdict(push, execute, suggest)
    assert (alice.get("/api/me").get_json()["data"]["avatar_url"] == url) is stays
    assert len(execute("SELECT 1 FROM myapi_avatars")) == stays
    events = {getattr(record, "event", "") for record in caplog.records}
    assert events & {"avatar_review", "avatar_removed"} == logged


def test_picture_that_wechat_could_not_fetch_stays(checked, push, execute):
    alice = checked("alice")
    url = upload(alice)
    ((trace_id,),) = execute("SELECT trace_id FROM myapi_avatars")
    push("wxa_media_check", trace_id=trace_id, errcode=-1008, result={"suggest": "risky"})
    done(execute)
    assert alice.get("/api/me").get_json()["data"]["avatar_url"] == url


def test_verdict_on_a_picture_that_was_replaced_deletes_nothing(checked, push, execute):
    alice = checked("alice")
    upload(alice)
    ((trace_id,),) = execute("SELECT trace_id FROM myapi_avatars")
    newer = upload(alice)
    push("wxa_media_check", CreateTime=1, **judgement(trace_id, "risky"))
    done(execute)
    assert alice.get("/api/me").get_json()["data"]["avatar_url"] == newer


def test_verdict_that_meets_an_upload_deletes_nothing(checked, app, push, execute, monkeypatch):
    """Another picture takes the place of the judged one just before its user is locked."""
    from myapi.users import accounts, avatar_check

    alice = checked("alice")
    upload(alice)
    ((trace_id,),) = execute("SELECT trace_id FROM myapi_avatars")
    lock = accounts.lock

    def lock_after_an_upload(tx, user_id):
        user = lock(tx, user_id)
        tx.execute(text("UPDATE myapi_avatars SET trace_id = 'of the newer one'"))
        return user

    monkeypatch.setattr(accounts, "lock", lock_after_an_upload)
    with app.app_context():
        assert not avatar_check.judged(trace_id, "risky", 20001)
    assert len(execute("SELECT 1 FROM myapi_avatars")) == 1


def test_verdict_that_comes_before_its_picture_is_tried_again(make_app, sign_in, execute):
    client = make_app(content_check=True, public_url="https://api.example.com").test_client()
    keys = PushKeys(SANDBOX_APPID, pushes.TOKEN, pushes.AES_KEY)
    event = {"Event": "wxa_media_check", "CreateTime": int(time.time())}
    send(client, keys, event | judgement("early", "risky"))
    wait_for(lambda: execute("SELECT last_error FROM myapi_events")[0][0] == "LookupError")
    alice = sign_in("alice", via=client)
    upload(alice)
    execute("UPDATE myapi_avatars SET trace_id = 'early'")
    execute("UPDATE myapi_events SET next_at = created_at")
    send(client, keys, {"Event": "another"})
    done(execute)
    assert alice.get("/api/me").get_json()["data"]["avatar_url"] is None


def test_outage_at_wechat_stops_no_upload_and_is_logged(checked, wechat, caplog):
    alice = checked("alice")
    wechat.sandbox.set_fault("busy", 9)
    assert upload(alice)
    (record,) = (each for each in caplog.records if getattr(each, "event", "") == "avatar_review")
    assert record.outcome == "wechat_unavailable"


def test_pictures_are_not_judged_unless_asked_for(sign_in, wechat):
    upload(sign_in("alice"))
    assert wechat.sandbox.calls()["/wxa/media_check_async"] == 0


@pytest.mark.parametrize(("name", "stays"), [("alice", True), ("risky-rita", False)])
def test_sandbox_judges_a_picture_after_a_second(serve, name, stays):
    service = serve(content_check="on")
    phone = service.sign_in(name)
    answer = phone.post("/api/me/avatar", files={"file": ("a.png", picture())})
    assert answer.json()["data"]["avatar_url"].startswith(service.url)

    def shown():
        return phone.get("/api/me").json()["data"]["avatar_url"]

    wait_for(lambda: service.flask("events", "list", "--state", "done").stdout.count("media"))
    assert bool(shown()) is stays
