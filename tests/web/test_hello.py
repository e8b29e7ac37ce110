"""GET /api/hello."""

import re


def test_hello_keeps_its_older_format(client):
    body = client.get("/api/hello").get_json()
    assert set(body) == {"code", "msg", "time"}
    assert (body["code"], body["msg"]) == (0, "Hello from Aliyun Lighthouse!")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["time"])
