"""My phone number: set by a code of WeChat, shown masked, removed, exported, erased."""

import json
from datetime import datetime, timedelta

import pytest

from myapi.clock import now
from myapi.extensions import wechat as client_of_app
from myapi.settings import SANDBOX_APPID
from myapi.users import accounts, export, phone
from myapi.users.phone import mask, phone_of
from tests.service import at_once

pytestmark = pytest.mark.on_mysql

PHONE = "/wxa/business/getuserphonenumber"
NUMBER = "13800000000"


@pytest.fixture
def bind(sign_in):
    """Set the phone number of a signed-in client: `bind(client, "phone-13800000000")`."""
    return lambda client, code=f"phone-{NUMBER}": client.post("/api/me/phone", {"code": code})


@pytest.fixture
def asked(wechat):
    """Return how many phone codes WeChat was asked for."""
    return lambda: wechat.sandbox.calls().get(PHONE, 0)


@pytest.fixture
def set_clock(monkeypatch):
    """Set the clock of this host wrong by some seconds; the database keeps its own."""

    def by(seconds):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + timedelta(seconds=seconds)

        monkeypatch.setattr("myapi.clock.datetime", Clock)

    return by


@pytest.fixture
def id_of(app, execute):
    return lambda client: execute("SELECT id FROM users WHERE public_id = :u", u=client.user["id"])[
        0
    ][0]


def test_number_is_stored_and_shown_masked(sign_in, bind):
    alice = sign_in("alice")
    assert alice.user["phone"] is None
    answer = bind(alice)
    assert answer.status_code == 200
    assert answer.get_json()["data"] == {**alice.user, "phone": "138******00"}
    assert alice.get("/api/me").get_json()["data"]["phone"] == "138******00"
    assert sign_in("alice").user["phone"] == "138******00"


def test_number_abroad_has_its_country_code(app, sign_in, bind, id_of):
    alice = sign_in("alice")
    assert bind(alice, "phone-+85251234567").get_json()["data"]["phone"] == "+852******67"
    with app.app_context():
        assert phone_of(id_of(alice)) == "+85251234567"


def test_own_code_gets_the_whole_number(app, sign_in, bind, id_of):
    alice, bob = sign_in("alice"), sign_in("bob")
    bind(alice)
    with app.app_context():
        assert phone_of(id_of(alice)) == NUMBER
        assert phone_of(id_of(bob)) is None
        assert phone_of(10**9) is None


def test_number_is_nowhere_in_the_database(sign_in, bind, execute):
    bind(sign_in("alice"))
    rows = [
        execute(f"SELECT * FROM {table}")
        for table in ("users", "myapi_phone_codes", "myapi_access_tokens")
    ]
    assert NUMBER not in repr(rows)
    assert "phone-" not in repr(rows)


def test_another_number_replaces_the_first(app, sign_in, bind, id_of):
    alice = sign_in("alice")
    bind(alice)
    assert bind(alice, "phone-13911111122").get_json()["data"]["phone"] == "139******22"
    with app.app_context():
        assert phone_of(id_of(alice)) == "13911111122"


def test_two_users_may_have_one_number(sign_in, bind):
    one, two = sign_in("alice"), sign_in("bob")
    assert bind(one, "some code").get_json()["data"]["phone"] == "138******00"
    assert bind(two, "another code").get_json()["data"]["phone"] == "138******00"


def test_removed_number_is_gone(app, sign_in, bind, id_of, execute):
    alice = sign_in("alice")
    bind(alice)
    for _ in range(2):
        assert alice.delete("/api/me/phone").get_json()["data"] == alice.user
    with app.app_context():
        assert phone_of(id_of(alice)) is None
    assert execute("SELECT phone, phone_digest FROM users") == [(None, None)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("code", ["phone-used", "phone-foreign"])
def test_code_that_wechat_refuses_is_a_400(sign_in, bind, code):
    alice = sign_in("alice")
    answer = bind(alice, code)
    assert (answer.status_code, answer.get_json()["code"]) == (400, 40003)
    assert answer.get_json()["error"] == "phone_code_invalid"
    assert alice.get("/api/me").get_json()["data"]["phone"] is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": " "}, {"code": "é"}, {"code": 7}])
def test_code_that_is_none_is_refused_before_wechat_is_asked(sign_in, asked, body):
    answer = sign_in("alice").post("/api/me/phone", body)
    assert answer.get_json()["error"] == "invalid_request"
    assert asked() == 0


def test_code_sent_again_makes_no_second_call(sign_in, bind, asked):
    alice = sign_in("alice")
    first = bind(alice)
    again = bind(alice)
    assert again.get_json() == first.get_json()
    assert asked() == 1


def test_code_sent_again_after_another_one_changes_nothing(sign_in, bind, asked):
    alice = sign_in("alice")
    bind(alice, "phone-13800000000")
    bind(alice, "phone-13911111122")
    assert bind(alice, "phone-13800000000").get_json()["data"]["phone"] == "139******22"
    assert asked() == 2


def test_code_sent_again_does_not_bring_a_removed_number_back(sign_in, bind, asked):
    alice = sign_in("alice")
    bind(alice)
    alice.delete("/api/me/phone")
    assert bind(alice).get_json()["data"]["phone"] is None
    assert asked() == 1


def test_code_of_another_user_is_sent_to_wechat(sign_in, bind, asked):
    bind(sign_in("alice"))
    stolen = bind(sign_in("bob"))
    assert stolen.get_json()["error"] == "phone_code_invalid"
    assert asked() == 2


def test_code_sent_again_after_five_minutes_is_sent_to_wechat(sign_in, bind, asked, execute):
    alice = sign_in("alice")
    bind(alice)
    execute("UPDATE myapi_phone_codes SET sent_at = :old", old="2026-01-01 00:00:00.000000")
    assert bind(alice).get_json()["error"] == "phone_code_invalid"
    assert asked() == 2


@pytest.mark.parametrize("seconds", [-30, 30])
def test_code_sent_again_to_a_host_with_another_clock_makes_no_second_call(
    sign_in, bind, asked, set_clock, seconds
):
    alice = sign_in("alice")
    bind(alice)
    set_clock(seconds)
    assert bind(alice).get_json()["data"]["phone"] == "138******00"
    assert asked() == 1


def test_number_replaces_one_that_came_to_a_host_whose_clock_is_ahead(sign_in, bind, set_clock):
    alice = sign_in("alice")
    set_clock(30)
    bind(alice)
    set_clock(0)
    assert bind(alice, "phone-13911111122").get_json()["data"]["phone"] == "139******22"


def test_number_replaces_one_that_was_stored_while_the_database_clock_was_ahead(
    sign_in, bind, execute
):
    alice = sign_in("alice")
    bind(alice)
    execute("UPDATE users SET phone_at = :later", later="2999-01-01 00:00:00.000000")
    assert bind(alice, "phone-13911111122").get_json()["data"]["phone"] == "139******22"


def test_code_sent_many_times_at_once_makes_one_call(app, sign_in, asked):
    alice = sign_in("alice")
    body = {"json": {"code": "a code"}, "headers": alice.headers}
    clients = [app.test_client() for _ in range(6)]
    answers = at_once(*[lambda each=each: each.post("/api/me/phone", **body) for each in clients])
    assert {answer.status_code for answer in answers} == {200}
    assert asked() == 1
    assert alice.get("/api/me").get_json()["data"]["phone"] == "138******00"


def test_code_sent_again_on_its_way_waits_for_the_number(app, sign_in, wechat, asked):
    alice = sign_in("alice")
    body = {"json": {"code": "a code"}, "headers": alice.headers}
    wechat.latency = 0.5
    first, again = at_once(
        *[lambda: app.test_client().post("/api/me/phone", **body) for _ in range(2)]
    )
    assert first.get_json()["data"]["phone"] == again.get_json()["data"]["phone"] == "138******00"
    assert asked() == 1


def test_code_may_be_sent_again_if_wechat_was_busy(sign_in, bind, asked, wechat):
    alice = sign_in("alice")
    bind(alice, "the first one fetches the access_token")
    wechat.sandbox.set_fault("busy", 2)
    assert bind(alice).get_json()["error"] == "wechat_unavailable"
    assert bind(alice).status_code == 200


@pytest.mark.parametrize(("timeout", "on_its_way", "gone"), [(3, 5, 7), (20, 22, 24)])
def test_code_may_be_sent_again_once_its_request_must_have_been_killed(
    make_app, sign_in, bind, monkeypatch, execute, timeout, on_its_way, gone
):
    """A request takes 3 s and what a call to WeChat may take."""
    app = make_app(wechat_timeout=timeout)
    alice = sign_in("alice", via=app.test_client())

    def killed(*_):
        raise SystemExit

    def sent_ago(seconds):
        at = now() - timedelta(seconds=seconds)
        execute("UPDATE myapi_phone_codes SET sent_at = :at", at=f"{at:%Y-%m-%d %H:%M:%S.%f}")

    with monkeypatch.context() as patch:
        patch.setattr(type(app.extensions["wechat"]()), "phone_number", killed)
        with pytest.raises(SystemExit):
            bind(alice)
    monkeypatch.setattr(phone, "WAIT", 0)
    sent_ago(on_its_way)
    early = bind(alice)
    assert early.get_json()["error"] == "service_unavailable"
    assert int(early.headers["Retry-After"]) > 0
    sent_ago(gone)
    assert bind(alice).get_json()["data"]["phone"] == "138******00"


def test_number_on_its_way_is_not_stored_after_a_removal(app, sign_in, bind, monkeypatch):
    alice = sign_in("alice")
    real = type(app.extensions["wechat"]()).phone_number

    def slow(*arguments):
        number = real(*arguments)
        assert alice.delete("/api/me/phone").status_code == 200
        return number

    monkeypatch.setattr(type(app.extensions["wechat"]()), "phone_number", slow)
    assert bind(alice).get_json()["data"]["phone"] is None
    assert alice.get("/api/me").get_json()["data"]["phone"] is None


def test_user_erased_during_the_call_stays_erased(app, sign_in, bind, monkeypatch, execute):
    alice = sign_in("alice")
    real = type(app.extensions["wechat"]()).phone_number

    def slow(*arguments):
        number = real(*arguments)
        assert alice.delete("/api/me").status_code == 200
        return number

    monkeypatch.setattr(type(app.extensions["wechat"]()), "phone_number", slow)
    assert bind(alice).get_json()["error"] == "session_ended"
    assert execute("SELECT count(*) FROM users") == [(0,)]
    assert execute("SELECT count(*) FROM myapi_phone_codes") == [(0,)]


def test_erasing_removes_the_number(sign_in, bind, execute):
    alice = sign_in("alice")
    bind(alice)
    alice.delete("/api/me")
    assert execute("SELECT count(*) FROM users WHERE phone IS NOT NULL") == [(0,)]
    assert execute("SELECT count(*) FROM myapi_phone_codes") == [(0,)]


def test_export_has_the_whole_number(app, sign_in, bind):
    alice = sign_in("alice")
    bind(alice)
    with app.app_context():
        assert export.export(accounts.find(alice.user["id"]))["phone"] == NUMBER


def test_logs_have_neither_number_nor_code_nor_token_nor_openid(app, sign_in, bind, caplog, wechat):
    alice = sign_in("alice")
    for code in ("phone-13912345678", "phone-used", "phone-foreign"):
        bind(alice, code)
    alice.delete("/api/me/phone")
    with app.app_context():
        token = client_of_app()._access_token.get()
    openid = wechat.sandbox.openid("alice", SANDBOX_APPID)
    for secret in ("13912345678", "phone-", token, token[:20], openid):
        assert secret not in caplog.text


def test_wechat_that_always_refuses_the_token_is_a_502(sign_in, bind, wechat):
    alice = sign_in("alice")
    wechat.sandbox.set_fault(40001, 1000)
    for _ in range(3):
        assert bind(alice).get_json()["error"] == "wechat_unavailable"


def test_token_that_was_refused_once_is_replaced(sign_in, bind, wechat):
    alice = sign_in("alice")
    bind(alice, "first")
    wechat.sandbox.set_fault(42001, 1)
    assert bind(alice).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "kind", ["busy", "html", "empty", "wrong_types", "huge", "redirect", "http_500", "closed"]
)
def test_odd_answer_of_wechat_is_a_named_error_and_stores_nothing(
    sign_in, bind, wechat, kind, execute
):
    alice = sign_in("alice")
    bind(alice, "first")
    alice.delete("/api/me/phone")
    wechat.sandbox.set_fault(kind, 2)
    answer = bind(alice)
    assert (answer.status_code, answer.get_json()["error"]) == (502, "wechat_unavailable")
    assert execute("SELECT phone, phone_digest FROM users") == [(None, None)]


@pytest.mark.parametrize("kind", ["slow", "drip", "drip_headers"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_slow_answer_of_wechat_is_a_timeout_and_stores_nothing(make_app, sign_in, wechat, kind):
    alice = sign_in("alice", via=make_app(wechat_timeout=1).test_client())
    assert alice.post("/api/me/phone", {"code": "first"}).status_code == 200
    alice.delete("/api/me/phone")
    wechat.sandbox.set_fault(kind, 1)
    answer = alice.post("/api/me/phone", {"code": "second"})
    assert (answer.status_code, answer.get_json()["error"]) == (504, "wechat_timeout")
    assert alice.get("/api/me").get_json()["data"]["phone"] is None


def test_purge_deletes_the_digests_of_old_codes(sign_in, bind, execute, runner):
    bind(sign_in("alice"))
    assert runner.invoke(args=["sessions", "purge"]).exit_code == 0
    assert execute("SELECT count(*) FROM myapi_phone_codes") == [(1,)]
    execute("UPDATE myapi_phone_codes SET sent_at = :old", old="2026-01-01 00:00:00.000000")
    assert runner.invoke(args=["sessions", "purge"]).exit_code == 0
    assert execute("SELECT count(*) FROM myapi_phone_codes") == [(0,)]


def test_key_rotation_keeps_number_and_look_up(make_app, sign_in, bind, app):
    alice = sign_in("alice")
    bind(alice)
    (key,) = app.extensions["settings"].secret_keys
    newer = make_app(secret_keys=(key, "k2-another-key-of-the-tests-0123456789"))
    runner = newer.test_cli_runner()
    done = runner.invoke(args=["secrets", "rotate", "--reencrypt"])
    assert done.exit_code == 0, done.output
    alone = make_app(secret_keys=("k2-another-key-of-the-tests-0123456789",))
    found = alone.test_cli_runner().invoke(
        args=["users", "list", "--phone", "-", "--json"], input=f"{NUMBER}\n"
    )
    assert [item["phone"] for item in json.loads(found.stdout)["items"]] == ["138******00"]
    with alone.app_context():
        assert alone.extensions["token_store"].load()[0].token is not None


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13800000000", "138******00"),
        ("1234567890", "123*****90"),
        ("123456789", "12*****89"),
        ("1234", "1234"),
        ("+85251234567", "+852******67"),
    ],
)
def test_mask_leaves_first_and_last_digits(number, shown):
    assert mask(number) == shown
