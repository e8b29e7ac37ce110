"""CORS is off, or on for a fixed list of origins."""

import pytest

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

H5 = "https://h5.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST"}


def test_cors_is_off_without_origins(make_app):
    client = make_app().test_client()
    response = client.get("/api/hello", headers={"Origin": H5})
    assert "Access-Control-Allow-Origin" not in response.headers
    assert client.options("/api/hello", headers={"Origin": H5, **PREFLIGHT}).status_code == 405


def test_listed_origin_is_allowed(make_app):
    client = make_app(cors_origins=(H5,)).test_client()
    for path in ("/api/hello", "/api/me", "/api/nothing"):
        response = client.get(path, headers={"Origin": H5})
        assert response.headers["Access-Control-Allow-Origin"] == H5
        assert response.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{H5}.evil.example", "null", H5 + ":8443"]
)
def test_unlisted_origin_is_not_allowed(make_app, origin):
    client = make_app(cors_origins=(H5,)).test_client()
    for response in (
        client.get("/api/hello", headers={"Origin": origin}),
        client.options("/api/auth/login", headers={"Origin": origin, **PREFLIGHT}),
    ):
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Access-Control-Allow-Methods" not in response.headers


def test_preflight_needs_no_token(make_app):
    client = make_app(cors_origins=(H5,)).test_client()
    response = client.options("/api/me", headers={"Origin": H5, **PREFLIGHT})
    assert response.status_code == 204
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
