"""The console as an operator uses it: a link of the command, its button, then pages and forms."""

import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


@dataclass
class Operator:
    """A browser that has opened a link."""

    client: FlaskClient
    link: str
    response: TestResponse  # of the button

    def get(self, path="", **options) -> TestResponse:
        return self.client.get(f"/console/{path}", **options)

    def text(self, path="", **options) -> str:
        """Return a page as a person reads it: without tags, on one line."""
        response = self.get(path, **options)
        assert response.status_code == 200, response.text
        return read(response)

    @property
    def csrf(self) -> str:
        return CSRF.search(self.get().text)[1]

    def post(self, path, **fields) -> TestResponse:
        given = {"csrf": self.csrf, "reason": "asked by phone", **fields}
        data = {name: value for name, value in given.items() if value is not None}
        return self.client.post(f"/console/{path}", data=data)


def read(response: TestResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


@pytest.fixture
def make_link(runner):
    """Make a link: `make_link("--read-only")` returns its path with the query."""

    def make(*options, name="support", via=runner):
        made = via.invoke(args=["console", "link", "--name", name, *options])
        assert made.exit_code == 0, made.output
        url = urlsplit(made.stdout.strip())
        return f"{url.path}?{url.query}"

    return make


@pytest.fixture
def enter(app, make_link):
    """Open a link in a new browser: `enter("--read-only")`."""

    def enter(*options, name="support"):
        link = make_link(*options, name=name)
        client = app.test_client()
        return Operator(client, link, press(client, link))

    return enter


@pytest.fixture
def operator(enter) -> Operator:
    return enter()


def press(client, link, **options):
    """Press the button of a link."""
    secret = link.partition("secret=")[2]
    return client.post("/console/open", data={"secret": secret}, **options)
