"""WeChat, and the account there."""

import json

import pytest

from doctor import SERVER, Server, Target, examine, render, select
from doctor.server.wechat import SANDBOX
from tests.doctor.example import APPID, APPSECRET, Replayed, failing, here
from tests.servers import HOST, free_port
from tests.tls import Peer, answering, read_request


@pytest.fixture
def ask_wechat(wechat):
    """Ask the sandbox for the account, as the server would."""

    def ask(appid=APPID, secret=APPSECRET, url=None):
        target = Target(
            None, server=Server(appid=appid, secret=secret, wechat_url=url or wechat.url)
        )
        checks = select(SERVER, ["wechat,account,allow_list"])
        results = {each.id: each for each in examine(target, checks)}
        assert secret not in render(list(results.values()), "ok", "en")
        return results

    return ask


def test_right_account_is_ok(ask_wechat):
    assert {each.status for each in ask_wechat().values()} == {"ok"}


@pytest.mark.parametrize(
    ("given", "evidence"),
    [
        ({"appid": "bad-appid"}, "40013: the AppID is wrong"),
        ({"secret": "bad-secret"}, "40125: the AppSecret is wrong"),
        ({"secret": "frozen-secret"}, "40243: the AppSecret is frozen"),
    ],
)
def test_refused_account_fails(ask_wechat, given, evidence):
    results = ask_wechat(**given)
    assert failing(results) == {"account"}
    assert results["account"].evidence.en == evidence
    assert results["wechat"].status == "ok"


def test_server_that_is_not_on_the_allow_list_warns(ask_wechat, wechat):
    wechat.sandbox.set_fault(40164, 1)  # one call answers all three checks
    results = ask_wechat()
    assert results["allow_list"].status == "warn"
    assert results["allow_list"].evidence.en == "40164: 127.0.0.1 is not on the list"
    assert results["account"].status == "ok"


@pytest.mark.parametrize(
    ("errmsg", "named"),
    [
        ("invalid ip 203.0.113.5 ipv6 ::ffff:203.0.113.5, not in whitelist", "203.0.113.5"),
        ("invalid ip 203.0.113.5, not in whitelist, rid: 65f1a2b3-2-3", "203.0.113.5"),
        ("invalid ip 2001:db8::5 ipv6 2001:db8::5, not in whitelist", "2001:db8::5"),
        ("invalid ip  ipv6 2001:db8::5, not in whitelist", "2001:db8::5"),
        (
            "invalid ip 203.0.113.5 ipv6 2001:db8::5, not in whitelist",
            "203.0.113.5, 2001:db8::5",
        ),
        ("not in whitelist", "?"),
        ("invalid ip 999.0.0.1 ipv6 fe80:::, not in whitelist", "?"),
    ],
)
def test_address_that_wechat_saw_is_named(ask_wechat, errmsg, named):
    body = json.dumps({"errcode": 40164, "errmsg": errmsg}).encode()
    with Peer(answering(body=body)) as peer:
        found = ask_wechat(url=f"http://{HOST}:{peer.port}")["allow_list"]
    assert found.evidence.en == f"40164: {named} is not on the list"
    assert found.evidence.zh == f"40164：{named} 不在白名单中"


def test_token_is_never_forced(pair):
    asked = []

    def behave(connection):
        asked.append(read_request(connection))
        answering(body=b'{"access_token": "a-very-secret-token", "expires_in": 7200}')(
            Replayed(connection)
        )

    with Peer(behave) as peer:
        server = Server(appid=APPID, secret=APPSECRET, wechat_url=f"http://{HOST}:{peer.port}")
        results = examine(Target(None, server=server), SERVER)
    (request,) = asked
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /cgi-bin/stable_token HTTP/1.1")
    assert json.loads(body)["force_refresh"] is False
    assert APPSECRET.encode() not in head
    assert "a-very-secret-token" not in render(results, "ok", "en")


def test_secret_in_a_message_is_masked(pair):
    body = json.dumps({"errcode": 99999, "errmsg": f"what is {APPSECRET}?"}).encode()
    with Peer(answering(body=body)) as peer:
        server = Server(appid=APPID, secret=APPSECRET, wechat_url=f"http://{HOST}:{peer.port}")
        found = here("account", server)
    assert found.evidence.en == "WeChat answers 99999: what is ***?"


@pytest.mark.parametrize("fault", ["http_502_html", "html", "empty", "closed"])
def test_broken_answer_of_wechat_fails(ask_wechat, wechat, fault):
    wechat.sandbox.set_fault(fault, 9)
    results = ask_wechat()
    assert failing(results) == {"wechat"}
    assert results["account"].status == "skip"


def test_unreachable_wechat_fails(ask_wechat):
    results = ask_wechat(url=f"http://{HOST}:{free_port()}")
    assert results["wechat"].evidence.en == "127.0.0.1: connection refused"
    assert ask_wechat(url="https://nothing-here.invalid")["wechat"].status == "fail"


def test_untrusted_wechat_gets_no_secret(ask_wechat, authority):
    asked = []
    pair = authority.pair(HOST)
    with Peer(lambda connection: asked.append(read_request(connection)), pair) as peer:
        results = ask_wechat(url=f"https://{HOST}:{peer.port}")
    assert results["wechat"].evidence.en.startswith("127.0.0.1: certificate refused")
    assert asked == []


@pytest.mark.parametrize(
    "reply",
    [
        b'{"errcode": [1], "errmsg": {}}',
        b'{"errcode": 40164, "errmsg": null}',
        b'{"access_token": 7}',
        b'{"errcode": true}',
        b'"text"',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=range(7),
)
def test_odd_json_of_wechat_breaks_nothing(ask_wechat, reply):
    with Peer(answering(body=reply)) as peer:
        results = ask_wechat(url=f"http://{HOST}:{peer.port}")
    assert not any("Error" in each.evidence.en for each in results.values())


def test_sandbox_skips_wechat():
    found = here("account", Server(uses_sandbox=True))
    assert (found.status, found.evidence.en) == ("skip", str(SANDBOX.en))
