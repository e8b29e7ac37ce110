"""The page and its files: only in development, and loading nothing from other hosts."""

import json
import re

import pytest

from myapi.web.openapi.description import describe
from myapi.web.openapi.views import FILES, FOLDER, POLICY

SCRIPTS = [name for name in FILES if name.endswith(".js")]
PATHS = ["/", "/openapi.json", "/docs", *(f"/docs/{name}" for name in FILES)]


@pytest.fixture
def database_url(tmp_path):
    """A file that does not exist: none of these tests needs a database."""
    return f"sqlite:///{tmp_path}/absent.db"


def test_description_is_served_as_json(client, app):
    response = client.get("/openapi.json")
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    described = {**describe(app), "servers": [{"url": "http://localhost"}]}
    assert response.get_json() == json.loads(json.dumps(described))


def test_description_names_this_host_so_that_it_can_be_imported_as_a_file(client):
    description = client.get("/openapi.json", base_url="http://127.0.0.1:8123").get_json()
    assert description["servers"] == [{"url": "http://127.0.0.1:8123"}]


def test_description_is_served_in_chinese_when_asked(client):
    english = client.get("/openapi.json").get_json()
    chinese = client.get("/openapi.json?lang=zh").get_json()
    assert chinese["info"]["description"].startswith("微信小程序的后端")
    assert [tag["name"] for tag in chinese["tags"]][:2] == ["问好", "登录与会话"]
    shown = chinese["paths"]["/api/me"]["get"]
    assert (shown["summary"], shown["tags"]) == ("查看我的资料。", ["我的账号"])
    nickname = chinese["components"]["schemas"]["UserOut"]["properties"]["nickname"]
    assert nickname["anyOf"][0]["description"] == "用户还没有设置时为 null。"
    assert without_texts(chinese) == without_texts(english)


def without_texts(part):
    """Return a description without what a translation may change."""
    if isinstance(part, list):
        return [without_texts(item) for item in part]
    if isinstance(part, dict):
        texts = {"summary", "description", "tags"}
        return {key: without_texts(value) for key, value in part.items() if key not in texts}
    return part


def test_root_leads_to_the_page_and_is_not_described(client):
    response = client.get("/")
    assert (response.status_code, response.location) == (302, "/docs")
    assert "/" not in client.get("/openapi.json").get_json()["paths"]


def test_files_of_the_page_are_served(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    files = set(re.findall(r'(?:href|src)="(docs/[^"]+)"', page.text))
    assert files == {"docs/docs.css", "docs/docs.js"}
    for name in SCRIPTS:
        script = client.get(f"/docs/{name}").text
        files |= set(re.findall(r"'(docs/[^']+)'", script))
        files |= {f"docs/{module}" for module in re.findall(r"from '\./([^']+)'", script)}
    assert files == {f"docs/{name}" for name in FILES} - {"docs/docs.html"}
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
    dangerous = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|Function\("
    )
    assert not re.search(dangerous, scripts())


def test_page_stores_only_choices_beyond_the_tab_and_sets_no_cookie():
    assert set(re.findall(r"\bstore\('(\w+)'", scripts())) == {"client", "lang", "theme"}
    assert set(re.findall(r"sessionStorage\.\w+\('([\w.]+)'", scripts())) == {"docs.token"}
    assert "cookie" not in scripts()


def test_page_is_small():
    """The modules, the style, and the Chinese words of the whole API; no build step, no library."""
    assert sum((FOLDER / name).stat().st_size for name in FILES) < 65_000


def test_every_text_of_the_page_is_translated_to_chinese():
    chinese = json.loads((FOLDER / "zh.json").read_text(encoding="utf-8"))
    texts = set(re.findall(r"\b(?:t|tr|note)\('([^']+)'\)", scripts()))
    texts |= set(re.findall(r"\blabel\(.*, '([^']+)'\)", scripts()))
    assert len(texts) > 20
    assert texts <= chinese.keys()


def scripts():
    """Return the text of all modules of the page."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)


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
