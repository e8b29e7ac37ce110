"""The page and its files: only in development, and loading nothing from other hosts."""

import json
import re

import pytest

from myapi.web.openapi.description import describe
from myapi.web.openapi.views import FILES, FOLDER, POLICY

PATHS = ["/", "/openapi.json", "/docs", *(f"/docs/{name}" for name in FILES)]


@pytest.fixture
def database_url(tmp_path):
    """A file that does not exist: none of these tests needs a database."""
    return f"sqlite:///{tmp_path}/absent.db"


def test_description_is_served_as_json(client, app):
    response = client.get("/openapi.json")
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.get_json() == json.loads(json.dumps(describe(app)))


def test_root_leads_to_the_page_and_is_not_described(client):
    response = client.get("/")
    assert (response.status_code, response.location) == (302, "/docs")
    assert "/" not in client.get("/openapi.json").get_json()["paths"]


def test_files_of_the_page_are_served(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    files = re.findall(r'(?:href|src)="(docs/[^"]+)"', page.text)
    files += re.findall(r"'(docs/[^']+)'", client.get("/docs/docs.js").text)
    assert sorted(files) == ["docs/docs.css", "docs/docs.js", "docs/zh.json"]
    for file in files:
        response = client.get(f"/{file}")
        assert response.status_code == 200
        assert response.mimetype == FILES[file.removeprefix("docs/")]


@pytest.mark.parametrize("path", PATHS)
def test_responses_have_the_content_security_policy(client, path):
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_policy_allows_no_inline_code():
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    page = (FOLDER / "docs.html").read_text(encoding="utf-8")
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=", page)


def test_page_links_to_no_other_host():
    for name in FILES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]+", text)) <= {"http://www.w3.org"}


def test_page_never_turns_data_into_markup():
    script = (FOLDER / "docs.js").read_text(encoding="utf-8")
    dangerous = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|Function\("
    )
    assert not re.search(dangerous, script)


def test_page_keeps_the_token_only_in_memory():
    script = (FOLDER / "docs.js").read_text(encoding="utf-8")
    assert re.findall(r"store\('(\w+)'", script) == ["lang", "theme"]
    assert "sessionStorage" not in script
    assert "cookie" not in script


def test_page_is_small():
    assert sum((FOLDER / name).stat().st_size for name in FILES) < 45_000


def test_every_text_of_the_page_is_translated_to_chinese():
    script = (FOLDER / "docs.js").read_text(encoding="utf-8")
    chinese = json.loads((FOLDER / "zh.json").read_text(encoding="utf-8"))
    texts = set(re.findall(r"\b(?:t|tr|note)\('([^']+)'\)", script))
    assert len(texts) > 10
    assert texts <= chinese.keys()


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fdocs.py", "docs.py", "%2e%2e/openapi.py"])
def test_no_other_file_is_served(client, name):
    response = client.get(f"/docs/{name}")
    assert response.status_code == 404
    assert response.get_json()["error"] == "not_found"


@pytest.mark.parametrize("path", PATHS)
def test_requests_from_other_machines_are_refused(client, path):
    response = client.get(path, environ_overrides={"REMOTE_ADDR": "203.0.113.7"})
    assert response.status_code == 403
    assert response.get_json()["error"] == "development_only"


@pytest.mark.parametrize("path", PATHS)
def test_docs_do_not_exist_in_production(make_app, path):
    app = make_app(env="production", wechat_appid="wx0123456789abcdef", wechat_secret="0" * 32)
    response = app.test_client().get(path)
    assert response.status_code == 404
    assert response.get_json()["error"] == "not_found"
