"""Flask without the steps that no call here needs: what is left out changes no answer."""

import pytest
from flask import Blueprint, Flask, request, session, url_for

from myapi.web.flask_app import App


@pytest.fixture(params=[Flask, App], ids=["Flask's own", "ours"])
def client(request):
    app = request.param("test")
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    inner = Blueprint("inner", __name__, url_prefix="/in")
    app.add_url_rule("/plain", view_func=lambda: "plain", endpoint="plain")
    app.add_url_rule("/plain", view_func=lambda: "put", endpoint="put", methods=["PUT"])
    app.add_url_rule("/<name>", view_func=lambda name: f"any {name}", endpoint="any")
    app.add_url_rule("/old", redirect_to="/plain", endpoint="old")
    app.add_url_rule("/set", view_func=lambda n: str(n), defaults={"n": 7}, endpoint="set")
    app.add_url_rule("/folder/", view_func=lambda: "folder", endpoint="folder")
    app.add_url_rule("/url", view_func=lambda: url_for("plain", _external=True), endpoint="url")
    app.add_url_rule("/host", view_func=lambda: request_host(), endpoint="host")
    app.add_url_rule("/session", view_func=lambda: str(dict(session)), endpoint="session")
    inner.add_url_rule("/where", view_func=lambda: ",".join(seen()), endpoint="where")
    inner.before_request(lambda: request_environ().update(hooked=True))
    inner.after_request(lambda answer: answer.headers.add("X-In", "1") or answer)
    app.register_blueprint(inner)
    return app.test_client()


def request_host():
    return request.host


def request_environ():
    return request.environ


def seen():
    return [*request.blueprints, str(request.environ.get("hooked"))]


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/plain", 200, "plain"),
        ("HEAD", "/plain", 200, ""),
        ("PUT", "/plain", 200, "put"),
        ("POST", "/plain", 405, None),
        ("GET", "/other", 200, "any other"),
        ("GET", "/%C3%BC", 200, "any ü"),
        ("GET", "/plain/", 404, None),
        ("GET", "/old", 308, None),
        ("GET", "/set", 200, "7"),
        ("GET", "/folder", 308, None),
        ("GET", "/folder/", 200, "folder"),
        ("GET", "/in/where", 200, "inner,True"),
        ("GET", "/url", 200, "http://localhost/plain"),
        ("GET", "/host", 200, "localhost"),
        ("GET", "/session", 200, "{}"),
        ("GET", "/", 404, None),
    ],
)
def test_a_call_is_routed_as_flask_itself_does(client, method, path, status, text):
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert text is None or answer.text == text
    assert ("X-In" in answer.headers) == path.startswith("/in")


@pytest.mark.parametrize(("given", "text"), [("//plain", "plain"), ("plain", "plain"), ("", None)])
def test_a_path_may_begin_as_it_likes(client, given, text):
    answer = client.get("/", environ_overrides={"PATH_INFO": given})
    assert answer.text == text or answer.status_code == 404


@pytest.mark.parametrize("path", ["/folder", "/old"])
def test_a_redirect_leads_where_flask_itself_leads(client, path):
    location = client.get(f"{path}?a=%C3%BC&b").headers["Location"]
    wanted = {"/folder": "http://localhost/folder/?a=%C3%BC&b", "/old": "http://localhost/plain"}
    assert location == wanted[path]


def test_trusted_hosts_are_kept_to(client):
    client.application.config["TRUSTED_HOSTS"] = ["api.example.com"]
    assert client.get("/plain").status_code == 400
    assert client.get("/plain", headers={"Host": "api.example.com"}).text == "plain"


def test_nobody_can_write_to_a_session(client):
    def write():
        session["a"] = 1

    client.application.add_url_rule("/write", view_func=write)
    assert client.get("/write").status_code == 500
