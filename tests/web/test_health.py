"""Liveness, readiness and metrics."""

import pytest

from myapi.observability.logs import JsonFormatter
from tests.revisions import HEAD

OK = {"code": 0, "msg": "ok", "data": None}


def test_healthz_needs_no_database(make_app, tmp_path):
    client = make_app(database_url=f"sqlite:///{tmp_path}/absent/myapi.db").test_client()
    assert client.get("/healthz").get_json() == OK


def test_readyz_is_ok_at_the_revision_of_the_code(client):
    assert client.get("/readyz").get_json() == OK


@pytest.fixture
def revisions(execute):
    """Replace the rows of `alembic_version` during a test: `revisions("a", "b")`."""
    before = execute("SELECT version_num FROM alembic_version")

    def put(*names):
        execute("DELETE FROM alembic_version")
        for name in names:
            execute("INSERT INTO alembic_version VALUES (:name)", name=name)

    yield put
    put(*(name for (name,) in before))


def test_readyz_is_ok_at_a_newer_revision(client, revisions, caplog, monkeypatch):
    monkeypatch.setattr(caplog.handler, "formatter", JsonFormatter())
    revisions("newer-revision")
    assert client.get("/readyz").status_code == 200
    assert "newer than this code" in caplog.text
    assert "newer-revision" in caplog.text  # a revision is not masked as a login code is


def test_readyz_is_503_without_a_revision(client, revisions):
    revisions()
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["error"]) == (503, "service_unavailable")
    assert int(response.headers["Retry-After"]) >= 1


def test_readyz_requires_every_head(client, revisions, two_heads):
    """With two lines of migrations of which one is not applied, tables would be missing."""
    for applied, status in ((two_heads[:1], 503), (two_heads[1:], 503), (two_heads, 200)):
        revisions(*applied)
        assert client.get("/readyz").status_code == status, applied


def test_readyz_counts_the_dependencies_of_a_revision_as_applied(client, revisions, two_heads, add):
    add("joined", depends_on=two_heads)
    revisions(*two_heads)
    assert client.get("/readyz").status_code == 503
    revisions("joined")
    assert client.get("/readyz").status_code == 200


@pytest.fixture
def add(app, tmp_path):
    """Add a migration to the team's line: `add("b7", down_revision="a3")`."""
    app.extensions["app_folder"] = tmp_path / "app"
    folder = tmp_path / "app" / "migrations"
    folder.mkdir(parents=True)

    def add(revision, down_revision=None, depends_on=None):
        (folder / f"{revision}.py").write_text(
            f"{revision = }\n{down_revision = }\n{depends_on = }\n"
        )

    return add


@pytest.fixture
def two_heads(add):
    add("team-revision")
    return HEAD, "team-revision"


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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
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
def test_metrics_are_local_only(make_app, peer, headers, status):
    app = make_app(env="production", wechat_appid="wx0123456789abcdef", wechat_secret="s" * 32)
    response = app.test_client().get(
        "/metrics", headers=headers, environ_base={"REMOTE_ADDR": peer}
    )
    assert response.status_code == status
