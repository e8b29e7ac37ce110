"""The guides about `app/` work as they stand: every block of them is used."""

import re
import shlex

import pytest
from sqlalchemy import create_engine, text

from myapi.settings import ROOT
from myapi.settings.declaration import SANDBOX_APPID
from tests.checkout import Checkout
from tests.fixtures import DATABASES, empty_database

RECIPE_OF_0_1 = ROOT / "tests" / "recipe_of_0_1"
#: A block, with the file that the line above it names: "`app/notes.py`:"
BLOCK = re.compile(r"(?:^`([\w/.]+)`[^\n]*\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(name):
    """Return all blocks of a document, as (file, language, code)."""
    return BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))


def commands(code):
    return [shlex.split(line.removeprefix(".venv/bin/")) for line in code.splitlines()]


@pytest.fixture(params=DATABASES)
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
    (_, _, begin), *blocks = blocks_of("docs/guides/your-own-code.md")
    assert [language for _, language, _ in blocks] == ["python", "python", "json", "python"] * 2 + [
        "sh"
    ]
    team.flask("db", "upgrade")  # as `make run` has done before
    follow(team, begin)
    written, later, (_, _, migrate) = blocks[:4], blocks[4:8], blocks[8]
    for file, _, code in written:
        assert team.read(file) == code, f"{file} is not what `flask new` writes"
    for file, _, code in later:
        team.write(file, code)
    follow(team, migrate)
    assert "current: " in team.flask("db", "state").stdout


def test_readme_shows_the_commands_of_the_guide_and_a_route_that_they_write():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Add your own endpoint")[2].partition("\n## ")[0]
    (_, _, typed), (_, _, route) = BLOCK.findall(section)
    (_, _, begin), (_, _, feature), *_ = blocks_of("docs/guides/your-own-code.md")
    assert typed == begin.replace(" --zh 笔记", "")
    assert route in feature


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
    team.flask("db", "upgrade")
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
    blocks = blocks_of("docs/guides/from-0.1.md")
    _merge, _take_ours, (_, _, move), begin_line, *code, check = blocks
    before = sql(database_url, "SELECT version_num FROM alembic_version")
    team.shell(move.replace("git mv", "mv"))
    team.apply("app/migrations/5f0c1ab2d3e4_notes.py", begin_line[2])
    for file, language, block in code:
        if language == "diff":
            team.apply("app/notes.py", block)
        else:
            team.write(file, block)
    follow(team, check[2])
    assert sql(database_url, "SELECT version_num FROM alembic_version") == before
    assert team.flask("db", "state").stdout == "current: 5f0c1ab2d3e4\n"
    assert sql(database_url, "SELECT text FROM notes") == [("milk",)]
    team.flask("db", "migrate", "-m", "check")
    assert len(list((team.folder / "app/migrations").glob("*.py"))) == 1  # there is no change
    assert '"milk"' in team.flask("users", "export", "alice").stdout
