"""A user is sent what they permit: counted, one at a time, each outcome known."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from myapi.extend import ApiError, WeChatError, send_message
from myapi.extend import wechat as wechat_client
from myapi.messages import sending
from myapi.push import sandbox
from myapi.push.keys import push_keys
from myapi.settings import SANDBOX_APPID
from tests.push.test_push import send as push_event
from tests.service import at_once, wait_for

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TEMPLATE = "template-1"
DATA = {"thing1": "奶茶", "date2": "2026年1月31日 08:30"}


@pytest.fixture
def phone(sign_in):
    return sign_in("alice")


@pytest.fixture
def report(phone):
    """Report to the service what the phone was told: `report("accept", "dialog-1")`."""
    made = []

    def report(answer="accept", dialog=None, template=TEMPLATE):
        made.append(None)
        body = {"id": dialog or f"dialog-{len(made):04d}", "results": {template: answer}}
        answer = phone.post("/api/me/messages", json=body)
        assert answer.status_code == 200, answer.text
        return {
            each["template_id"]: each["left"] for each in answer.get_json()["data"]["permissions"]
        }

    return report


@pytest.fixture
def left(phone):
    """How many messages of the template the user still permits."""

    def left():
        answer = phone.post("/api/me/messages", json={"id": "only-asking", "results": {}})
        return {e["template_id"]: e["left"] for e in answer.get_json()["data"]["permissions"]}

    return left


@pytest.fixture
def send(app, phone, execute):
    """Send a message to alice as a team's own code does."""
    fetch_token(app)

    def send(data=DATA, *, template=TEMPLATE, **options):
        with app.app_context():
            [(user_id,)] = execute(
                "SELECT id FROM users WHERE public_id = :id", id=phone.user["id"]
            )
            return send_message(user_id, template, data, **options)

    return send


@pytest.fixture
def push(app, client):
    def push(name, **fields):
        with app.app_context():
            event = sandbox.event(sandbox.PushRequest(name, "alice", fields))
            return push_event(client, push_keys(), event)

    return push


@pytest.fixture
def openid(wechat):
    return wechat.sandbox.openid("alice", SANDBOX_APPID)


def popup(answer, template=TEMPLATE):
    return {"TemplateId": template, "SubscribeStatusString": answer, "PopupScene": "0"}


def refused(call, name):
    with pytest.raises(ApiError) as caught:
        call()
    assert caught.value.name == name
    return [each.field for each in caught.value.fields]


def messages(execute):
    return execute("SELECT state, error, errcode, content FROM myapi_messages ORDER BY id")


def test_message_is_sent_once_for_each_permission(send, report, left, wechat, openid):
    assert report() == {TEMPLATE: 1}
    assert send().state == "sent"
    assert left() == {TEMPLATE: 0}
    assert refused(send, "message_not_permitted") == []
    assert wechat.sandbox.messages_sent() == {(openid, TEMPLATE): 1}


def test_without_a_permission_wechat_is_not_asked(send, wechat):
    refused(send, "message_not_permitted")
    assert "/cgi-bin/message/subscribe/send" not in wechat.sandbox.calls()


def test_what_a_message_says_is_sealed_and_deleted_once_it_is_sent(send, report, execute):
    report()
    report()
    send()
    assert messages(execute) == [("sent", None, None, None)]
    send(wait=False)
    content = messages(execute)[1][3]
    assert "奶茶".encode() not in bytes(content)


def test_same_report_counts_once(report):
    assert report(dialog="the-same-one") == report(dialog="the-same-one") == {TEMPLATE: 1}
    assert report(dialog="another-one") == {TEMPLATE: 2}


def test_same_report_many_times_at_once_counts_once(report):
    at_once(*[lambda: report(dialog="the-same-one")] * 8)
    assert report("filter") == {TEMPLATE: 1}


@ON_SQLITE
@pytest.mark.parametrize(
    ("answer", "permitted"),
    [("accept", 1), ("acceptWithAudio", 1), ("ban", 0), ("filter", 0), ("", 0), ("ACCEPT", 0)],
)
def test_only_what_begins_with_accept_is_a_permission(report, answer, permitted):
    assert report(answer).get(TEMPLATE, 0) == permitted


def test_reject_ends_all_permissions(report):
    assert report() == {TEMPLATE: 1}
    assert report() == {TEMPLATE: 2}
    assert report("reject") == {TEMPLATE: 0}
    assert report() == {TEMPLATE: 1}


@ON_SQLITE
@pytest.mark.parametrize(
    "body",
    [
        {"id": "short", "results": {}},
        {"id": "x" * 65, "results": {}},
        {"id": "with spaces", "results": {}},
        {"id": "12345678"},
        {"id": "12345678", "results": []},
        {"id": "12345678", "results": {"a b": "accept"}},
        {"id": "12345678", "results": {"模板": "accept"}},
        {"id": "12345678", "results": {"x" * 129: "accept"}},
        {"id": "12345678", "results": {"": "accept"}},
        {"id": "12345678", "results": {"t": 1}},
        {"id": "12345678", "results": {"t": "x" * 65}},
        {"id": "12345678", "results": {f"t{n}": "accept" for n in range(21)}},
    ],
)
def test_hostile_report_is_refused(phone, body, left):
    answer = phone.post("/api/me/messages", json=body)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert left() == {}


def test_phone_that_reports_without_end_fills_no_table(app, phone, report, execute, monkeypatch):
    monkeypatch.setattr("myapi.messages.ledger.MAX_TEMPLATES", 3)
    monkeypatch.setattr("myapi.messages.ledger.MAX_REPORTS", 4)
    monkeypatch.setattr("myapi.messages.ledger.MAX_LEFT", 5)
    for number in range(8):
        report(template=f"template-{number}")
        told = report(template="template-0")
    assert told == {"template-0": 5, "template-1": 1, "template-2": 1}
    assert execute("SELECT count(*) FROM myapi_permission_reports") == [(4,)]


def test_both_witnesses_of_one_dialog_are_one_permission(report, push, left):
    report()
    push("subscribe_msg_popup_event", List=popup("accept"))
    assert left() == {TEMPLATE: 1}


def test_dialog_that_only_wechat_tells_of_counts(push, left, send):
    push("subscribe_msg_popup_event", List=[popup("accept"), popup("accept", "another")])
    assert left() == {TEMPLATE: 1, "another": 1}


@ON_SQLITE
@pytest.mark.parametrize(
    "fields",
    [
        {"List": popup("accept")},
        {"List": [popup("accept")]},
        {"SubscribeMsgPopupEvent": {"List": popup("accept")}},
        {"SubscribeMsgPopupEvent": {"List": [popup("accept")]}},
        {"List": [{"TemplateId": f" {TEMPLATE} ", "SubscribeStatusString": " accept"}]},
    ],
)
def test_event_counts_in_all_its_shapes(push, left, fields):
    push("subscribe_msg_popup_event", **fields)
    assert left() == {TEMPLATE: 1}


@pytest.mark.parametrize("name", ["subscribe_msg_popup_event", "subscribe_msg_change_event"])
def test_event_of_a_reject_ends_all_permissions(push, report, left, name):
    report()
    push(name, List=[popup("reject")])
    assert left() == {TEMPLATE: 0}


@ON_SQLITE
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"List": None},
        {"List": "accept"},
        {"List": [None, 7, [], "x"]},
        {"List": {"TemplateId": None, "SubscribeStatusString": "accept"}},
        {"List": {"TemplateId": TEMPLATE, "SubscribeStatusString": ["accept"]}},
        {"List": {"TemplateId": "模板", "SubscribeStatusString": "accept"}},
        {"SubscribeMsgPopupEvent": []},
    ],
)
@pytest.mark.parametrize("name", ["subscribe_msg_popup_event", "subscribe_msg_sent_event"])
def test_event_of_odd_shape_counts_nothing_and_is_handled(push, left, execute, name, fields):
    assert push(name, **fields).text == "success"
    assert left() == {}
    assert execute("SELECT state FROM myapi_events") == [("done",)]


def test_event_that_is_handled_again_counts_once(push, left, execute, runner):
    push("subscribe_msg_popup_event", List=popup("accept"))
    [(event,)] = execute("SELECT id FROM myapi_events")
    assert runner.invoke(args=["events", "retry", str(event)]).exit_code == 0
    assert left() == {TEMPLATE: 1}


@pytest.mark.parametrize("errcode", [43101, 40003, 43104])
def test_refusal_of_wechat_ends_all_permissions(send, report, left, wechat, execute, errcode):
    report()
    report()
    wechat.sandbox.set_fault(errcode, 1)
    refused(send, "message_not_permitted")
    assert left() == {TEMPLATE: 0}
    assert messages(execute) == [("failed", "message_not_permitted", errcode, None)]


@pytest.mark.parametrize("errcode", [43108, 45009, 48001, 47003, 45168, 40037, 41030])
def test_message_that_wechat_refuses_uses_no_permission(send, report, left, wechat, errcode):
    report()
    wechat.sandbox.set_fault(errcode, 1)
    with pytest.raises((ApiError, WeChatError)):
        send()
    assert left() == {TEMPLATE: 1}
    assert send().state == "sent"


@pytest.mark.parametrize("fault", ["closed", "http_500", "html", "empty", "wrong_types", "slow"])
def test_message_whose_answer_is_lost_is_not_sent_again(make_app, wechat, sign_in, execute, fault):
    app = make_app(wechat_timeout=0.5 if fault == "slow" else 3)
    phone = sign_in("alice", via=app.test_client())
    phone.post("/api/me/messages", json={"id": "12345678", "results": {TEMPLATE: "accept"}})
    [(user_id,)] = execute("SELECT id FROM users")
    with app.app_context():
        fetch_token(app)
        wechat.sandbox.set_fault(fault, 1)
        with pytest.raises(WeChatError):
            send_message(user_id, TEMPLATE, DATA)
        assert sending.send_due() == []
    [(state, _, _, content)] = messages(execute)
    assert (state, content) == ("unknown", None)
    answer = phone.post("/api/me/messages", json={"id": "only-asking", "results": {}})
    assert answer.get_json()["data"]["permissions"][0]["left"] == 0


def fetch_token(app):
    """Fetch the access_token, so that a fault hits the call that comes next."""

    def is_fetched():
        with pytest.raises(WeChatError):
            wechat_client().call("POST", "/wxa/msg_sec_check", json={})
        return app.extensions["token_store"].load()[0].token

    with app.app_context():
        wait_for(is_fetched)  # a busy machine may need more than one time-out


def test_message_that_did_not_reach_wechat_is_not_counted(make_app, sign_in, execute):
    app = make_app()
    phone = sign_in("alice", via=app.test_client())
    body = {"id": "12345678", "results": {TEMPLATE: "accept"}}
    phone.post("/api/me/messages", json=body)
    [(user_id,)] = execute("SELECT id FROM users")
    away = make_app(wechat_base_url="http://127.0.0.1:1")
    with away.app_context(), pytest.raises(WeChatError):
        send_message(user_id, TEMPLATE, DATA)
    assert messages(execute)[0][0] == "failed"
    answer = phone.post("/api/me/messages", json={**body, "results": {}})
    assert answer.get_json()["data"]["permissions"][0]["left"] == 1


def test_event_settles_a_message_whose_answer_was_lost(send, report, push, wechat, execute):
    report()
    send_lost(send, wechat)
    push("subscribe_msg_sent_event", List=sent_item("77", TEMPLATE))
    assert execute("SELECT state, msgid FROM myapi_messages") == [("sent", "77")]


def send_lost(send, wechat):
    """Send a message, and lose WeChat's answer."""
    wechat.sandbox.set_fault("closed", 2)
    with pytest.raises(WeChatError):
        send()
    wechat.sandbox.set_fault("closed", 0)


def sent_item(msgid, template, errcode="0"):
    return {"TemplateId": template, "MsgID": msgid, "ErrorCode": errcode, "ErrorStatus": "x"}


def test_event_of_a_failure_is_noted(send, report, push, execute):
    report()
    send()
    [(msgid,)] = execute("SELECT msgid FROM myapi_messages")
    push("subscribe_msg_sent_event", List=[sent_item(msgid, TEMPLATE, "-1")])
    assert messages(execute) == [("failed", "not_delivered", -1, None)]


def test_queued_message_is_sent_after_the_request(make_app, execute, wechat, openid):
    from flask import Blueprint

    from myapi.extend import Extension, caller, endpoint

    bp = Blueprint("order", __name__, url_prefix="/api/order")

    @bp.post("")
    @endpoint()
    def order():
        state = send_message(caller().user_id, TEMPLATE, DATA, wait=False).state
        assert not wechat.sandbox.messages_sent()
        assert state == "waiting"

    client = make_app(Extension(blueprints=[bp])).test_client()
    token = client.post("/api/auth/login", json={"code": "alice"}).get_json()["data"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"id": "12345678", "results": {TEMPLATE: "accept"}}
    client.post("/api/me/messages", json=body, headers=headers)
    assert client.post("/api/order", headers=headers, buffered=True).status_code == 200
    assert wechat.sandbox.messages_sent() == {(openid, TEMPLATE): 1}
    assert messages(execute) == [("sent", None, None, None)]


def test_queued_message_is_tried_again_while_wechat_is_busy(
    app, send, report, left, wechat, execute
):
    report()
    assert send(wait=False).state == "waiting"
    assert left() == {TEMPLATE: 0}
    wechat.sandbox.set_fault(45009, 1)
    with app.app_context():
        [outcome] = sending.send_due()
        assert (outcome.state, outcome.error, outcome.errcode) == ("waiting", "rate_limited", 45009)
        assert sending.send_due() == []
        execute("UPDATE myapi_messages SET next_at = created_at")
        assert [each.state for each in sending.send_due()] == ["sent"]


def test_queue_waits_while_wechat_has_trouble(app, send, report, wechat, execute):
    for _ in range(4):
        report()
        send(wait=False)
    before = wechat.sandbox.calls()
    wechat.sandbox.set_fault(45009, 100)
    with app.app_context():
        assert [each.state for each in sending.send_due()] == ["waiting"]
    asked = wechat.sandbox.calls() - before
    assert asked["/cgi-bin/message/subscribe/send"] == 1
    wechat.sandbox.set_fault(45009, 0)
    with app.app_context():
        assert [each.state for each in sending.send_due()] == ["sent"] * 3


def test_queued_message_fails_after_its_last_attempt(app, send, report, left, wechat, execute):
    report()
    send(wait=False)
    with app.app_context():
        for _ in range(len(sending.PAUSES) + 1):
            wechat.sandbox.set_fault(45009, 1)
            execute("UPDATE myapi_messages SET next_at = created_at")
            [outcome] = sending.send_due()
    assert outcome.state == "failed"
    assert left() == {TEMPLATE: 1}


def test_message_of_a_killed_process_is_settled_by_wechats_event(
    app, send, report, push, left, execute, monkeypatch
):
    report()
    killed(send, monkeypatch)
    assert messages(execute)[0][0] == "sending"
    over(app, execute)
    assert messages(execute)[0][0] == "unknown"
    push("subscribe_msg_sent_event", List=sent_item("77", TEMPLATE))
    over(app, execute)
    assert messages(execute) == [("sent", None, None, None)]
    assert left() == {TEMPLATE: 0}


def test_message_of_a_killed_process_of_which_wechat_says_nothing_was_not_sent(
    app, send, report, left, execute, monkeypatch
):
    report()
    killed(send, monkeypatch)
    over(app, execute)
    over(app, execute)
    assert messages(execute) == [("failed", "not_confirmed", None, None)]
    assert left() == {TEMPLATE: 1}


def test_without_pushes_a_lost_message_stays_unknown(make_app, sign_in, execute, monkeypatch):
    app = make_app(wechat_appid=SANDBOX_APPID, wechat_secret="a-secret")
    phone = sign_in("alice", via=app.test_client())
    phone.post("/api/me/messages", json={"id": "12345678", "results": {TEMPLATE: "accept"}})
    [(user_id,)] = execute("SELECT id FROM users")
    with app.app_context():
        killed(lambda: send_message(user_id, TEMPLATE, DATA), monkeypatch)
    for _ in range(3):
        over(app, execute)
    assert messages(execute)[0][0] == "unknown"


class Killed(BaseException):
    pass


def killed(send, monkeypatch):
    """Send a message, and end its process before WeChat has answered."""

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("myapi.wechat.WeChatClient.send_message", kill)
        with pytest.raises(Killed):
            send()


def over(app, execute):
    """Let the time of all that waits be over, and settle it."""
    past = datetime.now(timezone.utc) - timedelta(days=1)
    execute(
        "UPDATE myapi_messages SET next_at = :past WHERE next_at < '3000-01-01'",
        past=past.replace(tzinfo=None),
    )
    with app.app_context():
        sending.send_due()


def test_permission_of_a_message_that_was_not_sent_is_not_given_back_after_a_reject(
    app, send, report, left, execute, monkeypatch
):
    report()
    killed(send, monkeypatch)
    report("reject")
    over(app, execute)
    over(app, execute)
    assert left() == {TEMPLATE: 0}


def test_two_messages_to_a_user_are_sent_one_after_the_other(send, report, wechat, openid):
    for _ in range(6):
        report()
    outcomes = at_once(*[send] * 6)
    assert {each.state for each in outcomes} == {"sent"}
    assert wechat.sandbox.messages_sent() == {(openid, TEMPLATE): 6}
    assert wechat.sandbox.calls()["/cgi-bin/message/subscribe/send"] == 6


def test_message_that_another_one_holds_up_for_long_is_refused_and_not_counted(
    send, report, left, monkeypatch
):
    report()
    report()
    killed(send, monkeypatch)
    monkeypatch.setattr(sending, "WAIT", 0.3)
    refused(send, "service_unavailable")
    assert left() == {TEMPLATE: 1}


def test_message_of_a_name_is_sent_once(send, report, wechat):
    for _ in range(4):
        report()
    first = send(once="order-1")
    assert send(once="order-1") == first
    assert send(once="order-1", wait=False) == first
    assert send(once="order-2").id != first.id
    assert sum(wechat.sandbox.messages_sent().values()) == 2


def test_message_of_a_name_many_times_at_once_is_sent_once(send, report, wechat):
    for _ in range(4):
        report()
    outcomes = at_once(*[lambda: send(once="order-1")] * 4)
    assert len({each.id for each in outcomes}) == 1
    assert sum(wechat.sandbox.messages_sent().values()) == 1


def test_message_of_a_name_that_failed_may_be_sent_again(send, report, wechat):
    report()
    wechat.sandbox.set_fault(45009, 1)
    with pytest.raises(WeChatError):
        send(once="order-1")
    assert send(once="order-1").state == "sent"


@ON_SQLITE
@pytest.mark.parametrize("once", ["", "x" * 65, "订单", "a\nb"])
def test_name_that_is_none_is_refused(send, once):
    with pytest.raises(ValueError, match="once"):
        send(once=once)


def test_erased_user_leaves_no_messages(send, report, phone, execute):
    report()
    send()
    assert phone.delete("/api/me").status_code == 200
    for table in ("myapi_messages", "myapi_permissions", "myapi_permission_reports"):
        assert execute(f"SELECT count(*) FROM {table}") == [(0,)]


def test_message_to_nobody_is_not_found(app, execute):
    with app.app_context():
        refused(lambda: send_message(12345, TEMPLATE, DATA), "not_found")


def test_export_has_permissions_and_messages(send, report, phone, runner):
    report()
    send()
    exported = runner.invoke(args=["users", "export", phone.user["id"]])
    found = json.loads(exported.stdout)
    assert found["myapi_permissions"] == [{"template_id": TEMPLATE, "left": 0}]
    assert [each["state"] for each in found["myapi_messages"]] == ["sent"]
    assert "奶茶" not in exported.stdout


def test_queue_is_worked_off_by_several_at_once_each_message_once(
    app, send, report, wechat, execute
):
    for _ in range(6):
        report()
        send(wait=False)

    def work():
        with app.app_context():
            return sending.send_due()

    at_once(*[work] * 3)
    work()
    assert {state for state, *_ in messages(execute)} == {"sent"}
    assert sum(wechat.sandbox.messages_sent().values()) == 6
    assert wechat.sandbox.calls()["/cgi-bin/message/subscribe/send"] == 6


def test_sandbox_sends_me_a_message(phone, report):
    report()
    body = {"template_id": TEMPLATE, "data": DATA, "page": "pages/home/home?x=1"}
    answer = phone.post("/sandbox/messages", json=body)
    assert answer.get_json()["data"]["state"] == "sent"
    assert answer.get_json()["data"]["left"] == 0
    again = phone.post("/sandbox/messages", json=body)
    assert (again.status_code, again.get_json()["error"]) == (409, "message_not_permitted")
    wrong = phone.post("/sandbox/messages", json={**body, "data": {"thing1": "x" * 21}})
    assert (wrong.status_code, wrong.get_json()["error"]) == (400, "message_invalid")
    assert [each["field"] for each in wrong.get_json()["fields"]] == ["data.thing1"]


def test_sandbox_route_is_not_there_in_production(make_app):
    app = make_app(
        env="production", wechat_appid="wx-production", wechat_secret="s" * 32, trusted_proxies=0
    )
    assert app.test_client().post("/sandbox/messages").status_code == 404
