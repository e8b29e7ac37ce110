"""Secret, code and session_key come out nowhere: not in a log, a repr or an error."""

import contextlib
import logging
import traceback

import pytest

from myapi import wechat
from myapi.wechat import token_row
from myapi.wechat.errcodes import COMMON
from myapi.wechat.sandbox import FAULTS

SECRET = "5f0e-a-secret-of-the-mini-program"
CODE = "a-code/that is&secret"


@pytest.fixture
def everything(caplog):
    """Log all there is."""
    caplog.set_level(logging.DEBUG)
    return caplog


def assert_hidden(text, *more):
    for secret in (SECRET, CODE, "a-code", *more):
        assert secret not in text


def printed(error):
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


@pytest.mark.parametrize("fault", [*FAULTS, "40013", "40163", "45011", "77777"])
def test_fault_tells_nothing(make_client, server, sandbox, everything, fault):
    sandbox.set_fault(fault, 9)
    with pytest.raises(wechat.WeChatError) as caught:
        make_client(server.url, timeout=0.5).code_to_session(CODE)
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert_hidden(printed(error) + repr(error) + str(error) + everything.text)
    assert_hidden("".join(str(vars(record)) for record in everything.records))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
def test_no_connection_tells_nothing(make_client, everything, url):
    with pytest.raises(wechat.Unavailable) as caught:
        make_client(url).code_to_session(CODE)
    assert_hidden(printed(caught.value) + repr(caught.value) + everything.text)


def test_headers_that_make_urllib3_complain_tell_nothing(make_client, raw_server, everything):
    def behave(server, connection):
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nno colon here\r\nX: y\r\n\r\n{}")

    with pytest.raises(wechat.Unavailable):
        make_client(raw_server(behave).url).code_to_session(CODE)
    assert "Failed to parse headers" in everything.text
    assert_hidden(everything.text)


def test_login_tells_nothing(make_client, server, sandbox, everything):
    login = make_client(server.url).code_to_session(CODE)
    assert "HTTP/1.1" in everything.text, "urllib3 logs its requests here"
    assert_hidden(everything.text + repr(login), login.session_key)


def test_errmsg_that_repeats_the_request_is_masked(make_client, answering, everything):
    errmsg = f"invalid code {CODE}, secret {SECRET}, a-code%2Fthat+is%26secret"
    client = make_client(answering({"errcode": 40029, "errmsg": errmsg}).url)
    with pytest.raises(wechat.CodeInvalid) as caught:
        client.code_to_session(CODE)
    assert caught.value.detail == "invalid code ***, secret ***, ***"
    assert_hidden(everything.text)


def test_reply_that_is_no_login_is_not_repeated(make_client, answering, everything):
    key = "tiihtNczf5v6AKRyjwEUhQ=="
    client = make_client(answering({"openid": 1, "session_key": key}).url)
    with pytest.raises(wechat.Unavailable) as caught:
        client.code_to_session(CODE)
    assert_hidden(printed(caught.value) + everything.text, key)


def test_body_and_token_of_a_call_tell_nothing(make_client, server, everything):
    with pytest.raises(wechat.Unavailable) as caught:
        make_client(server.url).call(
            "POST",
            "/no/such/call",
            query={"access_token": SECRET},
            json={"code": CODE},
            errcodes=COMMON,
            read=dict,
        )
    assert "/no/such/call?***" in everything.text
    assert_hidden(printed(caught.value) + everything.text)


def test_bound_that_ends_a_call_tells_nothing(make_client, answering, everything):
    @contextlib.contextmanager
    def bounded(seconds):
        yield
        raise TimeoutError(f"the bound was {seconds}")

    server = answering({"openid": "o", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="})
    with pytest.raises(wechat.Timeout) as caught:
        make_client(server.url, bounded=bounded).code_to_session(CODE)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert_hidden(printed(caught.value) + everything.text)


def test_query_that_anything_else_logs_through_urllib3_is_hidden_too(client, everything):
    logging.getLogger("urllib3.connectionpool").debug('"%s %s"', "GET", "/x?code=a-code&a=b HTTP")
    assert everything.messages == ['"GET /x?*** HTTP"']


def test_repr_shows_the_appid_alone(client):
    assert repr(client) == "WeChatClient('wx-ours')"


def test_failure_is_one_warning_with_its_numbers(make_client, server, sandbox, caplog):
    sandbox.set_fault(45011, 1)
    with pytest.raises(wechat.QuotaExceeded):
        make_client(server.url).code_to_session(CODE)
    (record,) = [record for record in caplog.records if record.name == "myapi.wechat"]
    assert record.levelname == "WARNING"
    assert (record.event, record.outcome, record.errcode) == (
        "wechat_failed",
        "rate_limited",
        45011,
    )
    assert 0 < record.ms < 5000


@pytest.mark.parametrize(("appid", "secret"), [("bad-appid", "s"), ("wx", "bad"), ("wx", "frozen")])
def test_misconfiguration_is_loud_and_says_what_to_do(make_client, server, caplog, appid, secret):
    client = make_client(server.url, appid=appid, secret=secret)
    with pytest.raises(wechat.Misconfigured):
        client.code_to_session("alice")
    (record,) = [record for record in caplog.records if record.name == "myapi.wechat"]
    assert record.levelname == "ERROR"
    assert "What to do: the App" in record.getMessage()


def test_access_token_is_in_no_repr(make_client, answering):
    client = make_client(answering({"access_token": "shh", "expires_in": 7200}, {}).url)
    client.call("GET", "/wxa/anything")
    kept = vars(client._access_token)
    shown = repr([kept, vars(kept["_store"]), token_row.Fetched("shh", 1)])
    assert "_Known" in shown
    assert "TokenRow" in shown
    assert "shh" not in shown
