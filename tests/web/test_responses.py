"""JSON responses, and hooks that change them."""

import pytest
from flask import after_this_request

from myapi.web.access import public
from myapi.web.endpoint import endpoint

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def response_after(app, change):
    """Return the response to hello after a hook has called `change` with it."""
    app.after_request(lambda answer: change(answer) or answer)
    return app.test_client().get("/api/hello")


def test_head_response_has_the_length_and_no_body(client):
    answer = client.head("/api/hello")
    assert answer.data == b""
    assert answer.headers["Content-Length"] == client.get("/api/hello").headers["Content-Length"]
    assert answer.headers["Content-Type"] == "application/json"


def test_hook_can_replace_the_body(app):
    answer = response_after(app, lambda answer: answer.set_data(b"other"))
    assert (answer.data, answer.headers["Content-Length"]) == (b"other", "5")


def test_hook_can_stream_the_body(app):
    def stream(answer):
        answer.response = iter([b"a", b"b"])

    assert response_after(app, stream).data == b"ab"


@pytest.mark.parametrize("status", [204, 304])
def test_hook_can_remove_the_body_by_status(app, status):
    def empty(answer):
        answer.status_code = status

    answer = response_after(app, empty)
    assert answer.data == b""
    assert "Content-Length" not in answer.headers


def test_call_on_close_is_called(app):
    ended = []

    def wait(answer):
        answer.call_on_close(lambda: ended.append(True))

    response_after(app, wait).close()
    assert ended


def test_view_can_add_a_header(app):
    def view():
        after_this_request(lambda answer: answer.headers.add("X-A", "b") or answer)
        return app.view_functions["hello.hello"]()

    view.access = app.view_functions["hello.hello"].access
    app.add_url_rule("/added", view_func=view)
    assert app.test_client().get("/added").headers["X-A"] == "b"


def test_line_separators_are_escaped(app, client):
    """An iPhone turns U+2028 and U+2029 into line breaks, and then cannot parse the JSON."""

    @app.get("/separators")
    @public
    @endpoint(returns=dict[str, str])
    def separators():
        return {"a\u2028b": "c\u2029d\u2027\u202a小明"}

    answer = client.get("/separators")
    assert "\u2028" not in answer.text
    assert "\u2029" not in answer.text
    assert answer.get_json()["data"] == {"a\u2028b": "c\u2029d\u2027\u202a小明"}
