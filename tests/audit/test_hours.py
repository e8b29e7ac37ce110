"""What happens in each hour: counted in memory, written each minute and at a stop; the total."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from myapi.audit import hours, hours_writer
from myapi.auth import bans
from myapi.clock import now
from myapi.observability.hourly import HourlyCounts, beginning_of_hour
from myapi.users import accounts, erasure, total
from tests.fixtures import DATABASES, empty_database
from tests.service import PRODUCTION, Service, migrate, wait_for

HOUR = timedelta(hours=1)

on_mysql = pytest.mark.on_mysql


@pytest.fixture
def written(app):
    """Write what was counted; return the sums of all hours."""

    def written(of=app):
        of.extensions["hours_writer"].write()
        with of.app_context():
            found = hours.by_hour(datetime(2020, 1, 1, tzinfo=timezone.utc))
        return dict(sum(found.values(), start=type(next(iter(found.values()), {}))()))

    return written


@on_mysql
def test_logins_failures_logouts_signups_and_calls_to_wechat_are_counted(
    client, sign_in, written, wechat
):
    alice = sign_in("alice")
    sign_in("alice")
    sign_in("bob").post("/api/auth/logout")
    alice.get("/api/me")
    client.post("/api/auth/login", json={"code": "bad"})
    client.post("/api/auth/login", json={"code": 7})
    client.options("/api/auth/login")
    wechat.sandbox.set_fault("50000", 1)
    client.post("/api/auth/login", json={"code": "carol"})
    client.post("/api/auth/logout")
    counts = written()
    failure = next(name for name in counts if name.startswith("wechat.wechat_"))
    assert counts.pop(failure) == 1
    assert counts.pop(f"login.{failure.removeprefix('wechat.')}") == 1
    assert counts == {
        "login.ok": 3,
        "login.login_code_invalid": 1,
        "login.invalid_request": 1,
        "logout.ok": 1,
        "logout.token_missing": 1,
        "signup": 2,
        "wechat.ok": 3,
        "wechat.login_code_invalid": 1,
    }


@on_mysql
def test_processes_add_to_the_same_hour(make_app, written, sign_in):
    apps = [make_app() for _ in range(3)]
    for app in apps:
        sign_in("alice", via=app.test_client())
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda app: app.extensions["hours_writer"].write(), apps))
    assert written()["login.ok"] == 3


def test_simultaneous_counts_are_all_counted():
    counts = HourlyCounts()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [counts.count("x") for _ in range(2000)], range(8)))
    assert sum(counts.take().values()) == 16_000
    assert counts.take() == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_counts_belong_to_the_hour_in_which_they_were_made(app, written, monkeypatch):
    counts, at = app.extensions["hourly"], now()
    for hour in (at - 2 * HOUR, at - HOUR, at):
        monkeypatch.setattr("myapi.observability.hourly.now", lambda hour=hour: hour)
        counts.count("login.ok")
    written()
    with app.app_context():
        found = hours.by_hour(beginning_of_hour(at - HOUR))
    assert found == {
        beginning_of_hour(at - HOUR): {"login.ok": 1},
        beginning_of_hour(at): {"login.ok": 1},
    }


@on_mysql
def test_what_the_database_refuses_is_written_later_and_one_warning_is_logged(
    app, written, execute, caplog
):
    app.extensions["hourly"].count("login.ok")
    execute("ALTER TABLE myapi_hours RENAME TO elsewhere")
    try:
        for _ in range(3):
            app.extensions["hours_writer"].write()
    finally:
        execute("ALTER TABLE elsewhere RENAME TO myapi_hours")
    assert caplog.text.count("the counts of this hour were not written") == 1
    app.extensions["hourly"].count("login.ok")
    assert written() == {"login.ok": 2}


@on_mysql
def test_a_signup_that_is_rolled_back_is_not_counted(app, sign_in, client, written):
    alice = sign_in("alice")
    with app.app_context():
        found = accounts.find(alice.user["id"])
        bans.ban(found.id)
    alice.delete("/api/me")
    with app.app_context():
        erasure.erase(found.id)
    assert client.post("/api/auth/login", json={"code": "alice"}).status_code == 403
    counts = written()
    assert (counts["signup"], counts["erase"], counts["login.user_banned"]) == (1, 1, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_process_that_is_frozen_when_idle_writes_with_a_request(
    make_app, sign_in, execute, monkeypatch
):
    app = make_app(frozen_when_idle=True)
    sign_in("alice", via=app.test_client())
    assert execute("SELECT count(*) FROM myapi_hours") == [(0,)], "once a minute is enough"
    monkeypatch.setattr(hours_writer, "EVERY", 0.0)
    sign_in("alice", via=app.test_client())
    found = execute("SELECT SUM(count) FROM myapi_hours WHERE name = 'login.ok'")
    assert found == [(2,)]


# ---- the number of users ----


@on_mysql
def test_total_is_what_was_counted_at_night_and_what_came_since(app, runner, sign_in, written):
    phones = [sign_in(f"user{n}") for n in range(3)]
    written()
    assert runner.invoke(args=["audit", "purge"]).exit_code == 0

    def users():
        with app.app_context():
            return total.count()

    assert users() == 3
    sign_in("later")
    assert users() == 3, "not written yet"
    written()
    assert users() == 4
    for phone in phones[:2]:
        phone.delete("/api/me")
    written()
    assert users() == 2
    with app.app_context():
        assert total.recount() == 2
    assert users() == 2


@on_mysql
def test_total_before_the_first_night_is_counted(app, sign_in, written):
    sign_in("alice")
    written()
    with app.app_context():
        assert total.count() == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_total_counts_the_users_of_this_mini_program(make_app, sign_in):
    other = make_app(wechat_appid="wx0123456789abcdef", wechat_secret="x" * 32)
    sign_in("alice")
    with other.app_context():
        assert total.count() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_purge_deletes_old_hours_and_keeps_the_total(app, runner, sign_in, written, execute):
    sign_in("alice")
    written()
    runner.invoke(args=["audit", "purge"])
    old = beginning_of_hour(now() - timedelta(days=191)).replace(tzinfo=None)
    execute("UPDATE myapi_hours SET hour = :old", old=old)
    said = runner.invoke(args=["audit", "purge", "--json"]).stdout
    assert '"deleted": 0' in said
    assert written() == {}
    with app.app_context():
        assert total.count() == 1


# ---- the whole database ----


@pytest.fixture(params=["sqlite", "mariadb"])
def target(request, tmp_path):
    with empty_database(request, tmp_path, "target") as url:
        yield url


def test_a_copy_has_the_hours_and_the_audit_log(app, runner, sign_in, written, target):
    user = sign_in("alice").user["id"]
    written()
    runner.invoke(args=["users", "ban", user, "--reason", "违规😀"])
    runner.invoke(args=["audit", "purge"])
    for _ in range(2):  # the second time it finds the same rows
        copied = runner.invoke(args=["db", "copy", "--to", target])
        assert copied.exit_code == 0, copied.output
    engine = sa.create_engine(target, poolclass=sa.NullPool)
    with engine.connect() as connection:
        counts = connection.execute(sa.text("SELECT name, count FROM myapi_hours ORDER BY name"))
        assert counts.all() == [("login.ok", 1), ("signup", 1), ("users", 0), ("wechat.ok", 1)]
        entries = connection.execute(sa.text("SELECT event, user, reason FROM myapi_audit"))
        assert entries.all() == [("ban", user, "违规😀")]


# ---- real processes ----


@pytest.fixture(params=DATABASES)
def url(request, tmp_path):
    with empty_database(request, tmp_path, "hours") as url:
        migrate(url, tmp_path)
        yield url


def counted(url, name):
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    statement = sa.text("SELECT SUM(count) FROM myapi_hours WHERE name = :name")
    with engine.connect() as connection:
        return connection.execute(statement, {"name": name}).scalar() or 0


@on_mysql
def test_a_stopped_service_has_written_its_counts(url, wechat):
    with Service(database_url=url, wechat_base_url=wechat.url, workers=2, **PRODUCTION) as service:
        for number in range(8):
            assert service.login(f"user{number}.a").status_code == 200
        os.kill(service.pid, signal.SIGTERM)
        wait_for(lambda: not service.workers())
    assert counted(url, "login.ok") == 8
    assert counted(url, "signup") == 8


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_reloaded_worker_has_written_its_counts(url, wechat):
    with Service(database_url=url, wechat_base_url=wechat.url, **PRODUCTION) as service:
        service.login("alice.a")
        service.reload()
        wait_for(lambda: counted(url, "login.ok") == 1)
        service.login("alice.b")
        service.reload()
        wait_for(lambda: counted(url, "login.ok") == 2)


FAST = "from myapi.audit import hours_writer\nhours_writer.EVERY = 0.2\nfrom wsgi import app\n"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_running_worker_writes_again_and_again(url, wechat, tmp_path):
    (tmp_path / "fast_hours.py").write_text(FAST, encoding="utf-8")
    options = {"app": "fast_hours:app", "environ": {"PYTHONPATH": str(tmp_path)}}
    with Service(database_url=url, wechat_base_url=wechat.url, **options) as service:
        for number in (1, 2):
            service.login("alice")
            wait_for(lambda number=number: counted(url, "login.ok") == number)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_command_writes_what_it_has_counted(url, wechat):
    with Service(database_url=url, wechat_base_url=wechat.url) as service:
        user = service.sign_in("alice").user["id"]
        erased = service.flask("users", "erase", user, "--yes")
    assert erased.returncode == 0, erased.stderr
    assert counted(url, "erase") == 1
