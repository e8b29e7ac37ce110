"""What `flask doctor` says about WeChat's pushes."""

import pytest

from doctor import Target, parse_url
from myapi.cli import push_checks
from myapi.wechat.errors import Unavailable
from tests.tls import Peer, answering

PUSHES = {"wechat_push_token": "AAAAA", "wechat_push_aes_key": "A" * 43}
IDENTITY = {"wechat_appid": "wx0123456789abcdef", "wechat_secret": "a-secret-of-the-tests"}
INSERT = (
    "INSERT INTO myapi_events (appid, digest, name, state, attempts, created_at, next_at)"
    " VALUES (:appid, :digest, 'debug_demo', :state, 1, :at, :at)"
)


def found(app, check, url=None):
    with app.app_context():
        return check.run(Target(parse_url(url) if url else None))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestUrl:
    def test_url_that_answers_the_signed_check_is_ok(self, make_app, serve):
        service = serve(**IDENTITY, **PUSHES)
        finding = found(make_app(**IDENTITY, **PUSHES), push_checks.push_url, service.url)
        assert (finding.status, finding.evidence.en) == ("ok", "a signed check is answered")

    def test_service_with_another_token_fails(self, make_app, serve):
        service = serve(**IDENTITY, **{**PUSHES, "wechat_push_token": "another"})
        finding = found(make_app(**IDENTITY, **PUSHES), push_checks.push_url, service.url)
        assert finding.status == "fail"
        assert "push_refused" in finding.evidence.en

    def test_service_that_was_not_restarted_fails(self, make_app, serve):
        service = serve(**IDENTITY)
        finding = found(make_app(**IDENTITY, **PUSHES), push_checks.push_url, service.url)
        assert finding.status == "fail"
        assert "HTTP 404" in finding.evidence.en

    def test_answer_of_another_site_fails(self, make_app):
        with Peer(answering(body=b'{"code": 0, "msg": "ok"}')) as peer:
            url = f"http://127.0.0.1:{peer.port}"
            finding = found(make_app(**IDENTITY, **PUSHES), push_checks.push_url, url)
        assert finding.status == "fail"

    def test_without_a_token_it_is_skipped(self, make_app):
        finding = found(make_app(**IDENTITY), push_checks.push_url, "http://127.0.0.1:1")
        assert finding.status == "skip"
        assert "MYAPI_WECHAT_PUSH_TOKEN" in finding.evidence.en


class Client:
    """Answers the one call with what it was made with."""

    def __init__(self, answer):
        self.answer = answer

    def call(self, method, path, *, json):
        assert (method, path) == ("POST", "/cgi-bin/callback/check")
        assert json == {"action": "all", "check_operator": "DEFAULT"}
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


DNS = [{"ip": "203.0.113.5", "real_operator": "UNICOM"}]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("answer", "status", "evidence"),
    [
        ({"dns": DNS, "ping": [{"ip": "203.0.113.5", "package_loss": "0%"}]}, "ok", "203.0.113.5"),
        ({"dns": DNS, "ping": [{"ip": "203.0.113.5", "package_loss": "100%"}]}, "warn", "no ping"),
        ({"dns": [], "ping": []}, "warn", "no address"),
        ({"dns": None, "ping": "?"}, "warn", "no address"),
        (Unavailable("no callback url", errcode=40201), "warn", "40201"),
        (Unavailable("timeout"), "skip", "did not check"),
    ],
)
def test_what_wechat_says_of_the_url_is_told(make_app, monkeypatch, answer, status, evidence):
    app = make_app(**IDENTITY, **PUSHES)
    monkeypatch.setattr(push_checks, "wechat", lambda: Client(answer))
    finding = found(app, push_checks.push_callback)
    assert (finding.status, evidence in finding.evidence.en) == (status, True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("settings", [{}, IDENTITY])
def test_wechat_is_not_asked_where_no_pushes_are_set_up(make_app, settings):
    assert found(make_app(**settings), push_checks.push_callback).status == "skip"


def test_backlog_of_failed_and_late_events_warns(make_app, execute):
    app = make_app(**IDENTITY)
    assert found(app, push_checks.push_backlog).status == "ok"
    appid = IDENTITY["wechat_appid"]
    for number, (owner, state) in enumerate(
        [(appid, "failed"), (appid, "waiting"), (appid, "done"), ("wx-another", "failed")]
    ):
        given = {"appid": owner, "state": state, "at": "2020-01-01 00:00:00"}
        execute(INSERT, digest=bytes([number]) * 32, **given)
    finding = found(app, push_checks.push_backlog)
    assert finding.status == "warn"
    assert finding.evidence.en == "1 failed, 1 waiting for more than an hour"


def test_backlog_needs_a_migrated_database(make_app, tmp_path):
    app = make_app(**IDENTITY, database_url=f"sqlite:///{tmp_path}/none.db")
    assert found(app, push_checks.push_backlog).status == "skip"
