"""Access rules: which routes are public, local only, or need a session."""

import pytest

from myapi.auth import authenticate
from myapi.web.access import local_only, operators_only, public, signed_by_wechat

PUBLIC = {
    ("GET", "/api/hello"),
    ("POST", "/api/auth/login"),
    ("GET", "/avatars/<name>"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
}
DEVELOPMENT = {
    ("GET", "/"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/<name>"),
}
LOCAL_ONLY = {
    ("GET", "/metrics"),
    ("POST", "/sandbox/encrypt"),
    ("POST", "/sandbox/push"),
    ("PUT", "/sandbox/fault"),
}
#: Of the console, which strangers do not find: tests/console has the rest of it.
WAY_IN = {
    ("GET", "/console/open"),
    ("POST", "/console/open"),
    ("GET", "/console/<any('style.css', 'icon.svg'):name>"),
}
SIGNED = {("GET", "/wechat/push"), ("POST", "/wechat/push")}


def routes(app):
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            yield method, rule.rule


def of_operators(app):
    return {(method, rule) for method, rule in routes(app) if rule.startswith("/console/")} - WAY_IN


def access_of(view):
    """Return the access rule of a view; None, the default, requires a session."""
    return getattr(view, "access", None)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_route_has_the_access_rule_session_unless_it_is_marked(app):
    """Walks the URL map: all that is marked is listed, the rest is closed."""
    expected = dict.fromkeys(PUBLIC | DEVELOPMENT | WAY_IN, access_of(public(lambda: None)))
    expected |= dict.fromkeys(of_operators(app), access_of(operators_only(lambda: None)))
    expected |= dict.fromkeys(LOCAL_ONLY, access_of(local_only(lambda: None)))
    expected |= dict.fromkeys(SIGNED, access_of(signed_by_wechat(lambda: None)))
    found = {
        (method, rule.rule): access_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert expected.keys() <= found.keys()
    assert found == dict.fromkeys(found, None) | expected


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_route_requires_a_token_unless_it_is_marked(app, client):
    """Calls every route of the URL map without a token."""
    opened = PUBLIC | DEVELOPMENT | LOCAL_ONLY | SIGNED | WAY_IN | of_operators(app)
    walked = 0
    for method, rule in routes(app):
        if (method, rule) in opened:
            continue
        path = rule.replace("<session_id>", "x")
        response = client.open(path, method=method)
        assert response.status_code == 401, f"{method} {rule} needs no token"
        assert response.get_json()["error"] == "token_missing"
        walked += 1
    assert walked >= 8


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_new_route_requires_a_token_by_default(app, client):
    app.add_url_rule("/api/notes", view_func=lambda: "secret", endpoint="notes")
    assert client.get("/api/notes").status_code == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_unsigned_call_to_a_signed_route_is_refused(app, client):
    for method, path in SIGNED:
        response = client.open(path, method=method)
        assert (response.status_code, response.get_json()["error"]) == (403, "push_refused")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_production_has_only_five_public_routes(make_app):
    app = make_app(env="production", wechat_appid="wx0123456789abcdef", wechat_secret="s" * 32)
    client = app.test_client()
    found = set()
    for method, rule in routes(app):
        status = client.open(rule.replace("<session_id>", "x"), method=method).status_code
        if status != 401:
            found.add((method, rule))
    hidden = WAY_IN | of_operators(app) | {("GET", "/metrics")}
    assert found == PUBLIC | SIGNED | hidden


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwdw==", "abc.def"])
def test_missing_bearer_token_is_token_missing(client, header):
    headers = {} if header is None else {"Authorization": header}
    response = client.get("/api/me", headers=headers)
    assert (response.status_code, response.get_json()["error"]) == (401, "token_missing")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="myapi"'


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "token",
    ["x", "a.b", ".", "a" * 5000, "a b", "\xff\xfe", "null", "..", "a.b.c"],
    ids=lambda token: repr(token)[:20],
)
def test_malformed_token_is_token_invalid(client, token):
    response = client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.get_json()["error"]) == (401, "token_invalid")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_forged_token_costs_no_query(app, client, sign_in, monkeypatch):
    phone = sign_in("alice")
    monkeypatch.setattr(authenticate, "_SELECT_CALLER", None)
    body, _, signature = phone.token.partition(".")
    forged = f"{body}.{'A' * len(signature)}"
    response = client.get("/api/me", headers={"Authorization": f"Bearer {forged}"})
    assert response.get_json()["error"] == "token_invalid"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bearer_scheme_is_case_insensitive(client, sign_in):
    token = sign_in("alice").token
    for scheme in ("bearer", "BEARER", "Bearer "):
        headers = {"Authorization": f"{scheme} {token}"}
        assert client.get("/api/me", headers=headers).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_token_is_accepted_only_in_the_header(client, sign_in):
    token = sign_in("alice").token
    assert client.get(f"/api/me?access_token={token}").status_code == 401
    client.set_cookie("Authorization", f"Bearer {token}")
    assert client.get("/api/me").status_code == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_token_signed_with_other_keys_is_token_invalid(make_app, sign_in):
    token = sign_in("alice").token
    other = make_app(secret_keys=("another key altogether, 0123456789",)).test_client()
    response = other.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert response.get_json()["error"] == "token_invalid"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("peer", "headers", "lan", "status"),
    [
        ("127.0.0.1", {}, False, 200),
        ("127.9.9.9", {}, False, 200),
        ("::1", {}, False, 200),
        ("::ffff:127.0.0.1", {}, False, 200),
        ("192.168.1.7", {}, False, 403),
        ("8.8.8.8", {}, False, 403),
        ("192.168.1.7", {}, True, 200),
        ("10.1.2.3", {}, True, 200),
        ("8.8.8.8", {}, True, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False, 403),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, True, 403),
        ("127.0.0.1", {"Forwarded": "for=1.2.3.4"}, False, 403),
        ("127.0.0.1", {"X-Real-IP": "1.2.3.4"}, False, 403),
        ("not an address", {}, False, 403),
    ],
)
def test_development_refuses_other_machines_and_proxies(make_app, peer, headers, lan, status):
    client = make_app(dev_lan=lan).test_client()
    response = client.get("/api/hello", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert response.status_code == status
    if status == 403:
        assert response.get_json()["error"] == "development_only"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("host", "lan", "bind", "status"),
    [
        ("localhost", False, "127.0.0.1:8000", 200),
        ("LOCALHOST:8000", False, "127.0.0.1:8000", 200),
        ("shop.localhost:8000", False, "127.0.0.1:8000", 200),
        ("127.0.0.1:8000", False, "127.0.0.1:8000", 200),
        ("[::1]:8000", False, "127.0.0.1:8000", 200),
        ("dev.example.com:8000", False, "dev.example.com:8000", 200),
        ("dev.example.com", False, "tcp://dev.example.com:8000", 200),
        ("3.tcp.tunnel.example:10023", False, "127.0.0.1:8000", 403),
        ("3.tcp.tunnel.example:10023", True, "0.0.0.0:8000", 403),
        ("notlocalhost", False, "127.0.0.1:8000", 403),
        ("localhost.example.com", False, "unix:/run/x.sock", 403),
        ("8.8.8.8", True, "127.0.0.1:8000", 403),
        ("192.168.1.7:8000", False, "127.0.0.1:8000", 403),
        ("192.168.1.7:8000", True, "0.0.0.0:8000", 200),
        ("laptop.local:8000", False, "127.0.0.1:8000", 403),
        ("laptop.local:8000", True, "0.0.0.0:8000", 200),
        ("[::1", False, "127.0.0.1:8000", 403),
        ("", False, "127.0.0.1:8000", 403),
    ],
)
def test_development_refuses_a_foreign_host(make_app, host, lan, bind, status):
    """So does the sandbox: a tunnel of raw TCP adds no header that would give it away."""
    client = make_app(dev_lan=lan, bind=bind).test_client()
    for path in ("/api/hello", "/sandbox/fault"):
        response = client.get(path, headers={"Host": host})
        if status == 403:
            assert (response.status_code, response.get_json()["error"]) == (403, "development_only")
            assert "MYAPI_DEV_LAN" in response.get_json()["msg"]
        else:
            assert response.status_code != 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_production_answers_any_host(make_app):
    client = make_app(env="production", wechat_appid="wx", wechat_secret="s").test_client()
    assert client.get("/api/hello", headers={"Host": "api.example.com"}).status_code == 200
