"""Alive, ready, and the figures."""

import pytest

OK = {"code": 0, "msg": "ok", "data": None}


def test_healthz_answers_without_a_database(client, execute):
    assert client.get("/healthz").get_json() == OK


def test_readyz_is_well_on_the_revision_of_the_code(client):
    assert client.get("/readyz").get_json() == OK


def test_readyz_is_well_on_a_newer_revision_than_the_code_knows(client, execute, caplog):
    execute("UPDATE alembic_version SET version_num = 'of-tomorrow'")
    try:
        assert client.get("/readyz").status_code == 200
    finally:
        execute("UPDATE alembic_version SET version_num = '0002'")
    assert "newer revision" in caplog.text


def test_readyz_is_not_well_without_a_revision(client, execute):
    execute("DELETE FROM alembic_version")
    try:
        response = client.get("/readyz")
    finally:
        execute("INSERT INTO alembic_version VALUES ('0002')")
    assert (response.status_code, response.get_json()["error"]) == (503, "service_unavailable")
    assert int(response.headers["Retry-After"]) >= 1


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
