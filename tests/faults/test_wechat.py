"""WeChat on its bad days: a login is refused by name, and nobody else notices."""

import time

import pytest

from tests.faults.load import WITHIN
from tests.faults.people import LOGIN
from tests.faults.wechat import WeChat
from tests.service import at_once, is_error

LIES = ["wrong_types", "html", "empty", "redirect", "http_500", "http_502_html", "closed", "huge"]
CROWD = {"visitors": 24, "slowly": 3}  # more logins at once than may wait for WeChat
GUESTS = 6  # people who had logged in before


@pytest.fixture
def wechat():
    """In the place of the usual one, which lives in the tests' own process."""
    with WeChat() as server:
        yield server


def test_wechat_is_stopped_and_started(on_sqlite, wechat, load):
    """Its connections are refused."""
    service = on_sqlite()
    guests = Guests(service)
    with load(service, "WeChat stopped for 3 s", **CROWD) as phones:
        wechat.stop()
        guests.notice_nothing()
        phones.go_on(2)
        wechat.start()
        phones.are_well_again()
    phones.kept_the_promise(refused={"wechat_unavailable"})
    phones.only_refused(LOGIN)


def test_wechat_becomes_a_black_hole(on_sqlite, wechat, load):
    """It takes every connection, and says nothing over any."""
    service = on_sqlite()
    guests = Guests(service)
    with load(service, "WeChat frozen for 6 s", **CROWD) as phones:
        wechat.freeze()
        phones.go_on(2)
        guests.notice_nothing()
        phones.go_on(3)
        wechat.thaw()
        phones.are_well_again()
    phones.kept_the_promise(refused={"wechat_timeout", "service_unavailable"})
    phones.only_refused(LOGIN)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("slow", "WeChat slow (answers after 5 s)"),
        ("drip", "WeChat drips (a byte a second)"),
        pytest.param(
            "drip_headers", "WeChat drips from the first byte", marks=pytest.mark.faults_long
        ),
    ],
)
def test_wechat_answers_later_than_it_is_waited_for(on_sqlite, wechat, load, kind, what):
    """Those who wait hold no thread that others need, and are told when the time is over."""
    service = on_sqlite()
    guests = Guests(service)
    with load(service, what, **CROWD) as phones:
        with wechat.answering(kind):
            phones.go_on(2)
            guests.notice_nothing()
            phones.go_on(3)
        phones.are_well_again()
    phones.kept_the_promise(refused={"wechat_timeout", "service_unavailable"})
    assert phones.refused["wechat_timeout"] >= 4, "as many as a worker lets wait"
    phones.only_refused(LOGIN)


@pytest.mark.faults_long
def test_wechat_is_slow_and_within_its_time(on_sqlite, wechat, load):
    """Five seconds are no fault then; but who comes while all places are taken is refused."""
    with load(on_sqlite(wechat_timeout=7), "WeChat slow, and waited for", **CROWD) as phones:
        with wechat.answering("slow"):
            phones.go_on(7)
        phones.are_well_again()
    phones.kept_the_promise(refused={"service_unavailable"})
    phones.only_refused(LOGIN)


def test_wechat_lies(on_sqlite, wechat, load):
    """Nobody is let in by an answer that is none, and what is another app's is not decrypted."""
    service = on_sqlite()
    guests = Guests(service)
    alice = service.sign_in("alice")
    watermark = {"appid": "wx-of-another", "timestamp": int(time.time())}
    of_another = wechat.encrypt("alice", {"watermark": watermark, "phone": "1"})
    ours = wechat.encrypt("alice", {"phone": "1"})
    with load(service, f"WeChat lies in {len(LIES)} ways") as phones:
        for kind in LIES:
            with wechat.answering(kind):
                phones.go_on(0.6)
        with wechat.answering("wrong_types"):
            refused = alice.post("/api/me/decrypt", json=of_another)
            assert is_error(refused, 400, "decrypt_failed")
            assert alice.post("/api/me/decrypt", json=ours).ok
            guests.notice_nothing()
        phones.are_well_again()
    phones.kept_the_promise(refused={"wechat_unavailable"})
    assert phones.refused["wechat_unavailable"] >= len(LIES)
    phones.only_refused(LOGIN)


class Guests:
    """People with a login, who do all that needs no WeChat, all at once."""

    def __init__(self, service):
        self.phones = [service.sign_in(f"guest{number}") for number in range(GUESTS)]

    def notice_nothing(self):
        for answer in at_once(*[lambda phone=phone: self._use(phone) for phone in self.phones]):
            assert answer == [True] * 5

    def _use(self, phone):
        return [
            in_time(phone.get("/api/me")),
            in_time(phone.get("/api/auth/sessions")),
            in_time(phone.put("/api/me", json={"nickname": "well"})),
            in_time(phone.post("/api/auth/logout")),
            is_error(phone.get("/api/me"), 401, "session_ended"),
        ]


def in_time(answer):
    return answer.ok and answer.elapsed.total_seconds() < WITHIN
