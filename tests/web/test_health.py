"""Alive, ready, and the figures."""

import shutil

import pytest

from myapi.db import schema_version
from myapi.observability.logs import JsonFormatter
from myapi.settings import ROOT
from tests.revisions import HEAD

OK = {"code": 0, "msg": "ok", "data": None}


def test_healthz_answers_without_a_database(client, execute):
    assert client.get("/healthz").get_json() == OK


def test_readyz_is_well_on_the_revision_of_the_code(client):
    assert client.get("/readyz").get_json() == OK


@pytest.fixture
def revisions(execute):
    """Put other rows into `alembic_version` for the length of a test: `revisions("a", "b")`."""
    before = execute("SELECT version_num FROM alembic_version")

    def put(*names):
        execute("DELETE FROM alembic_version")
        for name in names:
            execute("INSERT INTO alembic_version VALUES (:name)", name=name)

    yield put
    put(*(name for (name,) in before))


def test_readyz_is_well_on_a_newer_revision_than_the_code_knows(client, revisions, caplog):
    caplog.handler.setFormatter(JsonFormatter())
    revisions("of-tomorrow")
    assert client.get("/readyz").status_code == 200
    assert "newer than this code" in caplog.text
    assert "of-tomorrow" in caplog.text  # a revision is no login code: it is not masked


def test_readyz_is_not_well_without_a_revision(client, revisions):
    revisions()
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["error"]) == (503, "service_unavailable")
    assert int(response.headers["Retry-After"]) >= 1


def test_readyz_waits_for_every_head(client, revisions, two_heads):
    """Two lines of migrations, of which the database has one: code would meet missing tables."""
    for applied, status in ((two_heads[:1], 503), (two_heads[1:], 503), (two_heads, 200)):
        revisions(*applied)
        assert client.get("/readyz").status_code == status, applied


def test_readyz_takes_a_revision_for_all_that_it_depends_on(client, revisions, two_heads, add):
    add("joined", depends_on=two_heads)
    revisions(*two_heads)
    assert client.get("/readyz").status_code == 503
    revisions("joined")
    assert client.get("/readyz").status_code == 200


@pytest.fixture
def add(monkeypatch, tmp_path):
    """Write a migration that this code then has: `add("b7", down_revision="a3")`."""
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(schema_version, "ROOT", tmp_path)

    def add(revision, down_revision=None, depends_on=None):
        (tmp_path / "migrations" / "versions" / f"{revision}.py").write_text(
            f"{revision = }\n{down_revision = }\n{depends_on = }\n"
        )
        schema_version.migrations.cache_clear()

    yield add
    schema_version.migrations.cache_clear()


@pytest.fixture
def two_heads(add):
    add("of-a-team")
    return HEAD, "of-a-team"


def test_metrics_count_requests_by_route(client):
    client.get("/api/hello")
    text = client.get("/metrics").text
    assert 'myapi_requests_total{method="GET",route="/api/hello",status="200"}' in text


def test_metrics_have_one_label_for_all_unknown_paths(client):
    for n in range(3):
        client.get(f"/scan/{n}")
    text = client.get("/metrics").text
    assert 'route="-",status="404"' in text
    assert "/scan/" not in text


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("", {}, 200),
        ("192.0.2.1", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 404),
    ],
)
def test_metrics_are_for_this_machine_alone(make_app, peer, headers, status):
    app = make_app(env="production", wechat_appid="wx0123456789abcdef", wechat_secret="s" * 32)
    response = app.test_client().get(
        "/metrics", headers=headers, environ_base={"REMOTE_ADDR": peer}
    )
    assert response.status_code == status
