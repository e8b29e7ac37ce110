"""`flask messages …`: send to one user or a list, go on where it stopped, list, run, purge."""

import json
import os
import signal

import pytest

from myapi.messages import sending
from myapi.settings import SANDBOX_APPID
from tests.messages.test_messages import DATA, TEMPLATE, fetch_token

TEXT = json.dumps(DATA)


@pytest.fixture
def permit(sign_in):
    """Sign users in, who permit one message each; return their ids."""

    def permit(*names):
        ids = []
        for name in names:
            phone = sign_in(name)
            body = {"id": "12345678", "results": {TEMPLATE: "accept"}}
            assert phone.post("/api/me/messages", json=body).status_code == 200
            ids.append(phone.user["id"])
        return ids

    return permit


@pytest.fixture
def flask(runner, app):
    fetch_token(app)

    def flask(*args, **options):
        return runner.invoke(args=["messages", *args], **options)

    return flask


def test_sends_to_one_user(flask, permit, wechat):
    [alice] = permit("alice")
    sent = flask("send", TEMPLATE, "--data", TEXT, "--to", alice, "--page", "pages/a?b=1")
    assert (sent.exit_code, sent.stdout.split()[1]) == (0, "sent")
    again = flask("send", TEMPLATE, "--data", TEXT, "--to", alice)
    assert again.exit_code == 1
    assert "permits no message" in again.stderr
    assert sum(wechat.sandbox.messages_sent().values()) == 1


@pytest.mark.parametrize(
    ("args", "exit_code", "said"),
    [
        (["--data", TEXT], 2, "--to"),
        (["--data", "[1]", "--to", "x"], 2, "--data"),
        (["--data", "{", "--to", "x"], 2, "--data"),
        (["--data", '{"thing1": 5}', "--to", "x"], 1, "data.thing1"),
        (["--data", TEXT, "--to", "x" * 24], 1, "no such user"),
        (["--data", TEXT, "--to", "x", "--page", "/x"], 1, "page"),
        (["--data", TEXT, "--to", "x", "--state", "beta"], 2, "--state"),
        (["--data", TEXT, "--to", "x", "--once", "x" * 65], 2, "--once"),
    ],
)
def test_odd_arguments_are_refused_in_one_line(flask, args, exit_code, said):
    answer = flask("send", TEMPLATE, *args)
    assert answer.exit_code == exit_code
    assert said in answer.stderr
    assert "Traceback" not in answer.output


def test_sends_to_a_list_and_tells_who_got_none(flask, permit, sign_in, wechat):
    ids = permit("alice", "bob")
    unpermitted = sign_in("carol").user["id"]
    users = "\n".join(["# our friends", *ids, "", unpermitted, "x" * 24, "名字"])
    sent = flask("send", TEMPLATE, "--data", TEXT, "--to-file", "-", input=users)
    assert sent.exit_code == 0
    assert sent.stdout == "2 sent, 1 not permitted, 2 not found\n"
    assert sum(wechat.sandbox.messages_sent().values()) == 2


def test_same_list_again_goes_on_where_it_stopped(flask, permit, wechat, tmp_path):
    ids = permit("alice", "bob", "carol")
    file = tmp_path / "users.txt"
    file.write_text("\n".join(ids), encoding="utf-8")
    args = ["send", TEMPLATE, "--data", TEXT, "--to-file", str(file)]
    wechat.sandbox.set_fault(45009, 1)
    stopped = flask(*args)
    assert stopped.exit_code == 1
    assert "run the command again to go on" in stopped.stderr
    assert flask(*args).stdout == "3 sent\n"
    assert flask(*args).stdout == "0 sent, 3 had it already\n"
    assert sum(wechat.sandbox.messages_sent().values()) == 3


def test_list_stops_between_two_messages(flask, permit, monkeypatch):
    ids = permit("alice", "bob", "carol")
    real = sending._send

    def send_and_interrupt(message):
        os.kill(os.getpid(), signal.SIGINT)
        return real(message)

    monkeypatch.setattr(sending, "_send", send_and_interrupt)
    stopped = flask("send", TEMPLATE, "--data", TEXT, "--to-file", "-", input="\n".join(ids))
    assert stopped.exit_code == 130
    assert stopped.stdout.startswith("1 sent")


def test_message_whose_answer_is_lost_is_told_and_not_sent_again(flask, permit, wechat):
    [alice] = permit("alice")
    wechat.sandbox.set_fault("http_500", 1)
    args = ["send", TEMPLATE, "--data", TEXT, "--to-file", "-"]
    lost = flask(*args, input=alice)
    assert lost.exit_code == 1
    assert "may have arrived" in lost.stderr
    assert flask(*args, input=alice).stdout.startswith("0 sent")


def test_lists_messages(flask, permit):
    [alice, bob] = permit("alice", "bob")
    flask("send", TEMPLATE, "--data", TEXT, "--to", alice)
    flask("send", TEMPLATE, "--data", TEXT, "--to", bob, "--once", "tea")
    listed = json.loads(flask("list", "--json").stdout)
    assert [(each["user"], each["once"]) for each in listed["items"]] == [
        (bob, "tea"),
        (alice, None),
    ]
    assert {each["state"] for each in listed["items"]} == {"sent"}
    assert "奶茶" not in flask("list", "--json").stdout
    of_alice = json.loads(flask("list", "--json", "--user", alice, "--state", "sent").stdout)
    assert [each["user"] for each in of_alice["items"]] == [alice]
    assert json.loads(flask("list", "--json", "--template", "another").stdout)["items"] == []
    assert TEMPLATE in flask("list").stdout


def test_list_has_wechats_number_of_an_error(flask, permit):
    [alice] = permit("alice")
    flask("send", TEMPLATE, "--data", '{"thing1": "risky"}', "--to", alice)
    assert "message_invalid 45168" in flask("list").stdout


def test_runs_the_queue(app, flask, permit, execute, wechat):
    permit("alice")
    [(user_id,)] = execute("SELECT id FROM users")
    with app.app_context():
        sending.send_message(user_id, TEMPLATE, DATA, wait=False)
    assert json.loads(flask("run", "--json").stdout) == {
        "waiting": 0,
        "sent": 1,
        "failed": 0,
        "unknown": 0,
    }
    openid = wechat.sandbox.openid("alice", SANDBOX_APPID)
    assert wechat.sandbox.messages_sent() == {(openid, TEMPLATE): 1}
    assert flask("run").stdout.startswith("0 messages sent")


def test_purge_deletes_rows_after_90_days(flask, permit, execute):
    [alice] = permit("alice")
    flask("send", TEMPLATE, "--data", TEXT, "--to", alice)
    assert flask("purge").stdout == "0 messages purged\n"
    execute("UPDATE myapi_messages SET created_at = '2020-01-01'")
    execute("UPDATE myapi_permission_reports SET created_at = '2020-01-01'")
    assert json.loads(flask("purge", "--json").stdout) == {"purged": 1}
    for table in ("myapi_messages", "myapi_permission_reports"):
        assert execute(f"SELECT count(*) FROM {table}") == [(0,)]
    assert execute("SELECT sent FROM myapi_permissions") == [(1,)]
