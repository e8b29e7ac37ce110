"""JSON out."""

import pytest

from myapi.web.access import public
from myapi.web.endpoint import endpoint

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_head_response_has_the_length_and_no_body(client):
    answer = client.head("/api/hello")
    assert answer.data == b""
    assert answer.headers["Content-Length"] == client.get("/api/hello").headers["Content-Length"]
    assert answer.headers["Content-Type"] == "application/json"


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
