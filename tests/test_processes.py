"""Several processes on one database: a change by one applies to the next request of all others."""

import itertools
import socket
import threading
from contextlib import closing

import pytest
import sqlalchemy as sa

from myapi.security.tokens import TokenInvalidError, Tokens
from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests.fixtures import DATABASES, empty_database
from tests.requirements import need
from tests.servers import HOST, ServerError, free_port
from tests.service import KEY, PRODUCTION, Service, at_once, is_error, migrate

pytestmark = pytest.mark.on_mysql

OLD, NEW = "the-old-key-0123456789-0123456789", "the-new-key-0123456789-0123456789"


@pytest.fixture(scope="module", params=DATABASES)
def two(request, tmp_path_factory):
    """Two services on one database, as on two machines: for tests with users of their own."""
    folder = tmp_path_factory.mktemp("two")
    sandbox = Sandbox(folder / "sandbox.db")
    with (
        closing(sandbox),
        SandboxServer(sandbox) as wechat,
        empty_database(request, folder, "two") as url,
    ):
        migrate(url, folder)
        settings = {"wechat_base_url": wechat.url, "rate_limit_login": "9999"}
        services = [Service(database_url=url, **settings) for _ in range(2)]
        with services[0], services[1]:
            yield services


@pytest.fixture
def rows(database_url):
    """Count rows in the database, as in `rows("users WHERE …")`."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    def count(where: str) -> int:
        with engine.connect() as connection:
            return connection.execute(sa.text(f"SELECT COUNT(*) FROM {where}")).scalar()

    return count


LIVE = "sessions WHERE ended_at IS NULL"


# ---- no delay between processes ----


def test_logout_applies_to_the_next_request_elsewhere(two):
    here, there = two
    for _ in range(5):
        phone = here.sign_in("leaver")
        assert phone.get("/api/me", at=there).status_code == 200
        assert phone.post("/api/auth/logout").status_code == 200
        assert is_error(phone.get("/api/me", at=there), 401, "session_ended")


def test_session_ended_from_another_device_is_ended_elsewhere(two):
    here, there = two
    phone, tablet = here.sign_in("owner"), there.sign_in("owner")
    assert tablet.get("/api/me", at=here).status_code == 200
    assert phone.delete("/api/auth/sessions").status_code == 200
    assert is_error(tablet.get("/api/me", at=there), 401, "session_ended")
    assert phone.get("/api/me", at=there).status_code == 200


def test_erased_account_is_gone_elsewhere(two):
    here, there = two
    phone, tablet = here.sign_in("erased"), there.sign_in("erased")
    assert phone.delete("/api/me").status_code == 200
    for device in (phone, tablet):
        assert is_error(device.get("/api/me", at=there), 401, "session_ended")
    assert there.sign_in("erased").user["id"] != phone.user["id"]


def test_ban_by_command_applies_to_the_next_request(two):
    here, there = two
    phone = here.sign_in("mallory")
    assert phone.get("/api/me", at=there).status_code == 200
    ban = here.flask("users", "ban", phone.user["id"])
    assert ban.returncode == 0, ban.stderr
    for service in two:
        assert is_error(phone.get("/api/me", at=service), 403, "user_banned")
        assert is_error(service.login("mallory"), 403, "user_banned")


def test_token_of_another_mini_program_on_the_same_database_is_nothing(serve, database_url, rows):
    ours = serve(database_url=database_url)
    theirs = serve(database_url=database_url, wechat_appid="wx-theirs", wechat_secret="s" * 32)
    phone = ours.sign_in()
    devices = phone.get("/api/auth/sessions").json()
    for method, path in (
        ("GET", "/api/me"),
        ("GET", "/api/auth/sessions"),
        ("POST", "/api/auth/logout"),
        ("DELETE", "/api/me"),
    ):
        assert is_error(phone.call(method, path, at=theirs), 401, "session_ended")
    assert rows("users") == 1
    assert phone.get("/api/auth/sessions").json() == devices


# ---- storms ----


def test_simultaneous_first_logins_create_one_user(serve, database_url, rows):
    service = serve(database_url=database_url, workers=2, rate_limit_login="9999")
    answers = at_once(*[service.login] * 200)
    ok = [answer for answer in answers if answer.status_code == 200]
    assert all(_is_busy(answer) for answer in answers if answer not in ok), answers
    assert rows("users") == 1
    assert len({answer.json()["data"]["user"]["id"] for answer in ok}) == 1


def _is_busy(answer):
    """Whether a busy machine refused this login, where the WeChat sandbox is slow as well."""
    return is_error(answer, 503, "service_unavailable") or is_error(answer, 504, "wechat_timeout")


def test_login_storm_never_exceeds_the_session_limit(serve, database_url, rows):
    services = [serve(database_url=database_url, sessions_per_user=5) for _ in range(2)]
    counts, done = [], threading.Event()

    def count():
        while not done.is_set():
            counts.append(rows(LIVE))

    counter = threading.Thread(target=count)
    counter.start()
    try:
        answers = at_once(*[service.login for service in services] * 30)
    finally:
        done.set()
        counter.join()
    assert all(answer.status_code == 200 or _is_busy(answer) for answer in answers)
    assert max(counts) <= 5
    assert rows(LIVE) == 5
    tokens = [a.json()["data"]["token"] for a in answers if a.status_code == 200]
    alive = [
        services[0].call("GET", "/api/me", headers={"Authorization": f"Bearer {token}"}).ok
        for token in tokens
    ]
    assert sum(alive) == 5


# ---- keys ----


def test_tokens_are_accepted_until_their_key_is_removed(serve, database_url, tmp_path):
    machines = [Machine(serve, tmp_path / name, database_url) for name in ("one", "two")]
    phones = [machine.service.sign_in() for machine in machines]
    with TokenUse(phones, machines) as use:
        for keys in (f"{NEW},{OLD}", f"{OLD},{NEW}"):
            for machine in machines:  # a rolling restart
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
    """One of several machines on one database, each with its own key file."""

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


class TokenUse:
    """Uses all tokens on all machines repeatedly, in a thread, while the block runs."""

    def __init__(self, phones, machines):
        self._phones, self._machines = phones, machines
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.refused = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._stopped.set()
        self._thread.join()

    def _run(self):
        while not self._stopped.is_set():
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


# ---- settings that prevent the start, and requests that are refused ----


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
def test_production_does_not_start_with_unsafe_settings(settings, named):
    need(Service)
    with pytest.raises(ServerError, match="ended with status 78") as failure:
        Service(**{"env": "production", "secret_keys": "", **settings}).start()
    for name in named:
        assert f"  - MYAPI_{name}: " in str(failure.value)
    assert "Traceback" not in str(failure.value)


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Real-IP"]
)
def test_development_refuses_proxied_requests(serve, name):
    service = serve()
    answer = service.call("GET", "/api/hello", headers={name: HOST})
    assert is_error(answer, 403, "development_only")
    assert service.call("GET", "/api/hello").status_code == 200


def test_development_answers_only_loopback(serve):
    port, address = free_port(), _network_address()
    both = f"--bind={HOST}:{port} --bind={address}:{port}"
    service = serve(port=port, environ={"GUNICORN_CMD_ARGS": both})
    assert service.call("GET", "/api/hello").status_code == 200
    service.url = f"http://{address}:{port}"
    for path in ("/api/hello", "/healthz", "/nowhere"):
        assert is_error(service.call("GET", path), 403, "development_only")


def _network_address():
    """Return this machine's network address, without sending a packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        return probe.getsockname()[0]
