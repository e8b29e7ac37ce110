"""README and guides work as they are written: every block of them is used.

The Chinese pages are followed. The blocks of the English ones are the same but for their comments:
tests/test_docs.py.
"""

import base64
import io
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys

import pytest
import requests
from PIL import Image
from sqlalchemy import create_engine, text

from myapi.messages.rules import KINDS
from myapi.settings import ROOT
from myapi.settings.declaration import SANDBOX_APPID
from tests.certificates import Issued
from tests.checkout import Checkout
from tests.fixtures import empty_database
from tests.pages import blocks_of, translated
from tests.reader import ADDRESS, Reader
from tests.requirements import Program, need
from tests.revisions import HEAD
from tests.servers import Nginx
from tests.service import wait_for

AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "somebody"), ("EMAIL", "somebody@example.com"))
}
RECIPE_OF_0_1 = ROOT / "tests" / "recipe_of_0_1"
#: Opens a page of a mini program on a phone, and prints what it shows.
OPEN_PAGE = """
const [, phone, page] = process.argv
const { Phone } = require(phone)
const alice = new Phone({ person: 'alice' })
global.wx = alice.wx
const setData = data => console.log(JSON.stringify(data)) || alice.close()
global.Page = it => it.onLoad.call({ setData })
require(page)
"""


def chinese(page):
    """Return the blocks of a page's Chinese twin."""
    return blocks_of(translated(page))


# ---- the README and the reference ----


@pytest.fixture
def repository(tmp_path):
    """The environment in which the documents' address of the repository means this checkout.

    A clone has the packages of this test process, so that nothing is fetched.
    """
    files = shutil.ignore_patterns(
        *(".git", ".venv*", ".*_cache", "__pycache__", "node_modules", "instance", "build", "app"),
        ".coverage.*",  # of the tests beside this one: they come and go
    )
    shutil.copytree(ROOT, tmp_path / "repository", ignore=files)
    for command in ("init --quiet", "add --all", "commit --quiet --message all"):
        subprocess.run(
            ["git", *command.split()],
            cwd=tmp_path / "repository",
            check=True,
            env={**os.environ, **AUTHOR},
        )
    hook = tmp_path / "template/hooks/post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f'#!/bin/sh\nPYTHONPATH="$PWD" exec "{sys.executable}" -m tests.checkout\n')
    hook.chmod(0o755)
    return {
        **AUTHOR,
        "GIT_TEMPLATE_DIR": str(tmp_path / "template"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{tmp_path}/repository.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
    }


@pytest.fixture
def reader(tmp_path, repository):
    """A newcomer with an empty folder."""
    (tmp_path / "newcomer").mkdir()
    # `make test` runs a few tests in place of all.
    few = {"PYTEST_ADDOPTS": "tests/web/test_hello.py --numprocesses=0", "PYTHON": sys.executable}
    with Reader(tmp_path / "newcomer", **repository, **few) as reader:
        yield reader


def test_readme_leads_from_the_clone_to_an_own_endpoint(reader, tmp_path):
    need(Program("git"), Program("make"), Program("curl"), Program("node", "nodejs"))
    install, log_in, windows, call, client, a_page, feature, live = chinese("README.md")
    reader.type(install.code)
    printed = reader.type(log_in.code)
    assert '"nickname":null' in printed
    assert " passed" in printed

    assert windows.code == "py dev.py\n"
    login, me = reader.invoke(call.code)
    assert login["data"]["user"] == me["data"]

    shutil.copytree(reader.folder / "miniprogram/myapi", reader.folder / "mini/myapi")
    reader.save("mini/utils/api.js", client.code)
    reader.save("mini/pages/home/home.js", a_page.code)
    shown = node(
        OPEN_PAGE, ROOT / "tests/miniprogram/phone", reader.folder / "mini/pages/home/home"
    )
    assert json.loads(shown)["me"] == me["data"]

    reader.environ["PYTEST_ADDOPTS"] = "-k 'notes or imports'"
    assert " passed" in reader.type(feature.code)
    assert live.place == "server"  # tests/install follows it


def test_sandbox_does_what_its_page_says(reader):
    token, token_there, *pushes, encrypt, encrypt_there, fault, fault_there = chinese(
        "docs/reference/sandbox.md"
    )
    push, push_there = pushes
    reader.type(f"git clone {ADDRESS}\ncd myapi\nmake run")
    assert '"nickname":null' in reader.type(token.code)
    assert "Invoke-RestMethod" in token_there.code  # with `flask`, which a test cannot type there
    assert json.loads(reader.type(push.code)) == {"status": 200, "answer": "success"}
    assert reader.invoke(push_there.code) == [{"status": 200, "answer": "success"}]
    assert "encryptedData" in reader.type(encrypt.code)
    assert "encryptedData" in reader.invoke(encrypt_there.code)[0]
    assert json.loads(reader.type(fault.code)) == {"kind": "slow", "times": 3}
    assert reader.invoke(fault_there.code) == [{"kind": "slow", "times": 3}]


#: A route of a team that returns what the block of the guide gets.
OWN_ROUTE = '''
from flask import Blueprint
from msgspec import Struct

from myapi.extend import Extension, endpoint

{imports}

bp = Blueprint("delivery", __name__, url_prefix="/api/delivery")


class Delivery(Struct):
    number: str | None


@bp.get("")
@endpoint(returns=Delivery)
def show() -> Delivery:
    """Show to which number we deliver."""
    {number}
    return Delivery(number)


extension = Extension(blueprints=[bp])
'''


def test_phone_number_guide_stores_a_number_and_own_code_gets_it(reader):
    _button, _page, own_code, send, send_there = chinese(
        "docs/guides/phone-number.md"
    )  # test_miniprogram runs the page
    imports, number = own_code.code.strip().split("\n\n")
    reader.type(f"git clone {ADDRESS}\ncd myapi")
    reader.save("app/__init__.py", OWN_ROUTE.format(imports=imports, number=number))
    reader.type("make run")
    log_in = "TOKEN=$(.venv/bin/flask dev token alice)\n"
    assert '"phone":"138******00"' in reader.type(log_in + send.code)
    own = 'curl localhost:8000/api/delivery -H "Authorization: Bearer $TOKEN"'
    assert '"number":"13800138000"' in reader.type(log_in + own)
    assert "Invoke-RestMethod" in send_there.code  # with `flask`, which a test cannot type there


def test_avatar_guide_uploads_a_picture_and_has_the_sandbox_judge_a_nickname(reader):
    _button, _page, send, send_there = chinese(
        "docs/guides/avatar-and-nickname.md"
    )  # test_miniprogram runs the page
    reader.type(f"git clone {ADDRESS}\ncd myapi")
    reader.save(".env", "MYAPI_CONTENT_CHECK=on\n")
    shutil.copy(ROOT / "docs/miniprogram/home-light.png", reader.folder / "avatar.jpg")
    reader.type("make run")
    log_in = "TOKEN=$(.venv/bin/flask dev token alice)\n"
    user = json.loads(reader.type(log_in + send.code))["data"]
    assert requests.get(user["avatar_url"], timeout=10).headers["Content-Type"] == "image/jpeg"
    rename = (
        'curl -X PUT localhost:8000/api/me -H "Authorization: Bearer $TOKEN"'
        """ -H 'Content-Type: application/json' -d '{"nickname":"so risky"}'"""
    )
    assert '"error":"content_risky"' in reader.type(log_in + rename)
    assert send_there.code == send.code.replace("localhost", "http://127.0.0.1").replace(
        "curl ", "curl.exe "
    ).replace("$TOKEN", "$token")  # curl comes with Windows


#: Opens a page of a mini program on a phone with a query, and prints what it shows.
OPEN_WITH = """
const [, phone, page, query] = process.argv
const { Phone } = require(phone)
const alice = new Phone({ person: 'alice' })
global.wx = alice.wx
global.wx.showToast = ({ title }) => console.log(JSON.stringify({ title })) || alice.close()
const setData = data => console.log(JSON.stringify(data)) || alice.close()
global.Page = it => it.onLoad.call({ setData }, JSON.parse(query))
require(page)
"""


def test_codes_guide_makes_a_code_and_the_page_reads_its_scene(reader):
    need(Program("git"), Program("make"), Program("node", "nodejs"))
    typed, typed_there, _on_server, view, shows, reads = chinese("docs/guides/codes-and-links.md")
    reader.type(f"git clone {ADDRESS}\ncd myapi")
    reader.save(view.file, view.code)
    own = "from app import invitations\nfrom myapi.extend import Extension\n\n"
    reader.save("app/__init__.py", own + "extension = Extension(blueprints=[invitations.bp])\n")
    reader.type("make run")
    assert "https://wxaurl.cn/" in reader.type(typed.code)
    assert opened((reader.folder / "table-7.jpg").read_bytes()).format == "JPEG"
    assert typed_there.code == typed.code.replace(".venv/bin/", ".venv\\Scripts\\")

    client = chinese("README.md")[4]
    reader.save("miniprogram/utils/api.js", client.code)
    reader.save("miniprogram/pages/code/code.js", shows.code)
    reader.save("miniprogram/pages/welcome/welcome.js", reads.code)
    kind, _, code = open_page(reader, "code")["code"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert opened(base64.b64decode(code)).size == (430, 430)
    for query in ({"scene": "from%3Dabc1"}, {"from": "abc1"}):
        assert open_page(reader, "welcome", query) == {"from": "abc1"}
    assert open_page(reader, "welcome", {"scene": "a%3D1"}) == {}


def opened(picture):
    return Image.open(io.BytesIO(picture))


def open_page(reader, name, query=()):
    page = reader.folder / f"miniprogram/pages/{name}/{name}"
    shown = node(OPEN_WITH, ROOT / "tests/miniprogram/phone", page, json.dumps(dict(query)))
    return json.loads(shown)


def test_messages_guide_sends_to_a_user_who_permits_it_and_own_code_queues_one(reader):
    page = "docs/guides/subscribe-messages.md"
    _button, _page, view, *_on_server, send, send_there = chinese(page)  # test_miniprogram: page
    reader.type(f"git clone {ADDRESS}\ncd myapi")
    reader.save(view.file, view.code)
    own = "from app import orders\nfrom myapi.extend import Extension\n\n"
    reader.save("app/__init__.py", own + "extension = Extension(blueprints=[orders.bp])\n")
    reader.type("make run")
    printed = reader.type(send.code)
    assert '"state":"sent","left":0' in printed
    log_in, permit, _send, _list = send.code.splitlines()
    order = 'curl -X POST localhost:8000/api/orders/1/ready -H "Authorization: Bearer $TOKEN"'
    assert '"told":false' in reader.type(f"{log_in}\n{order}")
    again = permit.replace("first-dialog", "second-dialog")
    assert '"told":true' in reader.type(f"{log_in}\n{again} >/dev/null\n{order}")
    state = ".venv/bin/flask messages list --json --limit 1"
    assert wait_for(
        lambda: '"order-1-ready"' in (listed := reader.type(state)) and '"sent"' in listed
    )
    assert "Invoke-RestMethod" in send_there.code  # with `flask`, which a test cannot type there


@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_messages_guide_has_every_kind_of_value(language):
    text = (ROOT / f"docs/guides/subscribe-messages{language}.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"\n| `{kind}` |" not in text] == []


def test_pushes_guide_carries_out_a_withdrawal_and_calls_own_code(reader):
    _store, _settings, own_code, _on_server, push, push_there = chinese("docs/guides/pushes.md")
    reader.type(f"git clone {ADDRESS}\ncd myapi")
    own = own_code.code.replace("subscribe_msg_popup_event", "user_authorization_revoke")
    own = own.replace("log.info(", 'open("called", "a").write("yes") or log.info(')
    empty = "\nfrom myapi.extend import Extension\n\nextension = Extension()\n"
    reader.save("app/__init__.py", own + empty)
    reader.type("make run")
    typed = reader.type(push.code)
    assert '{"status":200,"answer":"success"}' in typed
    assert "user_authorization_revoke" in typed
    assert "failed" not in typed
    assert wait_for((reader.folder / "called").exists)
    assert "Invoke-RestMethod" in push_there.code  # with `flask`, which a test cannot type there


def test_service_set_up_by_hand_answers_through_nginx(reader, tmp_path):
    need(Nginx)
    _up, explain, settings, start, server = chinese("docs/guides/go-live.md")
    reader.type(f"git clone {ADDRESS}\ncd myapi")
    assert "600002" in reader.type(explain.code)
    key = reader.type(".venv/bin/flask secrets generate").strip()
    filled = settings.code.replace("KEYS=…", f"KEYS={key}")
    reader.save(
        ".env",
        filled.replace("wx…", "wx0123456789abcdef").replace("SECRET=…", f"SECRET={key[:32]}"),
    )
    reader.type(start.code)
    assert stat.S_IMODE((reader.folder / "instance/myapi.db").stat().st_mode) == 0o600

    certificate = Issued("myapi", names=["127.0.0.1"])
    (tmp_path / "fullchain.pem").write_bytes(certificate.pem)
    (tmp_path / "privkey.pem").write_bytes(certificate.key_pem)
    config = server.code.replace("/etc/letsencrypt/live/api.example.com", str(tmp_path))
    with Nginx(config.replace("443", "@PORT@").replace(":8000", f":{reader.port}")) as nginx:
        ready = requests.get(
            f"https://127.0.0.1:{nginx.port}/readyz",
            verify=str(tmp_path / "fullchain.pem"),
            timeout=10,
        )
        assert ready.json()["code"] == 0


# ---- the guides about app/ ----


def commands(code):
    return [shlex.split(line.removeprefix(".venv/bin/")) for line in code.splitlines()]


@pytest.fixture(params=["sqlite", "mysql"])  # MySQL with --all-on-mysql
def database_url(request, tmp_path):
    """The URL of an empty database."""
    with empty_database(request, tmp_path) as url:
        yield url


@pytest.fixture
def team(tmp_path, database_url):
    """A copy of the checkout, in which the guide is followed."""
    team = Checkout.copied_to(tmp_path / "team", MYAPI_DATABASE_URL=database_url)
    team.other_database = "mariadb" if database_url.startswith("sqlite") else "sqlite"
    return team


def follow(team, code):
    """Run the commands of a block."""
    for program, *words in commands(code):
        match program, words:
            case "flask", _:
                team.flask(*words)
            case "make", ["test-app"]:
                team.test_app(f"not schemathesis and not {team.other_database}")
            case _:
                raise AssertionError(f"no test follows {program}")


def test_every_block_of_the_guide_works(team):
    begin, *blocks = chinese("docs/guides/your-own-code.md")
    kinds = ["python", "python", "json", "python"]
    checked = ["python"] * 3
    assert [block.language for block in blocks] == [*kinds, *kinds, "sh", *checked]
    team.flask("db", "upgrade")  # as `make run` has done before
    follow(team, begin.code)
    written, later, migrate = blocks[:4], blocks[4:8], blocks[8]
    for block in written:
        assert team.read(block.file) == block.code, f"{block.file} is not what `flask new` writes"
    for block in later:
        team.write(block.file, block.code)
    follow(team, migrate.code)
    assert "current: " in team.flask("db", "state").stdout

    texts, view, its_test = blocks[9:]
    notes = team.read("app/notes.py")
    former = notes[notes.index('@bp.post("")') : notes.index("\n\n@bp.delete")]
    notes = notes.replace(former, view.code).replace(
        "from myapi.extend import", "from app.texts import refuse_risky\nfrom myapi.extend import"
    )
    for file, code in {
        "app/notes.py": notes,
        **{x.file: x.code for x in (texts, its_test)},
    }.items():
        team.write(file, code)
    follow(team, "make test-app")


@pytest.fixture
def followed_0_1(team, database_url):
    """The recipe of 0.1's README, followed: code, migration and a note in the database."""
    places = {
        "notes.py": "myapi/notes.py",
        "test_notes.py": "tests/test_notes.py",
        "5f0c1ab2d3e4_notes.py": "migrations/versions/5f0c1ab2d3e4_notes.py",
    }
    for name, place in places.items():
        team.write(place, (RECIPE_OF_0_1 / f"{name}.txt").read_text(encoding="utf-8"))
    team.flask("db", "upgrade", "5f0c1ab2d3e4")
    sql(
        database_url,
        "INSERT INTO users (id, public_id, appid, openid, created_at)"
        f" VALUES (1, 'abcdefghijklmnop', '{SANDBOX_APPID}', 'alice', '2026-01-01 00:00:00')",
    )
    sql(database_url, "INSERT INTO notes (user_id, text) VALUES (1, 'milk')")
    return team


def sql(url, statement):
    engine = create_engine(url)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        rows = result.all() if result.returns_rows else []
    engine.dispose()
    return rows


def test_those_who_followed_the_readme_of_0_1_move_over_and_keep_their_data(
    followed_0_1, database_url
):
    team = followed_0_1
    blocks = chinese("docs/guides/from-0.1.md")
    _merge, _take_ours, move, begin_line, *code, check = blocks
    team.shell(move.code.replace("git mv", "mv"))
    team.apply("app/migrations/5f0c1ab2d3e4_notes.py", begin_line.code)
    for block in code:
        if block.language == "diff":
            team.apply("app/notes.py", block.code)
        else:
            team.write(block.file, block.code)
    follow(team, check.code)
    assert team.flask("db", "state").stdout == f"current: {HEAD}, 5f0c1ab2d3e4\n"
    assert sql(database_url, "SELECT text FROM notes") == [("milk",)]
    team.flask("db", "migrate", "-m", "check")
    assert len(list((team.folder / "app/migrations").glob("*.py"))) == 1  # there is no change
    assert '"milk"' in team.flask("users", "export", "alice").stdout


def node(script, *arguments):
    done = subprocess.run(
        ["node", "-e", script, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
