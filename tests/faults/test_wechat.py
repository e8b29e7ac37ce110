"""Faults of WeChat: logins are refused with a named error; other requests are not affected."""

import time

import pytest

from tests.faults.load import MAX_LATENCY
from tests.faults.people import LOGIN
from tests.faults.wechat import WeChat
from tests.service import at_once, is_error

BAD_ANSWERS = [
    "wrong_types",
    "html",
    "empty",
    "redirect",
    "http_500",
    "http_502_html",
    "closed",
    "huge",
]
CROWD = {"visitors": 24, "pause_factor": 3}  # more simultaneous logins than may wait for WeChat
GUESTS = 6  # users who logged in before the fault


@pytest.fixture
def wechat():
    """Replaces the usual sandbox, which runs in the tests' own process."""
    with WeChat() as server:
        yield server


def test_wechat_is_stopped_and_started(on_sqlite, wechat, load):
    """Its connections are refused."""
    service = on_sqlite()
    guests = Guests(service)
    with load(service, "WeChat stopped for 3 s", **CROWD) as phones:
        wechat.stop()
        guests.assert_unaffected()
        phones.run_for(2)
        wechat.start()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"wechat_unavailable"})
    phones.assert_only_refused(LOGIN)


def test_wechat_becomes_a_black_hole(on_sqlite, wechat, load):
    """It accepts connections and sends nothing."""
    service = on_sqlite()
    guests = Guests(service)
    with load(service, "WeChat frozen for 6 s", **CROWD) as phones:
        wechat.freeze()
        phones.run_for(2)
        guests.assert_unaffected()
        phones.run_for(3)
        wechat.thaw()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"wechat_timeout", "service_unavailable"})
    phones.assert_only_refused(LOGIN)


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
def test_wechat_answers_after_the_timeout(on_sqlite, wechat, load, kind, what):
    """Waiting logins block no other request and are refused at the time-out."""
    service = on_sqlite()
    guests = Guests(service)
    with load(service, what, **CROWD) as phones:
        with wechat.answering(kind):
            phones.run_for(2)
            guests.assert_unaffected()
            phones.run_for(3)
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"wechat_timeout", "service_unavailable"})
    assert phones.refused["wechat_timeout"] >= 4, (
        "fewer time-outs than logins that may wait in a worker"
    )
    phones.assert_only_refused(LOGIN)


@pytest.mark.faults_long
def test_wechat_is_slow_within_the_timeout(on_sqlite, wechat, load):
    """With a longer time-out logins succeed; those beyond the limit of waiting ones get 503."""
    with load(
        on_sqlite(wechat_timeout=7, wechat_concurrency=4), "WeChat slow, and waited for", **CROWD
    ) as phones:
        with wechat.answering("slow"):
            phones.run_for(7)
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"service_unavailable"})
    phones.assert_only_refused(LOGIN)


def test_wechat_gives_invalid_answers(on_sqlite, wechat, load):
    """An invalid answer logs nobody in, and data of another app is not decrypted."""
    service = on_sqlite()
    guests = Guests(service)
    alice = service.sign_in("alice")
    watermark = {"appid": "wx-of-another", "timestamp": int(time.time())}
    of_another_app = wechat.encrypt("alice", {"watermark": watermark, "phone": "1"})
    ours = wechat.encrypt("alice", {"phone": "1"})
    with load(service, f"WeChat lies in {len(BAD_ANSWERS)} ways") as phones:
        for kind in BAD_ANSWERS:
            with wechat.answering(kind):
                phones.run_for(0.6)
        with wechat.answering("wrong_types"):
            refused = alice.post("/api/me/decrypt", json=of_another_app)
            assert is_error(refused, 400, "decrypt_failed")
            assert alice.post("/api/me/decrypt", json=ours).ok
            guests.assert_unaffected()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"wechat_unavailable"})
    assert phones.refused["wechat_unavailable"] >= len(BAD_ANSWERS)
    phones.assert_only_refused(LOGIN)


class Guests:
    """Logged-in users who send requests that do not need WeChat, all at once."""

    def __init__(self, service):
        self.phones = [service.sign_in(f"guest{number}") for number in range(GUESTS)]

    def assert_unaffected(self):
        for answer in at_once(*[lambda phone=phone: self._use(phone) for phone in self.phones]):
            assert answer == [True] * 5

    def _use(self, phone):
        return [
            in_time(phone.get("/api/me")),
            in_time(phone.get("/api/auth/sessions")),
            in_time(phone.put("/api/me", json={"nickname": "ok"})),
            in_time(phone.post("/api/auth/logout")),
            is_error(phone.get("/api/me"), 401, "session_ended"),
        ]


def in_time(answer):
    return answer.ok and answer.elapsed.total_seconds() < MAX_LATENCY
