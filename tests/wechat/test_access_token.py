"""Calls that carry the access_token: when it is fetched, shared, replaced and given up."""

import itertools
import json
import re
import threading
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from myapi import wechat
from myapi.wechat import access_token, token_row
from myapi.wechat.token_row import FORCED_PAUSES, MemoryTokenStore
from tests.service import at_once

TOKEN = "/cgi-bin/stable_token"
PHONE = "/wxa/business/getuserphonenumber"
ANY = "/wxa/anything"


class Store(MemoryTokenStore):
    """A row whose clock tests move."""

    ahead = timedelta(0)

    def load(self):
        row, now = super().load()
        return row, now + self.ahead


class WeChat:
    """Gives out and takes tokens as it is told; it counts what it was asked."""

    def __init__(self):
        self.plain = "first"  # what a plain stable_token gives
        self.forced = None  # what a forced one gives, from then on a plain one too
        self.dead = set()
        self.expires_in = 7200
        self.asked = []
        self.lock = threading.Lock()
        self.token_reply = None
        self.before_it_is_sent = lambda: None

    def answer(self, request):
        with self.lock:
            head, _, body = request.partition("\r\n\r\n")
            url = urlsplit(head.split()[1])
            if url.path == TOKEN:
                forced = json.loads(body)["force_refresh"]
                self.asked.append("forced" if forced else "plain")
                if forced and self.forced:
                    self.plain, self.forced = self.forced, None
                usual = {"access_token": self.plain, "expires_in": self.expires_in}
                return usual if self.token_reply is None else self.token_reply
            (token,) = parse_qs(url.query)["access_token"]
            self.asked.append(token)
            if token in self.dead:
                return {"errcode": self.errcode, "errmsg": f"invalid credential {token} rid: a-b"}
            return {"errcode": 0, "token": token}

    errcode = 40001


@pytest.fixture
def remote():
    return WeChat()


@pytest.fixture
def start(raw_server, make_client, remote):
    """Make clients of one server; with one store, they are like processes of one service."""

    def behave(server, connection):
        while request := server.read_request(connection):
            body = json.dumps(remote.answer(request)).encode()
            remote.before_it_is_sent()
            connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    server = raw_server(behave)
    return lambda store=None, **options: make_client(server.url, token_store=store, **options)


def call(client):
    """Make a call and return the token that it carried."""
    return client.call("POST", ANY, json={})["token"]


def refused(client):
    with pytest.raises(wechat.WeChatError) as caught:
        client.call("POST", ANY, json={})
    return caught.value


def test_call_carries_the_token_in_its_query_and_json_in_plain_utf8(make_client, answering):
    server = answering({"access_token": "t&=", "expires_in": 7200}, {"errcode": 0, "answer": 1})
    client = make_client(server.url)
    assert client.call("POST", ANY, query={"a": "b"}, json={"名": "小&明"})["answer"] == 1
    fetch, request = server.requests
    assert fetch.startswith(f"POST {TOKEN} HTTP/1.1")
    assert json.loads(fetch.partition("\r\n\r\n")[2]) == {
        "grant_type": "client_credential",
        "appid": "wx-ours",
        "secret": client._secret,
        "force_refresh": False,
    }
    assert request.startswith(f"POST {ANY}?access_token=t%26%3D&a=b HTTP/1.1")
    assert '{"名": "小&明"}' in request


def test_one_token_serves_many_calls_of_many_processes(start, remote):
    store = Store()
    clients = [start(store), start(store)]
    assert [call(client) for client in clients * 3] == ["first"] * 6
    assert remote.asked.count("plain") == 1


def test_crowd_without_a_token_makes_one_process_fetch_it(start, remote):
    store = Store()
    clients = [start(store) for _ in range(3)]
    answers = at_once(*[lambda client=client: call(client) for client in clients * 8])
    assert set(answers) == {"first"}
    assert remote.asked.count("plain") == 1


def test_token_is_renewed_in_its_last_five_minutes(start, remote):
    store = Store()
    call(start(store))
    remote.plain = "second"
    store.ahead = timedelta(seconds=7200 - 301)
    assert call(start(store)) == "first"
    store.ahead = timedelta(seconds=7200 - 299)
    assert call(start(store)) == "second"
    assert remote.asked.count("plain") == 2


def test_old_token_serves_while_another_process_renews_it(start, remote):
    store = Store()
    call(start(store))
    store.ahead = timedelta(seconds=7200 - 299)
    assert store.update(token_row.claim)
    assert call(start(store)) == "first"
    assert remote.asked.count("plain") == 1


def test_old_token_serves_if_it_cannot_be_renewed(start, remote):
    store = Store()
    call(start(store))
    store.ahead = timedelta(seconds=7200 - 299)
    remote.token_reply = {"errcode": 45009, "errmsg": "no more"}
    client = start(store)
    assert [call(client), call(client)] == ["first", "first"]
    assert remote.asked.count("plain") == 2, "one attempt, then none for a while"
    assert not store.load()[0].is_being_renewed(store.load()[1])


def test_killed_renewal_holds_the_others_up_for_five_seconds(start, remote):
    store = Store()
    assert store.update(token_row.claim)
    assert refused(start(store, timeout=0.2)).name == "wechat_timeout"
    store.ahead = timedelta(seconds=5)
    assert call(start(store)) == "first"


def test_of_two_answers_that_race_the_one_that_expires_later_is_kept(start):
    store = Store()
    call(start(store))
    _row, now = store.load()
    late = token_row.Fetched("late", 301)
    assert store.update(token_row.keep(late, now, None)).token == "first"
    newer = token_row.Fetched("newer", 7200)
    assert store.update(token_row.keep(newer, now + timedelta(seconds=1), None)).token == "newer"


def test_refused_token_is_replaced_whatever_its_time_says(start, remote):
    store = Store()
    client = start(store)
    call(client)
    remote.dead, remote.plain, remote.expires_in = {"first"}, "second", 301
    assert call(client) == "second"
    assert store.load()[0].token == "second"
    assert remote.asked == ["plain", "first", "first", "plain", "second"]


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_refused_token_that_another_process_has_replaced_costs_no_fetch(start, remote, errcode):
    store = Store()
    one, two = start(store), start(store)
    call(one), call(two)
    remote.dead, remote.plain, remote.errcode = {"first"}, "second", errcode
    call(one)
    remote.asked.clear()
    assert call(two) == "second"
    assert remote.asked == ["first", "second"]


def test_dead_token_that_wechat_gives_again_is_replaced_by_force(start, remote, caplog):
    client = start()
    call(client)
    remote.dead, remote.forced = {"first"}, "second"
    assert call(client) == "second"
    assert remote.asked[-4:] == ["first", "plain", "forced", "second"]
    assert "forced to give another" in caplog.text


def test_call_is_repeated_once_and_no_more(start, remote):
    client = start()
    call(client)
    remote.dead, remote.plain = {"first", "second"}, "second"
    assert type(refused(client)) is wechat.TokenRefused
    assert remote.asked == ["plain", "first", "first", "plain", "second"]


def test_call_that_was_repeated_for_a_busy_wechat_is_not_repeated_again(make_client, answering):
    busy, dead = {"errcode": -1, "errmsg": "busy"}, {"errcode": 40001, "errmsg": "dead"}
    server = answering({"access_token": "t", "expires_in": 7200}, busy, dead)
    assert type(refused(make_client(server.url))) is wechat.TokenRefused
    assert sum(request.startswith(f"POST {ANY}") for request in server.requests) == 2


def test_refusals_without_end_are_answered_and_force_five_renewals_a_day(
    start, remote, monkeypatch
):
    monkeypatch.setattr(access_token, "SHARED_FAILURE", 0)
    store = Store()
    client = start(store)
    call(client)
    remote.dead = {"first"}
    for _minute in range(24 * 60):
        assert refused(client).name == "wechat_unavailable"
        store.ahead += timedelta(minutes=1)
    assert remote.asked.count("forced") == len(FORCED_PAUSES) == 5


def test_forced_renewals_keep_their_distance(start, remote, monkeypatch):
    monkeypatch.setattr(access_token, "SHARED_FAILURE", 0)
    store = Store()
    client = start(store)
    call(client)
    remote.dead = {"first"}
    forced_at = []
    while store.ahead < timedelta(hours=3):
        before = remote.asked.count("forced")
        refused(client)
        if remote.asked.count("forced") > before:
            forced_at.append(store.ahead)
        store.ahead += timedelta(seconds=29)
    pauses = [later - at for at, later in itertools.pairwise(forced_at)]
    assert len(pauses) == 4
    assert all(pause >= least for pause, least in zip(pauses, FORCED_PAUSES[1:], strict=True))


def test_forced_renewals_are_five_in_any_24_hours(start, remote, monkeypatch):
    monkeypatch.setattr(access_token, "SHARED_FAILURE", 0)
    store = Store()
    client = start(store)
    call(client)
    remote.dead = {"first"}
    forced_at = []
    minutes = [0, *range(20 * 60, 30 * 60), *range(42 * 60, 54 * 60)]
    for store.ahead in (timedelta(minutes=each) for each in minutes):
        before = remote.asked.count("forced")
        refused(client)
        forced_at += [store.ahead] * (remote.asked.count("forced") - before)
    assert len(forced_at) > 5
    assert all(
        sixth - first >= timedelta(hours=24)
        for first, sixth in zip(forced_at, forced_at[5:], strict=False)
    )


def test_slow_renewal_gives_way_to_that_of_another_process(start, remote):
    store = Store()
    slow, other = start(store), start(store)
    call(slow)
    remote.dead, remote.forced = {"first"}, "second"

    def overtake():
        if remote.asked[-1] == "plain":
            remote.before_it_is_sent = lambda: None
            store.ahead = timedelta(seconds=6)  # the claim of the slow one has ended
            assert call(other) == "second"

    remote.before_it_is_sent = overtake
    assert call(slow) == "second"
    assert store.load()[0].given_up_at is None
    assert remote.asked.count("forced") == 1


def test_crowd_with_a_dead_token_forces_one_renewal(start, remote):
    store = Store()
    clients = [start(store) for _ in range(3)]
    for client in clients:
        call(client)
    remote.dead, remote.forced = {"first"}, "second"
    answers = at_once(*[lambda client=client: call(client) for client in clients * 8])
    assert set(answers) == {"second"}
    assert remote.asked.count("forced") == 1


def test_crowd_shares_the_error_of_one_failed_fetch(start, remote):
    remote.token_reply = {"errcode": 40164, "errmsg": "invalid ip 203.0.113.7, not in whitelist"}
    client = start()
    errors = at_once(*[lambda: refused(client)] * 20)
    assert {type(error) for error in errors} == {wechat.Misconfigured}
    assert all("203.0.113.7" in error.detail for error in errors)
    assert remote.asked.count("plain") < 5


@pytest.mark.parametrize(
    "reply",
    [
        {},
        [],
        "token",
        {"access_token": "t"},
        {"access_token": "t", "expires_in": "7200"},
        {"access_token": "t", "expires_in": True},
        {"access_token": "t", "expires_in": 0},
        {"access_token": "t", "expires_in": -1},
        {"access_token": "t", "expires_in": 1e9},
        {"access_token": "", "expires_in": 7200},
        {"access_token": "t" * 1025, "expires_in": 7200},
        {"access_token": "a\r\nb", "expires_in": 7200},
        {"access_token": ["t"], "expires_in": 7200},
        {"access_token": None, "expires_in": 7200},
        {"errcode": "40001", "errmsg": ["t"]},
    ],
)
def test_unusable_token_is_unavailable_and_not_kept(start, remote, reply):
    store = Store()
    remote.token_reply = reply
    assert type(refused(start(store))) is wechat.Unavailable
    assert store.load()[0].token is None


def test_token_lives_for_two_hours_at_most(start, remote):
    store = Store()
    remote.expires_in = 10**12
    call(start(store))
    row, now = store.load()
    assert row.left(now) <= timedelta(seconds=7200)


def test_rid_is_logged_and_token_and_secret_are_not(start, remote, caplog):
    client = start()
    call(client)
    remote.dead, remote.plain = {"first", "second"}, "second"
    error = refused(client)
    assert error.rid == "a-b"
    assert "a-b" in [record.rid for record in caplog.records if hasattr(record, "rid")]
    shown = caplog.text + repr(error) + str(error)
    assert not re.search(r"\b(first|second)\b", shown)
    assert client._secret not in shown


PHONE_INFO = {
    "phoneNumber": "13800000000",
    "purePhoneNumber": "13800000000",
    "countryCode": "86",
    "watermark": {"timestamp": 1, "appid": "wx-ours"},
}


def phone(make_client, answering, info):
    fetched = {"access_token": "t", "expires_in": 7200}
    client = make_client(answering(fetched, {"errcode": 0, "phone_info": info}).url)
    return client.phone_number("code", "openid")


def test_phone_number_in_china_is_its_digits(make_client, answering):
    assert phone(make_client, answering, PHONE_INFO) == "13800000000"


def test_phone_number_abroad_has_its_country_code(make_client, answering):
    abroad = {"phoneNumber": "+85251234567", "purePhoneNumber": "51234567", "countryCode": "852"}
    assert phone(make_client, answering, {**PHONE_INFO, **abroad}) == "+85251234567"


def test_phone_number_is_asked_for_with_the_openid(make_client, answering):
    server = answering(
        {"access_token": "t", "expires_in": 7200}, {"errcode": 0, "phone_info": PHONE_INFO}
    )
    make_client(server.url).phone_number("the-code", "the-openid")
    head, _, body = server.requests[1].partition("\r\n\r\n")
    assert head.startswith(f"POST {PHONE}?access_token=t HTTP/1.1")
    assert json.loads(body) == {"code": "the-code", "openid": "the-openid"}


@pytest.mark.parametrize(
    "change",
    [
        {"purePhoneNumber": None},
        {"purePhoneNumber": 13800000000},
        {"purePhoneNumber": ""},
        {"purePhoneNumber": "1" * 16},
        {"purePhoneNumber": "138\n0000"},
        {"purePhoneNumber": "１３８００００００００"},
        {"countryCode": None},
        {"countryCode": "0"},
        {"countryCode": "86 "},
        {"countryCode": {}},
        {"watermark": None},
        {"watermark": {}},
        {"watermark": {"appid": 7}},
    ],
)
def test_unusable_phone_number_is_unavailable(make_client, answering, change):
    with pytest.raises(wechat.Unavailable):
        phone(make_client, answering, {**PHONE_INFO, **change})


def test_phone_number_of_another_mini_program_is_refused(make_client, answering):
    foreign = {**PHONE_INFO, "watermark": {"timestamp": 1, "appid": "wx-theirs"}}
    with pytest.raises(wechat.PhoneCodeInvalid):
        phone(make_client, answering, foreign)


@pytest.mark.parametrize("errcode", [40003, 40013, 40029])
def test_errcodes_of_a_phone_number_are_about_its_code(make_client, answering, errcode):
    server = answering(
        {"access_token": "t", "expires_in": 7200}, {"errcode": errcode, "errmsg": "x"}
    )
    with pytest.raises(wechat.PhoneCodeInvalid):
        make_client(server.url).phone_number("code", "openid")
