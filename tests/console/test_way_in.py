"""The way in: a link works once, its cookie is an operator's, and strangers find nothing."""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from myapi.clock import now
from tests.console.conftest import press, read

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LATER = timedelta(minutes=5, seconds=1)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PRODUCTION = {
    "env": "production",
    "wechat_appid": "wx0123456789abcdef",
    "wechat_secret": "s" * 32,
}


def is_not_there(response, client):
    """Whether a response is that of any path that does not exist."""
    expected = client.get("/nothing/of/the/kind")
    bodies = [{**each.get_json(), "request_id": ""} for each in (response, expected)]
    headers = [
        {k: v for k, v in each.headers if k not in {"X-Request-Id", "Content-Length"}}
        for each in (response, expected)
    ]
    return response.status_code == 404 and bodies[0] == bodies[1] and headers[0] == headers[1]


def test_link_shows_a_button_and_the_button_opens_the_console(app, make_link):
    client, link = app.test_client(), make_link()
    shown = client.get(link)
    assert shown.status_code == 200
    assert "This link is for support." in read(shown)
    assert len(re.findall("<button", shown.text)) == 1
    assert is_not_there(client.get("/console/"), client)
    opened = press(client, link)
    assert (opened.status_code, opened.headers["Location"]) == (303, "/console/")
    assert client.get("/console/").status_code == 200
    assert client.get("/console").status_code == 200


def test_looking_at_a_link_does_not_use_it_up(app, make_link):
    client, link = app.test_client(), make_link()
    for method in ("GET", "HEAD", "GET"):
        assert client.open(link, method=method).status_code == 200
    assert press(client, link).status_code == 303


def test_link_works_once(app, make_link):
    link = make_link()
    assert press(app.test_client(), link).status_code == 303
    second = app.test_client()
    for answer in (press(second, link), second.get(link)):
        assert answer.status_code == 410
        assert "This link is over" in read(answer)
        assert "<button" not in answer.text
    assert is_not_there(second.get("/console/"), second)


def test_of_two_who_open_a_link_at_once_one_wins(app, make_link):
    link = make_link()
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: press(app.test_client(), link), range(6)))
    assert sorted(answer.status_code for answer in answers) == [303, *[410] * 5]


@on_sqlite
def test_link_is_over_after_five_minutes(app, make_link):
    client, link = app.test_client(), make_link()
    with time_machine.travel(now() + LATER, tick=False):
        assert client.get(link).status_code == 410
        assert press(client, link).status_code == 410
        assert is_not_there(client.get("/console/"), client)


@on_sqlite
def test_link_with_another_secret_is_not_there(app, client, make_link):
    make_link()
    for secret in ("", "x", "A" * 43, "é" * 43, "A" * 5000):
        assert is_not_there(client.get("/console/open", query_string={"secret": secret}), client)
        assert is_not_there(client.post("/console/open", data={"secret": secret}), client)
    assert is_not_there(client.get("/console/open"), client)


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/console"),
        ("GET", "/console/"),
        ("POST", "/console/"),
        ("DELETE", "/console/users"),
        ("PROPFIND", "/console/users"),
        ("OPTIONS", "/console/users"),
        ("GET", "/console/users/0123456789abcdef01234567"),
        ("POST", "/console/users/0123456789abcdef01234567/ban"),
        ("GET", "/console/users/0123456789abcdef01234567/ban"),
        ("GET", "/console/style.css"),
        ("GET", "/console/style.css?for=page.aaaaaa." + "A" * 43),
        ("GET", "/console/icon.svg"),
        ("GET", "/console/app/notes"),
        ("POST", "/console/leave"),
        ("GET", "/console/no/such/page"),
        ("PUT", "/console/open"),
    ],
)
def test_without_a_cookie_the_console_is_not_there(client, method, path):
    assert is_not_there(client.open(path, method=method), client)


@on_sqlite
@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 4000, "ü" * 43, "' OR 1=1 --"])
def test_forged_cookie_opens_nothing(app, operator, cookie):
    client = app.test_client()
    for name in ("myapi_console", "__Host-myapi_console"):
        client.set_cookie(name, cookie)
    assert is_not_there(client.get("/console/"), client)
    assert operator.get().status_code == 200


@on_sqlite
def test_the_links_secret_is_no_cookie(app, make_link):
    link = make_link()
    press(app.test_client(), link)
    client = app.test_client()
    client.set_cookie("myapi_console", link.partition("secret=")[2])
    assert is_not_there(client.get("/console/"), client)


@on_sqlite
def test_cookie_ends_with_its_time(enter):
    operator = enter("--ttl", "30m")
    with time_machine.travel(now() + timedelta(minutes=29), tick=False):
        assert operator.get().status_code == 200
    with time_machine.travel(now() + timedelta(minutes=30, seconds=1), tick=False):
        assert is_not_there(operator.get(), operator.client)


@on_sqlite
def test_signing_out_ends_the_cookie_on_the_server(app, operator):
    (cookie,) = [operator.client.get_cookie("myapi_console")]
    left = operator.post("leave")
    assert left.status_code == 200
    assert "Signed out" in read(left)
    assert operator.client.get_cookie("myapi_console") is None
    copied = app.test_client()
    copied.set_cookie("myapi_console", cookie.value)
    assert is_not_there(copied.get("/console/"), copied)


@on_sqlite
def test_revoked_operator_is_out_at_once(runner, enter, make_link):
    operator, other = enter(name="Li Lei"), enter(name="Han Meimei")
    unopened = make_link(name="Li Lei")
    assert runner.invoke(args=["console", "revoke", "Li Lei"]).stdout == "2 operators ended\n"
    assert is_not_there(operator.get(), operator.client)
    assert press(operator.client, unopened).status_code == 410
    assert other.get().status_code == 200
    assert runner.invoke(args=["console", "revoke", "--all", "--yes"]).exit_code == 0
    assert is_not_there(other.get(), other.client)


@on_sqlite
def test_command_lists_operators_and_ends_one_by_id(runner, enter, make_link):
    enter("--read-only", name="first")
    make_link(name="second")
    page = json.loads(runner.invoke(args=["console", "list", "--json"]).stdout)
    assert page["next"] is None
    assert [(each["name"], each["state"], each["read_only"]) for each in page["items"]] == [
        ("second", "link", False),
        ("first", "in", True),
    ]
    assert not any("digest" in name for name in page["items"][0])
    first = page["items"][1]["id"]
    assert runner.invoke(args=["console", "revoke", first]).stdout == "1 operator ended\n"
    live = json.loads(runner.invoke(args=["console", "list", "--json", "--live"]).stdout)
    assert [each["name"] for each in live["items"]] == ["second"]
    nobody = runner.invoke(args=["console", "revoke", "nobody"])
    assert (nobody.exit_code, nobody.stderr) == (1, "Error: there is no such operator\n")


@on_sqlite
@pytest.mark.parametrize(
    "options",
    [
        ("--name", "12345"),
        ("--name", " "),
        ("--name", "x" * 65),
        ("--name", "a\nb"),
        ("--name", "x", "--ttl", "8"),
        ("--name", "x", "--ttl", "1m"),
        ("--name", "x", "--ttl", "8d"),
        (),
    ],
)
def test_command_refuses_a_wrong_name_or_time(runner, options):
    refused = runner.invoke(args=["console", "link", *options])
    assert refused.exit_code == 2
    assert refused.stdout == ""


@on_sqlite
def test_url_begins_with_the_public_url_and_without_it_a_warning_says_so(make_app):
    app = make_app(public_url="https://api.example.com")
    made = app.test_cli_runner().invoke(args=["console", "link", "--name", "support"])
    assert re.fullmatch(r"https://api\.example\.com/console/open\?secret=[\w-]{43}\n", made.stdout)
    assert made.stderr == ""
    local = make_app().test_cli_runner().invoke(args=["console", "link", "--name", "support"])
    assert local.stdout.startswith("http://127.0.0.1:8000/console/open?secret=")
    assert "MYAPI_PUBLIC_URL" in local.stderr


@on_sqlite
def test_a_second_link_in_the_same_browser_ends_the_first_cookie(app, operator, make_link):
    former = operator.client.get_cookie("myapi_console").value
    assert press(operator.client, make_link("--read-only")).status_code == 303
    assert "read-only" in operator.text()
    copied = app.test_client()
    copied.set_cookie("myapi_console", former)
    assert is_not_there(copied.get("/console/"), copied)


@on_sqlite
def test_restored_backup_lets_nobody_into_the_console(runner, enter, make_app, tmp_path):
    operator = enter()
    file = str(tmp_path / "backup.db")
    assert runner.invoke(args=["backup", file]).exit_code == 0
    runner.invoke(args=["console", "revoke", "support"])
    assert runner.invoke(args=["restore", file, "--yes"]).exit_code == 0
    client = make_app().test_client()
    client.set_cookie("myapi_console", operator.client.get_cookie("myapi_console").value)
    assert is_not_there(client.get("/console/"), client)


# ---- the cookie ----


@on_sqlite
def test_cookie_in_development_on_this_machine_goes_over_http(operator):
    (cookie,) = operator.response.headers.getlist("Set-Cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith("myapi_console=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes


@on_sqlite
def test_cookie_in_production_is_for_this_host_over_https_alone(make_app, make_link):
    app = make_app(**PRODUCTION)
    client = app.test_client()
    forwarded = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    secret = make_link().partition("secret=")[2]
    runner = app.test_cli_runner()
    made = runner.invoke(args=["console", "link", "--name", "support"]).stdout.strip()
    secret = made.partition("secret=")[2]
    opened = client.post(
        "/console/open",
        data={"secret": secret},
        headers=forwarded,
        base_url="https://api.example.com",
    )
    (cookie,) = opened.headers.getlist("Set-Cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-myapi_console=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert not any(each.startswith("Domain") for each in attributes)
    page = client.get("/console/", headers=forwarded, base_url="https://api.example.com")
    assert page.status_code == 200
    # The name without the prefix, which another site on this domain could set, counts for nothing.
    other = app.test_client()
    other.set_cookie("myapi_console", name.partition("=")[2], domain="api.example.com")
    refused = other.get("/console/", headers=forwarded, base_url="https://api.example.com")
    assert refused.status_code == 404


# ---- settings ----


@on_sqlite
def test_console_that_is_off_is_not_there(make_app, make_link):
    link = make_link()
    app = make_app(console=False)
    client = app.test_client()
    for path in (link, "/console/", "/console/style.css"):
        assert is_not_there(client.get(path), client)
    assert is_not_there(press(client, link), client)
    refused = app.test_cli_runner().invoke(args=["console", "link", "--name", "support"])
    assert refused.exit_code == 1
    assert "MYAPI_CONSOLE" in refused.stderr


@on_sqlite
def test_addresses_outside_the_list_find_nothing(make_app, make_link):
    app = make_app(
        **PRODUCTION, console_addresses=("203.0.113.0/24", "2001:db8::/32"), trusted_proxies=1
    )
    made = app.test_cli_runner().invoke(args=["console", "link", "--name", "support"]).stdout
    link = "/console/open?" + made.strip().partition("?")[2]
    client = app.test_client()

    def call(address, path):
        headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
        return client.get(path, headers=headers, base_url="https://api.example.com")

    for address in ("198.51.100.1", "2001:db9::1", "nonsense", "::ffff:198.51.100.1"):
        assert call(address, link).status_code == 404
    for address in ("203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9"):
        assert call(address, link).status_code == 200


@on_sqlite
def test_operator_of_another_mini_program_on_the_same_database_is_a_stranger(
    make_app, operator, make_link
):
    other = make_app(wechat_appid="wx-another", wechat_secret="s").test_client()
    other.set_cookie("myapi_console", operator.client.get_cookie("myapi_console").value)
    assert is_not_there(other.get("/console/"), other)
    assert is_not_there(other.get(make_link()), other)


# ---- headers and logs ----


def style_of(page):
    return re.search('href="(/console/style.css[^"]*)"', page.text)[1]


@on_sqlite
def test_stylesheet_of_a_page_without_an_operator_is_there_for_a_few_minutes(
    app, operator, make_link
):
    client, link = app.test_client(), make_link()
    pages = [client.get(link), press(client, link), client.get(link), operator.post("leave")]
    del pages[1]  # it leads elsewhere
    for page in pages:
        style = style_of(page)
        assert app.test_client().get(style).mimetype == "text/css"
        with time_machine.travel(now() + LATER, tick=False):
            assert is_not_there(app.test_client().get(style), client)


@on_sqlite
def test_every_page_has_the_headers(app, operator, make_link):
    client, link = app.test_client(), make_link()
    pages = [
        client.get(link),
        client.get(style_of(client.get(link))),
        press(client, link),
        client.get(link),
        operator.get(),
        operator.get("style.css"),
        operator.get("icon.svg"),
        operator.get("no/such/page"),
        operator.client.delete("/console/"),
        operator.client.post("/console/leave"),
        operator.post("leave"),
    ]
    assert [page.status_code for page in pages] == [
        *(200, 200, 303, 410, 200, 200, 200, 404, 404, 403, 200)
    ]
    for page in pages:
        for name, value in HEADERS.items():
            assert page.headers.getlist(name) == [value], page
        assert "<script" not in page.text
        assert " style=" not in page.text


@on_sqlite
def test_secrets_are_in_no_log(app, make_link, caplog):
    caplog.set_level(logging.DEBUG)
    client, link = app.test_client(), make_link()
    client.get(link)
    press(client, link)
    client.get("/console/")
    cookie = client.get_cookie("myapi_console").value
    assert link.partition("secret=")[2] not in caplog.text
    assert cookie not in caplog.text


@on_sqlite
def test_only_digests_are_stored(execute, enter):
    operator = enter()
    rows = repr(execute("SELECT * FROM myapi_operators"))
    assert operator.link.partition("secret=")[2] not in rows
    assert operator.client.get_cookie("myapi_console").value not in rows


# ---- forms ----


@on_sqlite
def test_form_without_its_token_or_with_a_foreign_one_is_refused(enter):
    mine, other = enter(), enter()
    assert mine.csrf != other.csrf
    for token in (None, "", "x", "é", other.csrf):
        assert mine.post("leave", csrf=token).status_code == 403
    assert mine.get().status_code == 200


@on_sqlite
@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_form_that_another_site_sent_is_refused(app, operator, make_link, site):
    headers = {"Sec-Fetch-Site": site}
    data = {"csrf": operator.csrf}
    refused = operator.client.post("/console/leave", data=data, headers=headers)
    assert refused.status_code == 403
    client, link = app.test_client(), make_link()
    assert press(client, link, headers=headers).status_code == 410
    assert press(client, link).status_code == 303


@on_sqlite
def test_language_is_the_browsers_or_the_one_chosen(operator):
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    assert 'lang="zh-CN"' in operator.get(headers=chinese).text
    assert '<html lang="en"' in operator.get().text
    operator.get("?lang=zh")
    assert '<html lang="zh-CN"' in operator.get().text
    operator.get("?lang=en", headers=chinese)
    assert '<html lang="en"' in operator.get(headers=chinese).text
    assert operator.get("?lang=<script>").status_code == 200
