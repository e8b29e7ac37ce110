"""The console in Chromium, through the deployed Nginx over HTTPS: by clicking, and by keyboard.

Every page is checked by axe-core, and fits its width. No task needs JavaScript: the policy of the
pages allows none.
"""

import json
import shutil
import zlib

import pytest
from sqlalchemy import insert

from myapi import create_app
from myapi.clock import now
from myapi.console import language
from myapi.db.transactions import write
from myapi.extensions import keyring
from myapi.push.models import Event
from myapi.settings import ROOT, Settings
from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests.browser import Browser
from tests.fixtures import close
from tests.front import DOMAIN, Front, UnixSocketService
from tests.requirements import need
from tests.servers import HOST, Nginx
from tests.service import KEY, PRODUCTION, wait_for

AXE = ROOT / "miniprogram" / "node_modules" / "axe-core" / "axe.min.js"
URL = f"https://{DOMAIN}"
CHINESE = json.loads(language.TEXTS.read_text(encoding="utf-8"))
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


class Axe:
    @staticmethod
    def available():
        return None if AXE.exists() else "axe-core not found: make miniprogram-tools"


class Site:
    """The service in production behind Nginx, and a browser that finds it by its name."""

    def __init__(self, front, service, app, browser):
        self.front = front
        self.service = service
        self.app = app
        self.browser = browser

    def link(self, *options):
        made = self.service.flask("console", "link", "--name", "李雷", *options)
        assert made.stdout.startswith(f"{URL}/console/open?secret="), made.stderr
        return made.stdout.strip()

    def enter(self, language="en", width=1280, options=(), scheme="light"):
        page = self.browser.page(width, scheme=scheme)
        page.send("Emulation.setUserAgentOverride", userAgent="Chromium", acceptLanguage=language)
        page.open(self.link(*options))
        return page

    def sign_in(self, code):
        body = json.dumps({"code": code})
        answer = self.front.call("POST", "/api/auth/login", body, Content_Type="application/json")
        data = json.loads(answer.body)["data"]
        return data["user"]["id"], {"Authorization": f"Bearer {data['token']}"}

    def make_user(self, code, nickname):
        """Make a user with a phone number and two devices; return the id."""
        self.sign_in(code)
        user, headers = self.sign_in(code)
        headers["Content-Type"] = "application/json"
        self.front.call("PUT", "/api/me", json.dumps({"nickname": nickname}), **headers)
        phone = json.dumps({"code": f"phone-139{zlib.crc32(code.encode()) % 10**8:08}"})
        assert self.front.call("POST", "/api/me/phone", phone, **headers).status == 200
        return user

    def fail_event(self, name):
        """Add an event of WeChat that has failed."""

        def work(tx):
            values = {
                "appid": PRODUCTION["wechat_appid"],
                "digest": name.encode().ljust(32)[:32],
                "name": name,
                "text": keyring().seal(json.dumps({"Event": name})),
                "state": "failed",
                "attempts": 9,
                "last_error": "KeyError",
                "created_at": now(),
                "next_at": now(),
            }
            return tx.execute(insert(Event).values(values)).lastrowid

        with self.app.app_context():
            return write(work)


@pytest.fixture(scope="module")
def site(migrated_sqlite, tmp_path_factory):
    need(Nginx, Browser, Axe)
    folder = tmp_path_factory.mktemp("console")
    database = f"sqlite:///{shutil.copy(migrated_sqlite, folder)}"
    sandbox = Sandbox(folder / "sandbox.db")
    with SandboxServer(sandbox) as wechat:
        settings = {"database_url": database, "wechat_base_url": wechat.url, "public_url": URL}
        service = UnixSocketService(folder / "http.sock", **settings, **PRODUCTION)
        given = {"secret_keys": (KEY,), "instance_path": folder, **settings, **PRODUCTION}
        app = create_app(Settings(**given))
        front = Front(service.path, console_rate=100)
        with service, front, Browser({f"{DOMAIN}:443": f"{HOST}:{front.tls_port}"}) as browser:
            yield Site(front, service, app, browser)
        close(app)
    sandbox.close()


def check(page):
    """Check what every page must hold."""
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, f"{page.path} is {overflow} px too wide"
    assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px", "no stylesheet"
    assert page.evaluate("document.scripts.length") == 0
    page.evaluate(f"{AXE.read_text(encoding='utf-8')}; 0")
    found = page.evaluate(f"axe.run(document, {json.dumps(RULES)}).then(r => r.violations)")
    problems = [
        (each["id"], [(node["html"][:150], node["failureSummary"][:300]) for node in each["nodes"]])
        for each in found
    ]
    assert problems == [], f"{page.path}: {problems}"


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("in_language", ["en", "zh-CN"])
def test_each_task_is_done_by_clicking(site, tmp_path, in_language, width):
    def t(text):
        return CHINESE[text] if in_language == "zh-CN" else text

    def reason(number, text):
        page.click(f"#reason-{number}")
        page.write(text)

    nickname = f"小明{in_language}{width}"
    user = site.make_user(f"u-{in_language.lower()}-{width}", nickname)
    event = site.fail_event(f"event_{in_language[:2]}_{width}")
    page = site.enter(in_language, width)
    check(page)
    page.go(t("Open the console"))
    assert page.path == "/console/"
    assert "secret" not in page.evaluate("location.href")
    check(page)

    page.go(t("Users"))
    check(page)
    page.click("#q")
    page.write(nickname)
    page.go(t("Find"))
    check(page)
    page.go(nickname)
    assert page.path == f"/console/users/{user}"
    check(page)

    page.click(t("Show the phone number"))
    reason("phone", "核对订单")
    check(page)
    page.go(t("Show the number"))
    assert t("shown once; the audit has it") in page.text
    assert "******" not in page.text
    check(page)

    page.click(t("End"))
    reason("end-1", "手机丢失")
    page.go(t("End this device"))
    assert t("The device is signed out.") in page.text
    check(page)

    page.allow_downloads(tmp_path)
    page.click(t("Export the data"))
    reason("export", "用户要求")
    page.click(t("Download the file"))
    file = wait_for_file(tmp_path / f"{user}.json")
    assert json.loads(file)["nickname"] == nickname

    page.open(f"{URL}/console/users/{user}")
    page.click(t("Ban the user"))
    reason("ban", "发布广告")
    page.go(t("Ban the user"), which=-1)
    assert t("The user is banned, and all devices are signed out.") in page.text
    check(page)
    page.click(t("Lift the ban"))
    reason("unban", "已改正")
    page.go(t("Lift the ban"), which=-1)
    assert t("The ban is lifted.") in page.text

    page.click(t("Erase the account"))
    reason("erase", "用户要求")
    page.go(t("Continue"))
    assert t("Erase this account?") in page.text
    check(page)
    page.go(t("Erase for good"))
    assert t("The account is erased.") in page.text

    page.go(t("Events"))
    check(page)
    page.go(f"event_{in_language[:2]}_{width}")
    assert page.path == f"/console/events/{event}"
    check(page)
    page.open(f"{URL}/console/events")
    page.go(t("Retry event {id}").format(id=event))
    assert t("The event is being handled again.") in page.text

    page.go(t("Messages"))
    check(page)
    page.go(t("Audit"))
    assert t("Account erased") in page.text
    check(page)
    page.open(f"{URL}/console/nothing")
    check(page)
    page.go(t("Sign out"))
    check(page)
    page.open(f"{URL}/console/")
    assert '"error":"not_found"' in page.text


def wait_for_file(path):
    return wait_for(lambda: path.exists() and path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("width", [375, 1280])
def test_dark_pages_have_contrast_too(site, width):
    user = site.make_user(f"dark-{width}", "夜里")
    site.fail_event(f"dark_{width}")
    page = site.enter(width=width, scheme="dark")
    check(page)
    page.go("Open the console")
    paths = ("", "users", f"users/{user}", "events", "messages", "audit", "users?q=nobody")
    for path in paths:
        page.open(f"{URL}/console/{path}")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 19)"
        check(page)


def test_a_user_is_banned_with_the_keyboard_alone(site):
    user = site.make_user("keys", "键盘")
    page = site.enter()
    page.leave_by("Enter")  # the one button has the focus
    assert page.path == "/console/"

    def tab_to(text):
        for _ in range(60):
            page.press("Tab")
            found = page.evaluate("(e => e.innerText || e.id || '')(document.activeElement)")
            if text in [line.strip() for line in found.splitlines()]:
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"the focus on {text} cannot be seen"
                return
        raise AssertionError(f"{text} is not reached by Tab")

    page.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to("Users")
    page.leave_by("Enter")
    tab_to("q")
    page.write("键盘")
    page.leave_by("Enter")
    tab_to("键盘")
    page.leave_by("Enter")
    tab_to("Ban the user")
    page.press("Enter")
    tab_to("reason-ban")
    page.write("by keyboard")
    page.press("Tab")
    page.leave_by("Enter")
    assert "The user is banned" in page.text
    assert page.path == f"/console/users/{user}"


def test_read_only_operator_sees_all_and_no_form(site):
    user = site.make_user("looked-at", "只看")
    page = site.enter(options=("--read-only",))
    assert "change nothing" in page.text
    page.go("Open the console")
    for path in ("", f"users/{user}", "events"):
        page.open(f"{URL}/console/{path}")
        check(page)
        assert page.evaluate("document.forms.length") == 1  # to sign out


def test_page_is_shown_in_no_frame(site):
    page = site.enter()
    page.go("Open the console")
    page.open("about:blank")
    page.evaluate(f"document.body.innerHTML = '<iframe src=\"{URL}/console/\"></iframe>'")
    page.evaluate("new Promise(done => setTimeout(done, 1500))")
    (frame,) = page.send("Page.getFrameTree")["frameTree"]["childFrames"]
    assert frame["frame"]["url"].startswith("chrome-error:")


def test_nginx_keeps_the_headers_of_the_console_and_logs_no_secret(site):
    link = site.link()
    path = link.removeprefix(URL)
    shown = site.front.call("GET", path)
    assert shown.status == 200
    assert shown.headers.get_all("Content-Security-Policy") == [
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ]
    for name, value in {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Strict-Transport-Security": "max-age=63072000",
    }.items():
        assert shown.headers.get_all(name) == [value]
    hidden, other = (site.front.call("GET", each) for each in ("/console/users", "/nothing"))
    assert hidden.status == other.status == 404
    same = [
        {name: text for name, text in each.headers.items() if name not in ("Date", "X-Request-Id")}
        for each in (hidden, other)
    ]
    assert same[0] == same[1]
    secret = path.partition("secret=")[2]
    logs = [site.front.folder / name for name in ("access.log", "error.log", "log")]
    for text in (*(file.read_text(errors="replace") for file in logs), site.service.log()):
        assert secret not in text


def test_flood_of_the_console_is_limited_by_nginx_alone_from_the_rest(site):
    with Front(site.service.path, console_rate=1, console_burst=3) as front:
        statuses = [front.call("GET", "/console/users").status for _ in range(6)]
        assert 429 in statuses
        assert front.call("GET", "/api/hello").status == 200


def test_link_over_plain_http_is_refused_and_not_redirected(site):
    answer = site.front.call_http("GET", "/console/open?secret=x")
    assert (answer.status, json.loads(answer.body)["error"]) == (403, "https_required")
