"""Messages in trouble: WeChat refuses, the database goes away, processes end, events come late."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from flask import g
from sqlalchemy.exc import OperationalError

from myapi.cli import mailing
from myapi.db.engines import WEB
from myapi.db.token_store import SqlTokenStore
from myapi.extend import ApiError, WeChatError, send_message
from myapi.messages import ledger, sending, settlement
from myapi.push.keys import push_keys
from myapi.settings import SANDBOX_APPID
from myapi.wechat import NotPermitted, QuotaExceeded, WeChatClient
from myapi.wechat.push import seal_push
from tests.fixtures import KEY
from tests.messages import test_messages as cases
from tests.messages.test_messages import DATA, TEMPLATE, killed, over, sent_item
from tests.service import at_once

phone, report, left, send, push, openid = (
    cases.phone,
    cases.report,
    cases.left,
    cases.send,
    cases.push,
    cases.openid,
)
SEND = "/cgi-bin/message/subscribe/send"


def states(execute):
    return [state for (state,) in execute("SELECT state FROM myapi_messages ORDER BY id")]


@pytest.fixture
def queue_to(app, sign_in, execute):
    """Queue a message to each of these users, who permit it."""

    def queue_to(*names):
        cases.fetch_token(app)
        for name in names:
            phone = sign_in(name)
            body = {"id": "12345678", "results": {TEMPLATE: "accept"}}
            assert phone.post("/api/me/messages", json=body).status_code == 200
            [(user_id,)] = execute(
                "SELECT id FROM users WHERE public_id = :id", id=phone.user["id"]
            )
            with app.app_context():
                send_message(user_id, TEMPLATE, DATA, wait=False)

    return queue_to


# The run of the queue.


@pytest.mark.parametrize("errcode", [48001, 43107, 45009, 40164])
def test_run_stops_at_an_error_that_all_messages_will_meet(app, queue_to, wechat, execute, errcode):
    queue_to("alice", "bob", "carol", "dave", "erin")
    wechat.sandbox.set_fault(errcode, 100)
    with app.app_context():
        sending.send_due()
    assert wechat.sandbox.calls()[SEND] == 1
    assert states(execute) == ["waiting"] * 5


@pytest.mark.parametrize("fault", ["http_502_html", "closed"])
def test_outage_of_wechat_does_not_burn_the_whole_queue(app, queue_to, wechat, execute, fault):
    """Each lost answer is a message that is never sent again, and its text is gone."""
    queue_to("alice", "bob", "carol", "dave", "erin")
    wechat.sandbox.set_fault(fault, 100)
    with app.app_context():
        sending.send_due()
    assert states(execute).count("unknown") <= 1


def test_user_whom_wechat_does_not_take_holds_up_no_other_one(app, queue_to, execute, monkeypatch):
    """40003 is about this openid; a run that ends at each of them sends one message a run."""
    queue_to("alice", "bob")
    [(gone,)] = execute(
        "SELECT openid FROM users JOIN myapi_messages ON users.id = user_id"
        " ORDER BY myapi_messages.id LIMIT 1"
    )
    real = WeChatClient.send_message

    def send(self, openid, *args, **kwargs):
        if openid == gone:
            raise NotPermitted("invalid openid", 40003)
        return real(self, openid, *args, **kwargs)

    monkeypatch.setattr(WeChatClient, "send_message", send)
    with app.app_context():
        sending.send_due()
    assert states(execute)[1] == "sent"


def test_run_stops_at_trouble_in_a_last_attempt_too(app, queue_to, wechat, execute):
    queue_to("alice", "bob", "carol")
    execute("UPDATE myapi_messages SET attempts = 7")
    wechat.sandbox.set_fault(48001, 100)
    with app.app_context():
        sending.send_due()
    assert wechat.sandbox.calls()[SEND] == 1


def test_run_that_is_interrupted_notes_the_outcome_of_its_message(
    queue_to, runner, execute, monkeypatch
):
    queue_to("alice", "bob")
    real = WeChatClient.send_message

    def send_and_interrupt(*args, **kwargs):
        msgid = real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGINT)
        return msgid

    monkeypatch.setattr(WeChatClient, "send_message", send_and_interrupt)
    runner.invoke(args=["messages", "run"])
    assert states(execute) == ["sent", "waiting"]


def test_worker_ends_its_turn_on_a_queue_that_wechat_refuses(app, queue_to, wechat):
    queue_to("alice", "bob", "carol")
    wechat.sandbox.set_fault(48001, 100)
    app.extensions["messages_soon"].ask()
    assert wechat.sandbox.calls()[SEND] == 1


# A list of users.


def test_user_whom_wechat_does_not_take_does_not_end_the_list_for_ever(
    app, runner, sign_in, execute, monkeypatch
):
    """40003: this openid is none any more; all the others can get the message."""
    cases.fetch_token(app)
    ids = []
    for name in ("alice", "bob"):
        phone = sign_in(name)
        body = {"id": "12345678", "results": {TEMPLATE: "accept"}}
        assert phone.post("/api/me/messages", json=body).status_code == 200
        ids.append(phone.user["id"])
    [(gone,)] = execute("SELECT openid FROM users WHERE public_id = :id", id=ids[0])
    real = WeChatClient.send_message

    def send(self, openid, *args, **kwargs):
        if openid == gone:
            raise NotPermitted("invalid openid", 40003)
        return real(self, openid, *args, **kwargs)

    monkeypatch.setattr(WeChatClient, "send_message", send)
    args = ["messages", "send", TEMPLATE, "--data", json.dumps(DATA), "--to-file", "-"]
    for _ in range(3):
        runner.invoke(args=args, input="\n".join(ids))
    sent_to = execute(
        "SELECT public_id FROM users JOIN myapi_messages ON users.id = user_id WHERE state = 'sent'"
    )
    assert sent_to == [(ids[1],)]


# Between WeChat's answer and its note.


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)  # SQLite has no deadline
def test_outcome_is_noted_though_the_request_has_used_up_its_time_for_the_database(
    app, send, report, execute, monkeypatch
):
    """The waits before the call (a locked row, a full pool) leave nothing for the note."""
    report()
    app.extensions["timeouts"] = WEB
    real = WeChatClient.send_message

    def send_late(*args, **kwargs):
        msgid = real(*args, **kwargs)
        g.database_seconds = 2.0
        return msgid

    monkeypatch.setattr(WeChatClient, "send_message", send_late)
    assert send().state == "sent"


def test_outcome_is_noted_though_the_database_was_away_for_a_moment(
    send, report, execute, monkeypatch
):
    report()
    real, failed = settlement.note_sent, []

    def away_once(*args):
        if not failed:
            failed.append(None)
            raise OperationalError("", {}, Exception("gone away"))
        return real(*args)

    monkeypatch.setattr(settlement, "note_sent", away_once)
    assert send().state == "sent"


UNREACHABLE = """
from gevent import monkey
monkey.patch_all()
import socket
from myapi.concurrency import bounded
from myapi.wechat import WeChatClient, WeChatError
from myapi.wechat.token_row import Fetched

# A queue of connections that is full: further ones get no answer, as behind a firewall.
full = socket.socket()
full.bind(("127.0.0.1", 0))
full.listen(0)
port = full.getsockname()[1]
clients = []
for _ in range(4):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    clients.append(client)
real = socket.getaddrinfo
socket.getaddrinfo = lambda *args, **kwargs: real("127.0.0.1", port, type=socket.SOCK_STREAM) * 2
client = WeChatClient("wx", "s", base_url=f"http://wechat.test:{port}", timeout=3, bounded=bounded)
client._access_token.get = lambda **_: "token"
try:
    client.send_message("openid", "template", {"thing1": "x"})
except WeChatError as error:
    print(type(error).__name__, error.undecided)
"""


def test_message_is_undecided_only_if_a_connection_was_made():
    """WeChat has several addresses: the bound of a worker ends the second attempt to connect."""
    pytest.importorskip("gevent")
    done = subprocess.run(
        [sys.executable, "-c", UNREACHABLE], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "Timeout False\n"


# Events that are about another message.


def test_event_that_overtakes_the_answer_is_not_about_an_older_message(
    send, report, push, execute, monkeypatch
):
    report()
    report()
    killed(send, monkeypatch)
    execute("UPDATE myapi_messages SET state = 'unknown'")
    real = WeChatClient.send_message

    def send_and_tell(*args, **kwargs):
        msgid = real(*args, **kwargs)
        push("subscribe_msg_sent_event", List=sent_item(msgid, TEMPLATE))
        return msgid

    monkeypatch.setattr(WeChatClient, "send_message", send_and_tell)
    assert send().state == "sent"
    assert states(execute) == ["unknown", "sent"]


def test_event_of_a_message_whose_answer_had_no_msgid_confirms_no_other_one(
    send, report, push, left, wechat, execute, monkeypatch
):
    """WeChat's page forgets msgid; an answer without it is a message that was sent."""
    report()
    report()
    real = WeChatClient.send_message
    with monkeypatch.context() as patch:
        patch.setattr(WeChatClient, "send_message", lambda *a, **k: real(*a, **k) and None)
        send()

    def push_then_refuse(*args, **kwargs):
        push("subscribe_msg_sent_event", List=sent_item("1", TEMPLATE))
        wechat.sandbox.set_fault(45009, 1)
        return real(*args, **kwargs)

    monkeypatch.setattr(WeChatClient, "send_message", push_then_refuse)
    with pytest.raises(WeChatError):
        send()
    assert states(execute) == ["sent", "failed"]
    assert left() == {TEMPLATE: 1}


def test_event_that_comes_late_still_tells_of_its_message(
    app, send, report, push, left, execute, monkeypatch
):
    """The inbox tries an event again after 1 h and more: longer than CONFIRMED_WITHIN."""
    report()
    killed(send, monkeypatch)
    over(app, execute)
    over(app, execute)
    push("subscribe_msg_sent_event", List=sent_item("77", TEMPLATE))
    assert states(execute) == ["sent"]
    assert left() == {TEMPLATE: 0}


def test_message_of_a_name_is_not_sent_twice_while_its_event_waits_in_the_inbox(
    app, send, report, push, wechat, execute, monkeypatch
):
    report()
    report()

    def fail(*_):
        raise OperationalError("", {}, Exception("gone away"))

    real = WeChatClient.send_message

    def lose(*args, **kwargs):
        real(*args, **kwargs)
        raise cases.Killed

    with monkeypatch.context() as patch:
        patch.setattr(WeChatClient, "send_message", lose)
        patch.setattr(settlement, "confirm", fail)
        with pytest.raises(cases.Killed):
            send(once="order-1")
        push("subscribe_msg_sent_event", List=sent_item("1", TEMPLATE))
    assert execute("SELECT state FROM myapi_events") == [("waiting",)]
    over(app, execute)
    over(app, execute)
    send(once="order-1")
    assert sum(wechat.sandbox.messages_sent().values()) == 1


@pytest.mark.parametrize("template", ["模板", "x" * 200, "a b", ""])
def test_event_about_an_odd_template_is_handled(phone, push, execute, template):
    push("subscribe_msg_sent_event", List=sent_item("77", template))
    assert execute("SELECT state FROM myapi_events") == [("done",)]


def test_event_in_xml_counts_and_confirms(app, client, send, left, wechat, execute, openid):
    wechat.sandbox.permit(SANDBOX_APPID, openid, [(TEMPLATE, "accept")])

    def push_xml(name, wrapper, items):
        text = (
            "<xml><ToUserName><![CDATA[gh]]></ToUserName>"
            f"<FromUserName><![CDATA[{openid}]]></FromUserName><CreateTime>1</CreateTime>"
            f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{name}]]></Event>"
            f"<{wrapper}>{items}</{wrapper}></xml>"
        )
        with app.app_context():
            query, body = seal_push(push_keys(), text.encode())
        assert client.post("/wechat/push", query_string=query, data=body).text == "success"
        app.extensions["events_soon"].ask()

    status = "<SubscribeStatusString>accept</SubscribeStatusString>"
    item = "<List><TemplateId>{}</TemplateId>" + status + "</List>"
    push_xml(
        "subscribe_msg_popup_event",
        "SubscribeMsgPopupEvent",
        item.format(TEMPLATE) + item.format("another"),
    )
    assert left() == {TEMPLATE: 1, "another": 1}
    send()
    [(msgid,)] = execute("SELECT msgid FROM myapi_messages")
    failed = f"<TemplateId>{TEMPLATE}</TemplateId><MsgID>{msgid}</MsgID><ErrorCode>-1</ErrorCode>"
    push_xml("subscribe_msg_sent_event", "SubscribeMsgSentEvent", f"<List>{failed}</List>")
    assert states(execute) == ["failed"]


# The ledger.


def test_queued_message_of_a_rejected_template_takes_no_later_permission(
    app, send, report, left, wechat, execute
):
    """The queued one and the new one would share one permission of WeChat."""
    report("accept")
    send(wait=False)
    report("reject")
    report("accept")
    assert left() == {TEMPLATE: 1}
    with app.app_context():
        sending.send_due()
    assert send().state == "sent"


def test_templates_that_are_used_up_leave_room_for_new_ones(report, monkeypatch):
    monkeypatch.setattr(ledger, "MAX_TEMPLATES", 3)
    for number in range(3):
        report("accept", template=f"old-{number}")
        report("reject", template=f"old-{number}")
    assert report("accept", template="new").get("new") == 1


# Clocks, processes, AppIDs.


def test_claim_from_when_the_clock_was_ahead_does_not_shut_a_user_out(
    send, report, execute, monkeypatch
):
    report()
    report()
    killed(send, monkeypatch)
    execute("UPDATE myapi_messages SET next_at = '2099-01-01 00:00:00.000000'")
    monkeypatch.setattr(sending, "WAIT", 0.1)
    assert send().state == "sent"


def test_messages_of_another_appid_are_not_settled_by_this_one(
    app, make_app, sign_in, execute, monkeypatch
):
    """Its events come to it alone, or to nobody: this app cannot know that nothing was said."""
    other = make_app(wechat_appid="wx-other", wechat_secret="a-secret")
    phone = sign_in("alice", via=other.test_client())
    phone.post("/api/me/messages", json={"id": "12345678", "results": {TEMPLATE: "accept"}})
    [(user_id,)] = execute("SELECT id FROM users WHERE appid = 'wx-other'")
    with other.app_context():
        killed(lambda: send_message(user_id, TEMPLATE, DATA), monkeypatch)
    over(app, execute)
    over(app, execute)
    assert states(execute) in (["sending"], ["unknown"])


@cases.ON_SQLITE
def test_claim_outlasts_the_longest_call_of_a_command(
    app, make_app, send, report, wechat, execute, phone, monkeypatch
):
    """In plain threads each read is bounded, not the call: token and message, both twice."""
    report()
    report()
    lock, now_sending, most = threading.Lock(), [], []
    real = WeChatClient.send_message

    def watched(*args, **kwargs):
        with lock:
            now_sending.append(None)
            most.append(len(now_sending))
        try:
            return real(*args, **kwargs)
        finally:
            with lock:
                now_sending.pop()

    monkeypatch.setattr(WeChatClient, "send_message", watched)
    execute("DELETE FROM myapi_access_tokens")
    fresh = make_app()
    [(user_id,)] = execute("SELECT id FROM users WHERE public_id = :id", id=phone.user["id"])

    def first():
        with fresh.app_context():
            send_message(user_id, TEMPLATE, DATA)

    wechat.latency = 2.8
    wechat.sandbox.set_fault("busy", 1)
    thread = threading.Thread(target=first)
    thread.start()
    time.sleep(8.1)
    monkeypatch.setattr(sending, "WAIT", 0.1)
    with app.app_context(), contextlib.suppress(ApiError, WeChatError):
        send()
    thread.join()
    assert max(most) == 1


# What WeChat says about a value.


def test_message_that_was_settled_while_its_slow_process_was_refused_has_failed(
    app, queue_to, execute, monkeypatch
):
    """Its text is gone, so it cannot be tried again."""
    queue_to("alice")

    def slow_then_refused(*_, **__):
        execute("UPDATE myapi_messages SET next_at = created_at")
        settlement.settle_lost()
        raise QuotaExceeded("by the minute", 45011)

    with app.app_context(), monkeypatch.context() as patch:
        patch.setattr(WeChatClient, "send_message", slow_then_refused)
        sending.send_due()
    assert states(execute) == ["failed"]
    assert execute("SELECT sent FROM myapi_permissions") == [(0,)]


def test_command_that_is_interrupted_notes_the_outcome_of_its_message(
    app, runner, phone, report, execute, monkeypatch
):
    report()
    cases.fetch_token(app)
    real = WeChatClient.send_message

    def send_and_interrupt(*args, **kwargs):
        msgid = real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGINT)
        return msgid

    monkeypatch.setattr(WeChatClient, "send_message", send_and_interrupt)
    data = json.dumps(DATA)
    runner.invoke(args=["messages", "send", TEMPLATE, "--data", data, "--to", phone.user["id"]])
    assert states(execute) == ["sent"]


def test_message_that_got_no_access_token_from_the_database_was_not_sent(
    app, queue_to, execute, monkeypatch
):
    """WeChat was not asked: only the row of the access_token could not be read for a moment."""
    queue_to("alice")

    def away(_):
        raise OperationalError("", {}, Exception("gone away"))

    with app.app_context():
        with monkeypatch.context() as patch, contextlib.suppress(OperationalError):
            patch.setattr(SqlTokenStore, "load", away)
            app.extensions["wechat"].cache_clear()  # it remembers the token
            sending.send_due()
        assert states(execute) == ["waiting"]


def test_run_in_which_a_user_has_withdrawn_the_permission_succeeds(queue_to, runner, wechat):
    """43101 is normal: a timer's unit that fails of it tells operators of nothing."""
    queue_to("alice")
    wechat.sandbox.set_fault(43101, 1)
    assert runner.invoke(args=["messages", "run"]).exit_code == 0


def test_list_accounts_for_each_user(app, runner, phone, report, execute, monkeypatch):
    """So it does for one whose message of an earlier run is still on its way."""
    report()
    args = ["messages", "send", TEMPLATE, "--data", json.dumps(DATA), "--to-file", "-"]
    [(user_id,)] = execute("SELECT id FROM users WHERE public_id = :id", id=phone.user["id"])

    with app.app_context():
        name = mailing.Text(TEMPLATE, DATA, None, "formal", "zh_CN").name
        killed(lambda: send_message(user_id, TEMPLATE, DATA, once=name), monkeypatch)
    monkeypatch.setattr(sending, "WAIT", 0.2)
    summary = runner.invoke(args=args, input=phone.user["id"]).stdout
    assert sum(int(number) for number in re.findall("[0-9]+", summary)) == 1


# Held: these pass.


def test_user_who_is_erased_while_the_message_is_sent_leaves_nothing(
    send, report, phone, execute, push, monkeypatch
):
    report()
    real = WeChatClient.send_message

    def send_and_erase(*args, **kwargs):
        msgid = real(*args, **kwargs)
        assert phone.delete("/api/me").status_code == 200
        return msgid

    monkeypatch.setattr(WeChatClient, "send_message", send_and_erase)
    assert send().state == "sent"
    push("subscribe_msg_sent_event", List=sent_item("1", TEMPLATE))
    assert states(execute) == []


def test_queued_messages_outlive_a_rotation_of_the_keys(app, make_app, queue_to, execute, wechat):
    queue_to("alice", "bob")
    new = "another key for tests only, 0123456789"
    both = make_app(secret_keys=(KEY, new))
    rotated = both.test_cli_runner().invoke(args=["secrets", "rotate", "--reencrypt"])
    assert rotated.exit_code == 0, rotated.output
    after = make_app(secret_keys=(new,))
    with after.app_context():
        assert [each.state for each in sending.send_due()] == ["sent", "sent"]


def test_several_runs_beside_a_storm_of_one_name_send_it_once(app, send, report, wechat):
    for _ in range(6):
        report()

    def run():
        with app.app_context():
            return sending.send_due()

    at_once(*[lambda: send(once="n", wait=False)] * 3, *[run] * 2, *[lambda: send(once="n")] * 3)
    run()
    assert sum(wechat.sandbox.messages_sent().values()) == 1
