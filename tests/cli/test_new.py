"""`flask new`: what it writes works, as it is."""

import json
import re

import pytest

from myapi.cli import new
from tests.checkout import Checkout


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """A copy of the checkout in which `flask new orders --zh 订单` was the first command."""
    checkout = Checkout.copied_to(tmp_path_factory.mktemp("new") / "team")
    checkout.first_output = checkout.flask("new", "orders", "--zh", "订单").stdout
    return checkout


def test_it_says_what_it_wrote_and_what_comes_next(team):
    assert team.first_output == (
        "wrote app/orders.py\n"
        "wrote app/tests/test_orders.py\n"
        "wrote app/zh.json\n"
        "wrote app/__init__.py\n"
        "\nIt works as it is. Change it into what you need, then:\n\n"
        "  flask db migrate -m orders\n  flask db upgrade\n  make test-app\n"
    )


def test_the_feature_is_migrated_and_passes_its_own_tests_and_those_of_the_whole(team):
    """Those of the whole: Chinese words, exports, erasure, imports, generated requests."""
    team.flask("db", "upgrade")
    team.flask("db", "migrate", "-m", "orders")
    team.flask("db", "upgrade")
    assert team.flask("db", "state").stdout.startswith("current: ")
    team.test_app("orders or not schemathesis")  # myapi's own routes have their requests elsewhere


def test_what_is_written_has_the_style_of_the_house(team):
    team.run("ruff", "check", "app", "--exclude", "app/migrations")
    team.run("ruff", "format", "--check", "app", "--exclude", "app/migrations")


def test_nothing_of_the_template_is_left_under_another_name(team):
    for file in ("orders.py", "tests/test_orders.py", "zh.json", "__init__.py"):
        written = team.read(f"app/{file}")
        assert "note" not in written.lower()
        assert "笔记" not in written
    assert 'msg_zh="订单数量已达上限。"' in team.read("app/__init__.py")


def test_another_feature_leaves_the_extension_alone_and_prints_the_lines_to_add(team):
    before = team.read("app/__init__.py")
    texts = json.loads(team.read("app/zh.json")) | {"orders": "我的订单"}
    team.write("app/zh.json", json.dumps(texts))
    printed = team.flask("new", "appointments").stdout
    assert "added the Chinese texts to app/zh.json\n" in printed
    assert team.read("app/__init__.py") == before
    merged = json.loads(team.read("app/zh.json"))
    assert merged["orders"] == "我的订单"  # the team's words stay
    assert merged["Show my appointments, newest first."] == "查看我的 appointments，最新的在前。"
    team.run("ruff", "check", "app/appointments.py", "app/tests")
    team.run("ruff", "format", "--check", "app/appointments.py", "app/tests")
    team.write("app/__init__.py", with_lines(before, printed))
    assert "/api/appointments" in team.flask("routes").stdout


def with_lines(code, printed):
    """Do what `flask new` says: add the printed lines to an `Extension`."""
    assert "\nfrom app import appointments\n" in printed
    (error,) = re.findall(r'^        "appointments_full".*?^        \),\n', printed, re.M | re.S)
    assert "code=40951," in error  # the next that is free
    code = code.replace("from app import orders", "from app import appointments, orders")
    for name in ("bp", "group", "Settings"):
        assert f"=[appointments.{name}],\n" in printed
        code = code.replace(f"[orders.{name}]", f"[appointments.{name}, orders.{name}]")
    return code.replace("    errors={\n", "    errors={\n" + error)


# ---- names ----


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The top of a checkout, for commands in this process."""
    monkeypatch.setattr(new, "ROOT", tmp_path)
    return tmp_path


in_this_process = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@in_this_process
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Notes", "choose one word of 2 to 20 lower-case letters, such as notes"),
        ("my-notes", "choose one word"),
        ("../notes", "choose one word"),
        ("users", "there is a command `flask users`"),
        ("console", "there is a command `flask console`"),
        ("events", "there is a command `flask events`"),
        ("me", "`me` is a name of myapi"),
        ("myapi", "`myapi` is a name of myapi"),
        ("tests", "`tests` is a name of myapi"),
        ("nickname", "`nickname` is a name of myapi"),
        ("groups", "`group` is a name in the code that is written"),
        ("structs", "`Struct` is a name in the code that is written"),
        ("extension", "`extension` is a name in the code that is written"),
        ("yields", "`yield` is a name in the code that is written"),
        ("ranks", None),
        ("rank", "`rank` is a word of SQL"),
    ],
)
def test_name_that_would_clash_is_refused_in_one_sentence(run, here, name, problem):
    refused = run("new", name, code=2 if problem else 0)
    assert (problem or "") in refused.output
    assert (here / "app").exists() is (problem is None)


@in_this_process
def test_no_file_is_overwritten(run, here):
    (here / "app" / "tests").mkdir(parents=True)
    for name in ("notes.py", "tests/test_pages.py"):
        (here / "app" / name).write_text("# ours\n")
    (here / "app" / "maps").mkdir()
    for feature, file in (
        ("notes", "app/notes.py"),
        ("pages", "app/tests/test_pages.py"),
        ("maps", "app/maps"),
    ):
        assert f"{file} exists, choose another name" in run("new", feature, code=2).output
    assert (here / "app" / "notes.py").read_text() == "# ours\n"


@in_this_process
def test_chinese_name_cannot_break_the_code(run, here):
    assert "--zh takes one word" in run("new", "notes", "--zh", '笔"记', code=2).output


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("notes", "note"),
        ("diaries", "diary"),
        ("boxes", "box"),
        ("matches", "match"),
        ("classes", "class"),
        ("houses", "house"),
        ("feedback", "feedback"),
        ("news", "news"),
        ("status", "status"),
    ],
)
def test_singular(plural, singular):
    assert new._singular(plural) == singular
