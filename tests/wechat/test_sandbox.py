"""The sandbox without HTTP: its codes, its users, its faults."""

import base64
import json
import re
import subprocess
import sys
import threading

import pytest

from myapi.wechat import check_raw_data, decrypt_user_data
from myapi.wechat.sandbox import FAULTS, Sandbox, UnknownUserError, state


def errcode(sandbox, code="alice", appid="wx", secret="s", **more):
    return sandbox.exchange(appid, secret, code, **more).get("errcode")


def test_name_is_always_the_same_user(sandbox):
    openids = {sandbox.exchange("wx", "s", "alice")["openid"] for _ in range(3)}
    assert openids == {sandbox.openid("alice", "wx")}


def test_openid_looks_like_a_real_one_and_differs_by_app(sandbox):
    openid = sandbox.openid("alice", "wx")
    assert re.fullmatch(r"o[A-Za-z0-9_-]{27}", openid)
    assert sandbox.openid("alice", "wx2") != openid != sandbox.openid("bob", "wx")


def test_each_login_gives_a_new_session_key(sandbox):
    keys = {sandbox.exchange("wx", "s", "alice")["session_key"] for _ in range(3)}
    assert len(keys) == 3
    assert {len(base64.b64decode(key, validate=True)) for key in keys} == {16}


@pytest.mark.parametrize("code", ["alice.1", "alice.", "alice.\n.x", "0aB3", "Alice", "a" * 33])
def test_single_use_code_works_once_per_app(sandbox, code):
    assert errcode(sandbox, code) is None
    assert errcode(sandbox, code) == 40163
    assert errcode(sandbox, code, appid="wx-another") is None


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("alice", "alice"),
        ("a" * 32, "a" * 32),
        ("a_b-9", "a_b-9"),
        ("alice.1", "alice"),
        ("alice.b.c", "alice"),
        ("the code is a mock one", "developer"),
        ("0aB3xY", "developer"),
        ("-x", "developer"),
        ("é\ud800", "developer"),
        (".x", "developer"),
    ],
)
def test_code_logs_in_its_user(sandbox, code, name):
    assert sandbox.exchange("wx", "s", code)["openid"] == sandbox.openid(name, "wx")


@pytest.mark.parametrize("code", ["alice", "the code is a mock one"])
def test_reusable_code_works_again_and_again(sandbox, code):
    assert [errcode(sandbox, code) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("used", 40163),
        ("used.1", 40163),
        ("bad", 40029),
        ("badger", 40029),
        ("blocked-user", 40226),
        ("", 41008),
    ],
)
def test_code_with_error_prefix_or_empty_code_is_refused(sandbox, code, expected):
    assert errcode(sandbox, code) == expected


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"appid": ""}, 41002),
        ({"appid": "bad1"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "bad1"}, 40125),
        ({"secret": "frozen"}, 40243),
        ({"grant_type": ""}, 40002),
        ({"grant_type": "client_credential"}, 40002),
    ],
)
def test_wrong_app_or_grant_type_is_refused_and_leaves_code_unused(sandbox, wrong, expected):
    assert errcode(sandbox, "alice.1", **wrong) == expected
    assert errcode(sandbox, "alice.1") is None


def test_error_message_has_the_format_of_wechat(sandbox):
    assert re.fullmatch(
        r"code been used, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}",
        sandbox.exchange("wx", "s", "used")["errmsg"],
    )


class TestEncrypt:
    def test_data_decrypts_with_the_current_session_key(self, sandbox):
        sandbox.exchange("wx", "s", "alice")
        login = sandbox.exchange("wx", "s", "alice")
        encrypted = sandbox.encrypt(login["openid"], {"nickName": "小明"})
        data = decrypt_user_data(
            login["session_key"], encrypted["encryptedData"], encrypted["iv"], "wx", max_age=60
        )
        assert data["nickName"] == "小明"
        check_raw_data(encrypted["rawData"], encrypted["signature"], login["session_key"])
        assert json.loads(encrypted["rawData"]) == {"nickName": "小明"}

    def test_given_watermark_is_kept(self, sandbox):
        login = sandbox.exchange("wx", "s", "alice")
        encrypted = sandbox.encrypt("alice", {"watermark": {"appid": "wx2", "timestamp": 5}})
        data = decrypt_user_data(
            login["session_key"], encrypted["encryptedData"], encrypted["iv"], "wx2"
        )
        assert data == {"watermark": {"appid": "wx2", "timestamp": 5}}

    def test_name_uses_the_newest_login_unless_appid_is_given(self, sandbox):
        keys = {app: sandbox.exchange(app, "s", "alice")["session_key"] for app in ("a", "b", "c")}
        keys["b"] = sandbox.exchange("b", "s", "alice")["session_key"]
        for appid, expected in ((None, "b"), ("a", "a"), ("c", "c")):
            encrypted = sandbox.encrypt("alice", {}, appid)
            args = (encrypted["encryptedData"], encrypted["iv"], expected)
            assert decrypt_user_data(keys[expected], *args)["watermark"]["appid"] == expected

    @pytest.mark.parametrize(("user", "appid"), [("bob", None), ("alice", "wx2"), ("o-x", "wx")])
    def test_unknown_user_raises(self, sandbox, user, appid):
        sandbox.exchange("wx", "s", "alice")
        with pytest.raises(UnknownUserError, match=f"'{user}'"):
            sandbox.encrypt(user, {}, appid)


class TestFaults:
    def test_fault_applies_to_the_given_number_of_calls(self, sandbox):
        sandbox.set_fault("slow", 2)
        assert [sandbox.take_fault() for _ in range(3)] == ["slow", "slow", None]

    def test_zero_times_ends_the_fault(self, sandbox):
        sandbox.set_fault("slow", 2)
        sandbox.set_fault("html", 0)
        assert sandbox.take_fault() is None

    def test_new_fault_replaces_the_current_one(self, sandbox):
        sandbox.set_fault("slow", 2)
        sandbox.set_fault(45011, 1)
        assert [sandbox.take_fault() for _ in range(2)] == ["45011", None]

    @pytest.mark.parametrize("kind", [*FAULTS, -1, "-1", "40029", 0])
    def test_named_fault_or_errcode_is_accepted(self, sandbox, kind):
        sandbox.set_fault(kind, 1)
        assert sandbox.take_fault() == str(kind)

    @pytest.mark.parametrize("kind", ["", "Slow", "1.5", "1e3", True, None, 1.5, [], "9" * 10])
    def test_unknown_kind_raises_and_lists_the_kinds(self, sandbox, kind):
        with pytest.raises(ValueError, match=r"busy, slow, drip.* or an errcode"):
            sandbox.set_fault(kind, 1)

    @pytest.mark.parametrize("times", [-1, "1", True, 1.0, None, 2**31])
    def test_invalid_times_raises(self, sandbox, times):
        with pytest.raises(ValueError, match="times"):
            sandbox.set_fault("slow", times)

    def test_fault_taken_by_another_process_meanwhile_is_none(self, sandbox, monkeypatch):
        sandbox.set_fault("slow", 1)
        other = Sandbox(sandbox._database._path)
        writing = sandbox._database.writing

        def writing_after_other():
            other.take_fault()
            return writing()

        monkeypatch.setattr(sandbox._database, "writing", writing_after_other)
        assert sandbox.take_fault() is None
        other.close()

    def test_threads_share_the_count(self, sandbox):
        sandbox.set_fault("slow", 50)
        taken = []

        def take():
            taken.extend(sandbox.take_fault() for _ in range(20))

        threads = [threading.Thread(target=take) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (taken.count("slow"), taken.count(None)) == (50, 50)


class Clock:
    """The time of the sandbox, which a test moves on."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    return clock


def stable_token(sandbox, appid="wx", *, force=False):
    answer = sandbox.stable_token(appid, "s", force_refresh=force)
    return answer["access_token"], answer["expires_in"]


def errcode_of(sandbox, token):
    """Return what a call with this token gets; 0 if the token works."""
    errcode = sandbox.phone_number(token, None)["errcode"]
    return 0 if errcode == 47001 else errcode


class TestStableToken:
    def test_token_stays_the_same_with_its_remaining_life(self, sandbox, clock):
        token, seconds = stable_token(sandbox)
        assert seconds == 7200
        clock.pass_(6000)
        assert stable_token(sandbox) == (token, 1200)

    def test_tokens_of_two_apps_differ(self, sandbox):
        assert stable_token(sandbox, "wx")[0] != stable_token(sandbox, "wx2")[0]

    def test_in_its_last_five_minutes_a_new_token_works_beside_the_old_one(self, sandbox, clock):
        old, _ = stable_token(sandbox)
        clock.pass_(7200 - 301)
        assert stable_token(sandbox) == (old, 301)
        clock.pass_(2)
        new, seconds = stable_token(sandbox)
        assert (new != old, seconds) == (True, 7200)
        assert stable_token(sandbox)[0] == new
        assert [errcode_of(sandbox, each) for each in (old, new)] == [0, 0]
        clock.pass_(300)
        assert [errcode_of(sandbox, each) for each in (old, new)] == [42001, 0]

    def test_forced_token_ends_the_others_of_its_app_at_once(self, sandbox, clock):
        older, _ = stable_token(sandbox)
        other, _ = stable_token(sandbox, "wx2")
        clock.pass_(7000)
        old, _ = stable_token(sandbox)
        new, seconds = stable_token(sandbox, force=True)
        assert seconds == 7200
        assert [errcode_of(sandbox, each) for each in (older, old, new)] == [40001, 40001, 0]
        assert errcode_of(sandbox, other) == 0
        assert stable_token(sandbox)[0] == new

    def test_forcing_again_within_30_seconds_refreshes_nothing(self, sandbox, clock):
        first, _ = stable_token(sandbox, force=True)
        clock.pass_(29)
        assert stable_token(sandbox, force=True) == (first, 7171)
        clock.pass_(1)
        second, _ = stable_token(sandbox, force=True)
        assert errcode_of(sandbox, first) == 40001
        clock.pass_(29)
        assert stable_token(sandbox, force=True)[0] == second
        assert stable_token(sandbox, "wx2", force=True)[1] == 7200

    def test_forcing_more_than_20_times_a_day_refreshes_nothing(self, sandbox, clock):
        tokens = []
        for _ in range(22):
            tokens.append(stable_token(sandbox, force=True)[0])
            clock.pass_(60)
        assert len(set(tokens)) == 20
        assert tokens[19:] == [tokens[19]] * 3
        clock.pass_(86_400 - 60 * 22)
        assert stable_token(sandbox, force=True)[0] not in tokens

    def test_forcing_too_early_refreshes_nothing_even_in_the_last_minutes(self, tmp_path):
        sandbox = Sandbox(tmp_path / "sandbox.db", token_life=200)
        first, _ = stable_token(sandbox, force=True)
        assert stable_token(sandbox, force=True)[0] == first
        assert stable_token(sandbox)[0] != first
        sandbox.close()

    def test_life_of_tokens_can_be_set(self, tmp_path, clock):
        sandbox = Sandbox(tmp_path / "sandbox.db", token_life=2)
        token, seconds = stable_token(sandbox)
        assert (seconds, errcode_of(sandbox, token)) == (2, 0)
        clock.pass_(2)
        assert errcode_of(sandbox, token) == 42001
        sandbox.close()

    @pytest.mark.parametrize(("token", "expected"), [("", 41001), ("unknown", 40001)])
    def test_missing_or_unknown_token_is_refused(self, sandbox, token, expected):
        assert errcode_of(sandbox, token) == expected

    def test_token_is_kept_in_the_file(self, tmp_path):
        first, second = (Sandbox(tmp_path / "sandbox.db") for _ in range(2))
        assert stable_token(first)[0] == stable_token(second)[0]
        first.close()
        second.close()


class TestPhoneNumber:
    @pytest.fixture
    def ask(self, sandbox):
        def ask(code, openid="", appid="wx"):
            token, _ = stable_token(sandbox, appid)
            return sandbox.phone_number(token, code, openid)

        return ask

    @pytest.mark.parametrize(
        ("code", "number", "country", "pure"),
        [
            ("phone-13912345678", "13912345678", "86", "13912345678"),
            ("phone-+8613912345678", "13912345678", "86", "13912345678"),
            ("phone-7", "7", "86", "7"),
            ("phone-+85251234567", "+85251234567", "852", "51234567"),
            ("phone-+12025550123", "+12025550123", "1", "2025550123"),
            ("phone-+447700900123", "+447700900123", "44", "7700900123"),
            ("phone-", "13800000000", "86", "13800000000"),
            ("phone-+", "13800000000", "86", "13800000000"),
            ("phone-alice", "13800000000", "86", "13800000000"),
            ("alice", "13800000000", "86", "13800000000"),
            ("e31968a7f94cc5ee25fafc2aef2773f0", "13800000000", "86", "13800000000"),
            ("é\ud800", "13800000000", "86", "13800000000"),
        ],
    )
    def test_code_gives_its_number_once_per_app(self, ask, code, number, country, pure):
        info = ask(code)["phone_info"]
        assert (info["phoneNumber"], info["countryCode"]) == (number, country)
        assert info["purePhoneNumber"] == pure
        assert info["watermark"]["appid"] == "wx"
        assert ask(code)["errcode"] == 40029
        assert ask(code, appid="wx2")["phone_info"]["watermark"]["appid"] == "wx2"

    @pytest.mark.parametrize(
        ("code", "expected"), [("phone-used", 40029), ("phone-foreign", 40013), ("", 40029)]
    )
    def test_code_is_refused(self, ask, code, expected):
        assert [ask(code)["errcode"] for _ in range(2)] == [expected] * 2

    def test_code_that_has_logged_in_still_gives_a_number(self, ask, sandbox):
        sandbox.exchange("wx", "s", "0aB3")
        assert ask("0aB3")["errcode"] == 0

    def test_openid_must_be_a_user_of_the_app(self, ask, sandbox):
        ours = sandbox.exchange("wx", "s", "alice")["openid"]
        theirs = sandbox.exchange("wx2", "s", "alice")["openid"]
        unknown = sandbox.openid("bob", "wx")
        assert [ask("phone-1", openid)["errcode"] for openid in (unknown, theirs, ours)] == [
            40003,
            40003,
            0,
        ]

    def test_refused_token_leaves_the_code_unused(self, ask, sandbox):
        assert sandbox.phone_number("unknown", "phone-1")["errcode"] == 40001
        assert ask("phone-1")["errcode"] == 0


ANOTHER_PROCESS = """
import sys
from myapi.wechat.sandbox import Sandbox
sandbox = Sandbox(sys.argv[1])
sandbox.set_fault("slow", 0) if sys.argv[2:] else None
print(sum("openid" in sandbox.exchange("wx", "s", f"alice.{n}") for n in range(100)))
print(sum(sandbox.take_fault() is not None for n in range(100)))
print(sandbox.stable_token("wx", "s")["access_token"])
for n in range(100):
    sandbox.count_call("/path")
"""


def test_processes_share_one_state(tmp_path):
    """Two processes that open the file at once share codes, the access_token and the counts."""
    path = tmp_path / "new" / "sandbox.db"
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", ANOTHER_PROCESS, str(path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert sum(int(output[0]) for output in outputs) == 100
    assert outputs[0][2] == outputs[1][2]
    sandbox = Sandbox(path)
    assert sandbox.calls() == {"/path": 200}
    sandbox.close()


def test_state_is_kept_after_close(tmp_path):
    first = Sandbox(tmp_path / "sandbox.db")
    key = first.exchange("wx", "s", "alice.1")["session_key"]
    first.close()
    first.close()
    second = Sandbox(str(tmp_path / "sandbox.db"))
    assert errcode(second, "alice.1") == 40163
    encrypted = second.encrypt("alice", {})
    assert decrypt_user_data(key, encrypted["encryptedData"], encrypted["iv"], "wx")
    second.close()


def test_forked_process_opens_its_own_connection(sandbox, monkeypatch):
    sandbox.exchange("wx", "s", "alice.1")
    parent_connection = sandbox._database._connection
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert errcode(sandbox, "alice.1") == 40163
    assert sandbox._database._connection is not parent_connection
    parent_connection.execute("SELECT 1")
    parent_connection.close()


def test_sandbox_closes_its_file_when_garbage_collected(tmp_path):
    sandbox = Sandbox(tmp_path / "sandbox.db")
    sandbox.exchange("wx", "s", "alice")
    del sandbox


def test_failed_write_is_rolled_back(sandbox, monkeypatch):
    monkeypatch.setattr(state, "_mark_used", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sandbox.exchange("wx", "s", "alice.1")
    monkeypatch.undo()
    assert errcode(sandbox, "alice.1") is None
