"""A thousand messages to a hundred users by three processes, one of which is killed."""

import random
import re
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import sqlalchemy as sa

from myapi.settings import APP_FOLDER
from myapi.wechat.sandbox import pushes
from tests.service import migrate, wait_for

APPID = "wx-storm"
TEMPLATE = "template-1"
PROCESSES, USERS, PERMITTED, CALLS = 3, 100, 8, 10

#: A team's own code that sends: at once, or queued.
APP = """
from flask import Blueprint, request
from myapi.extend import Extension, caller, endpoint, send_message

bp = Blueprint("storm", __name__, url_prefix="/api/storm")


@bp.post("/<name>")
@endpoint(returns=str)
def send(name):
    text = {"thing1": name}
    wait = request.args["wait"] == "1"
    return send_message(caller().user_id, "template-1", text, once=name, wait=wait).state


extension = Extension(blueprints=[bp])
"""


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request, tmp_path):
    """The URL of a migrated database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "served.db")
        yield f"sqlite:///{tmp_path}/served.db"
        return
    server = request.getfixturevalue(request.param)
    yield migrate(server.create_database("storm"), tmp_path)
    server.execute("DROP DATABASE storm")


@pytest.fixture
def service(serve, database, tmp_path, wechat):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text(APP, encoding="utf-8")
    service = serve(
        database_url=database,
        workers=PROCESSES,
        rate_limit_user="100000/minute",
        wechat_appid=APPID,
        wechat_secret="a-secret-of-the-storm",
        wechat_push_token=pushes.TOKEN,
        wechat_push_aes_key=pushes.AES_KEY,
        environ={APP_FOLDER: str(tmp_path / "app")},
    )
    wechat.push_url = service.url
    return service


@pytest.fixture
def execute(database):
    engine = sa.create_engine(re.sub("^mysql:", "mysql+pymysql:", database))

    def execute(sql):
        with engine.begin() as connection:
            result = connection.execute(sa.text(sql))
            return result.all() if result.returns_rows else None

    yield execute
    engine.dispose()


def permit(service, wechat, number):
    """Sign a user in, who accepts the template PERMITTED times."""
    phone = service.sign_in(f"user{number}")
    openid = wechat.sandbox.openid(f"user{number}", APPID)
    for dialog in range(PERMITTED):
        wechat.sandbox.permit(APPID, openid, [(TEMPLATE, "accept")])
        body = {"id": f"dialog-{dialog}", "results": {TEMPLATE: "accept"}}
        assert phone.post("/api/me/messages", json=body).status_code == 200
    return phone


def test_storm_of_messages_with_a_killed_process(service, wechat, execute):
    with ThreadPoolExecutor(8) as threads:
        phones = list(threads.map(lambda n: permit(service, wechat, n), range(USERS)))
    wanted = [(phone, call) for phone in phones for call in range(CALLS)]
    random.shuffle(wanted)
    answers = Counter()

    def ask(phone, call):
        """As an app does: an answer that is lost, or a 503, is asked for again."""
        for _ in range(20):
            try:
                answer = phone.post(f"/api/storm/message-{call}?wait={call % 2}", timeout=30)
            except requests.RequestException:
                answers["no answer"] += 1
                continue
            answers[answer.status_code] += 1
            if answer.status_code != 503:
                return
        raise AssertionError("20 times in vain")

    with ThreadPoolExecutor(24) as threads:
        calls = [threads.submit(ask, *each) for each in wanted]
        wait_for(lambda: sum(answers.values()) > len(wanted) / 2, seconds=60)
        service.kill_worker()
        for call in calls:
            call.result()
    settle(service, execute)
    report(answers, execute)

    outcomes = execute(
        "SELECT openid, sum(m.state = 'sent'), count(*) FROM users LEFT JOIN myapi_messages m"
        " ON m.user_id = users.id AND m.state <> 'failed' GROUP BY openid"
    )
    got = {openid: number for (openid, _), number in wechat.sandbox.messages_sent().items()}
    assert {openid: int(sent or 0) for openid, sent, _ in outcomes} == got
    assert all(number <= PERMITTED for number in got.values())
    assert sum(got.values()) >= USERS * PERMITTED - PROCESSES * 10
    states = dict(execute("SELECT state, count(*) FROM myapi_messages GROUP BY state"))
    assert set(states) <= {"sent", "failed"}
    # WeChat never saw two at a time for one user, nor one more than was permitted.
    assert execute("SELECT count(*) FROM myapi_messages WHERE errcode IN (43101, 43108)") == [(0,)]
    ledger = execute(
        "SELECT openid, by_phone, sent FROM users JOIN myapi_permissions ON id = user_id"
    )
    assert {openid: (PERMITTED, got[openid]) for openid in got} == {
        openid: (by_phone, sent) for openid, by_phone, sent in ledger
    }


def settle(service, execute):
    """Let the time of what the killed process was sending be over, and work the queue off."""
    for _ in range(2):
        execute("UPDATE myapi_events SET next_at = created_at WHERE state = 'waiting'")
        execute("UPDATE myapi_messages SET next_at = created_at WHERE state <> 'sent'")
        assert service.flask("messages", "run").returncode in (0, 1)
        assert service.flask("events", "run").returncode in (0, 1)


def report(answers, execute):
    """Print what `pytest -s` shows."""
    rows = execute(
        "SELECT state, error, count(*) FROM myapi_messages GROUP BY state, error ORDER BY state"
    )
    [ledger] = execute("SELECT sum(by_phone), sum(sent) FROM myapi_permissions")
    found = [tuple(row) for row in rows]
    print(f"answers {dict(answers)}, messages {found}, ledger {tuple(ledger)}")  # noqa: T201
