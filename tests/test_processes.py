"""Several processes on one database: what one does, the others see with their next request."""

import itertools
import socket
import threading

import pytest
import sqlalchemy as sa

from myapi.security.tokens import TokenInvalidError, Tokens
from tests.requirements import need
from tests.servers import HOST, ServerError, free_port
from tests.service import KEY, PRODUCTION, Service, at_once, is_error

OLD, NEW = "the-old-key-0123456789-0123456789", "the-new-key-0123456789-0123456789"


@pytest.fixture
def two(serve, database_url):
    """Two services on one database, as on two machines."""
    return [serve(database_url=database_url) for _ in range(2)]


@pytest.fixture
def rows(database_url):
    """Count the rows of the database that meet a condition."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    def count(where: str) -> int:
        with engine.connect() as connection:
            return connection.execute(sa.text(f"SELECT COUNT(*) FROM {where}")).scalar()

    return count


LIVE = "sessions WHERE ended_at IS NULL"


# ---- no delay between processes ----


def test_a_logout_is_seen_by_the_very_next_request_elsewhere(two):
    here, there = two
    for _ in range(5):
        phone = here.sign_in()
        assert phone.get("/api/me", at=there).status_code == 200
        assert phone.post("/api/auth/logout").status_code == 200
        assert is_error(phone.get("/api/me", at=there), 401, "session_ended")


def test_a_session_ended_from_another_device_is_seen_elsewhere(two):
    here, there = two
    phone, tablet = here.sign_in(), there.sign_in()
    assert tablet.get("/api/me", at=here).status_code == 200
    assert phone.delete("/api/auth/sessions").status_code == 200
    assert is_error(tablet.get("/api/me", at=there), 401, "session_ended")
    assert phone.get("/api/me", at=there).status_code == 200


def test_an_erased_account_is_gone_elsewhere(two):
    here, there = two
    phone, tablet = here.sign_in(), there.sign_in()
    assert phone.delete("/api/me").status_code == 200
    for device in (phone, tablet):
        assert is_error(device.get("/api/me", at=there), 401, "session_ended")
    assert there.sign_in().user["id"] != phone.user["id"]


def test_a_ban_by_command_is_seen_by_the_very_next_request(two):
    here, there = two
    phone = here.sign_in()
    assert phone.get("/api/me", at=there).status_code == 200
    ban = here.flask("users", "ban", phone.user["id"])
    assert ban.returncode == 0, ban.stderr
    for service in two:
        assert is_error(phone.get("/api/me", at=service), 403, "user_banned")
        assert is_error(service.login(), 403, "user_banned")


# ---- storms ----


def test_two_hundred_first_logins_of_one_openid_make_one_user(serve, database_url, rows):
    service = serve(database_url=database_url, workers=2, rate_limit_login="9999")
    answers = at_once(*[service.login] * 200)
    well = [answer for answer in answers if answer.status_code == 200]
    assert all(_is_refused_for_now(answer) for answer in answers if answer not in well), answers
    assert rows("users") == 1
    assert len({answer.json()["data"]["user"]["id"] for answer in well}) == 1


def _is_refused_for_now(answer):
    """Whether it is a refusal of a busy machine, on which WeChat's stand-in is slow as well."""
    return is_error(answer, 503, "service_unavailable") or is_error(answer, 504, "wechat_timeout")


def test_a_storm_of_logins_never_exceeds_the_cap_of_sessions(serve, database_url, rows):
    services = [serve(database_url=database_url, sessions_per_user=5) for _ in range(2)]
    counted, done = [], threading.Event()

    def count():
        while not done.is_set():
            counted.append(rows(LIVE))

    counter = threading.Thread(target=count)
    counter.start()
    try:
        answers = at_once(*[service.login for service in services] * 30)
    finally:
        done.set()
        counter.join()
    assert all(answer.status_code == 200 or _is_refused_for_now(answer) for answer in answers)
    assert max(counted) <= 5
    assert rows(LIVE) == 5
    tokens = [a.json()["data"]["token"] for a in answers if a.status_code == 200]
    alive = [
        services[0].call("GET", "/api/me", headers={"Authorization": f"Bearer {token}"}).ok
        for token in tokens
    ]
    assert sum(alive) == 5


# ---- keys ----


def test_no_token_is_refused_before_its_key_is_taken_out(serve, database_url, tmp_path):
    machines = [Machine(serve, tmp_path / name, database_url) for name in ("one", "two")]
    phones = [machine.service.sign_in() for machine in machines]
    with Use(phones, machines) as use:
        for keys in (f"{NEW},{OLD}", f"{OLD},{NEW}"):
            for machine in machines:  # one after the other
                machine.restart_with(keys)
                phones.extend(each.service.sign_in() for each in machines)
    assert use.refused == []
    for machine in machines:
        machine.restart_with(NEW)
    for phone in phones:
        answers = [phone.get("/api/me", at=machine.service) for machine in machines]
        if _is_signed_with(NEW, phone.token):
            assert [answer.status_code for answer in answers] == [200, 200]
        else:
            assert all(is_error(answer, 401, "token_invalid") for answer in answers)


class Machine:
    """One of several that share a database: its keys stand in a file of its own."""

    def __init__(self, serve, file, database_url):
        self._file = file
        self._file.write_text(OLD)
        self.service = serve(
            database_url=database_url,
            secret_keys="",
            sessions_per_user=100,
            environ={"MYAPI_SECRET_KEYS_FILE": str(file)},
        )

    def restart_with(self, keys):
        self._file.write_text(keys)
        self.service.reload()


class Use:
    """Uses all tokens there are on all machines, again and again, while the block runs."""

    def __init__(self, phones, machines):
        self._phones, self._machines = phones, machines
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.refused = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._enough.set()
        self._thread.join()

    def _run(self):
        while not self._enough.is_set():
            for phone, machine in itertools.product(list(self._phones), self._machines):
                answer = phone.get("/api/me", at=machine.service)
                if answer.status_code != 200:
                    self.refused.append(answer.text)


def _is_signed_with(key, token):
    try:
        Tokens([key]).read(token)
    except TokenInvalidError:
        return False
    return True


# ---- where it does not start, and whom it does not answer ----


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, ["SECRET_KEYS", "WECHAT_APPID", "WECHAT_SECRET"]),
        ({"secret_keys": "k" * 31}, ["SECRET_KEYS", "WECHAT_APPID", "WECHAT_SECRET"]),
        ({**PRODUCTION, "secret_keys": KEY, "dev_lan": "on"}, ["DEV_LAN"]),
        ({**PRODUCTION, "secret_keys": f"{KEY},{KEY}"}, ["SECRET_KEYS"]),
        (
            {**PRODUCTION, "secret_keys": KEY, "wechat_base_url": "http://192.0.2.1", "workers": 0},
            ["WECHAT_BASE_URL", "WORKERS"],
        ),
    ],
)
def test_production_does_not_start_with_settings_that_are_not_safe(settings, named):
    need(Service)
    with pytest.raises(ServerError, match="ended with status 78") as failure:
        Service(**{"env": "production", "secret_keys": "", **settings}).start()
    for name in named:
        assert f"  - MYAPI_{name}: " in str(failure.value)
    assert "Traceback" not in str(failure.value)


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Real-IP"]
)
def test_development_does_not_answer_through_a_proxy(serve, name):
    service = serve()
    answer = service.call("GET", "/api/hello", headers={name: HOST})
    assert is_error(answer, 403, "development_only")
    assert service.call("GET", "/api/hello").status_code == 200


def test_development_answers_loopback_alone(serve):
    port, address = free_port(), _own_address()
    both = f"--bind={HOST}:{port} --bind={address}:{port}"
    service = serve(port=port, environ={"GUNICORN_CMD_ARGS": both})
    assert service.call("GET", "/api/hello").status_code == 200
    service.url = f"http://{address}:{port}"
    for path in ("/api/hello", "/healthz", "/nowhere"):
        assert is_error(service.call("GET", path), 403, "development_only")


def _own_address():
    """Return an address of this machine that others know; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        return probe.getsockname()[0]
