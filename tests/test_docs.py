"""The documents say what the code does, and the two READMEs say the same."""

import dataclasses
import re
import shlex
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
from flask.cli import FlaskGroup, ScriptInfo
from prometheus_client import REGISTRY as REGISTRY_OF_METRICS

from deploy.lib import paths, units
from deploy.lib.cli import _parser as deploy_parser
from myapi import create_app
from myapi.settings import Settings, variable, variables
from myapi.web.errors import REGISTRY

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
PAIRS = [
    (ENGLISH, CHINESE),
    ("docs/operations.md", "docs/operations.zh-CN.md"),
    (f"miniprogram/{ENGLISH}", f"miniprogram/{CHINESE}"),
]
in_both_languages = pytest.mark.parametrize(("english", "chinese"), PAIRS)
MARKDOWN = sorted(
    str(path.relative_to(ROOT))
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "miniprogram").glob("*.md"),
    ]
)

#: What the READMEs list. What a team adds of its own it lists where it likes.
BLUEPRINTS = {"hello", "auth", "me", "health", "docs", "sandbox"}
COMMANDS = ("users", "sessions", "secrets", "stats", "backup", "restore", "wechat")

#: Hosts that a document may name, and what ends in them. No package registry is among them.
HOSTS = (
    "127.0.0.1",
    "127.0.0.2",
    "192.168.1.5",
    "localhost",
    "example.com",
    "weixin.qq.com",
    "semver.org",
)
A_PERSONS_FOLDER = re.compile(r"(?<![\w.])/(?:root|home|Users|tmp|work)/\S|[A-Z]:\\Users")


@pytest.fixture(params=[ENGLISH, CHINESE])
def readme(request):
    return read(request.param)


@pytest.fixture
def development(tmp_path):
    """The app that a newcomer runs; nothing here opens its database."""
    return create_app(
        Settings(secret_keys=("for the documents alone, 0123456789",), instance_path=tmp_path)
    )


# ---- the READMEs ----


def test_the_first_screen_of_a_readme_runs_the_service(readme):
    screen = "\n".join(readme.splitlines()[:40])
    for text in ("make run", "make test", "/api/auth/login", "/api/me", "flask run --port 8000"):
        assert text in screen


def test_a_readme_names_every_route_and_no_other(readme, development):
    routes = {
        unnamed(f"{method} {rule.rule}"): rule.endpoint.partition(".")[0]
        for rule in development.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/docs/")  # the files of that page
    }
    named = [
        unnamed(route) for route in re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", readme, re.MULTILINE)
    ]
    assert len(set(named)) == len(named)
    assert {route for route, blueprint in routes.items() if blueprint in BLUEPRINTS} <= set(named)
    assert set(named) <= routes.keys()


def test_a_readme_names_every_error_as_it_is_answered(readme):
    named = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \| (\d{5}) \|", readme, re.MULTILINE)
    assert named == sorted(named, key=lambda row: row[2])
    assert set(named) == {
        (name, str(kind.status), str(kind.code)) for name, kind in REGISTRY.items()
    }


def test_a_readme_names_every_setting_with_its_default(readme):
    named = re.findall(r"^\| `(MYAPI_\w+)`( 🔑)? \| ([^|]*) \|", readme, re.MULTILINE)
    assert [(name, bool(secret)) for name, secret, _ in named] == list(variables().items())
    for field in settings_fields():
        (cell,) = [cell for name, _, cell in named if name == variable(field.name)]
        written = re.fullmatch(r"`([^`]+)`", cell)
        if written:
            assert field.metadata["parse"](written[1]) == field.default
        else:
            assert not has_a_default(field)


def test_a_readme_names_every_command_and_no_other(readme, development):
    named = {
        re.sub(r" (-|[A-Z]).*", "", command)
        for command in re.findall(r"^\| `flask ([^`]+)` \|", readme, re.MULTILINE)
    }
    commands = {
        f"{name} {sub}".strip()
        for name in COMMANDS
        for sub in getattr(command_named(development, name), "commands", ("",))
    }
    assert commands <= named
    for command in named:
        command_named(development, command)


def test_every_option_of_a_command_in_a_readme_exists(readme, development):
    for line in re.findall(r"^\| `flask .*", readme, re.MULTILINE):
        command = command_named(development, re.findall(r"`flask ([^`]+)`", line)[0])
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= known, line


@in_both_languages
def test_both_languages_have_the_same_outline(english, chinese):
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]


@in_both_languages
def test_both_languages_have_the_same_code_but_for_comments(english, chinese):
    assert [uncommented(block) for block in blocks(english)] == [
        uncommented(block) for block in blocks(chinese)
    ]


@in_both_languages
def test_both_languages_have_the_same_tables(english, chinese):
    """Row by row, the same words in code type in the first column."""
    assert first_cells(english) == first_cells(chinese)


# ---- the operations guide ----


@pytest.mark.parametrize("name", PAIRS[1])
def test_the_operations_guide_names_no_command_or_option_that_is_none(name, development):
    commands = commands_in(read(name))
    assert len(commands) > 15
    for tool, words in commands:
        if words == ["up"]:  # its name alone
            continue
        if tool == "deploy/myapi":
            deploy_parser().parse_args(words)
        else:
            known = {o for p in command_named(development, " ".join(words)).params for o in p.opts}
            assert {word for word in words if word.startswith("-")} <= known, words


@pytest.mark.parametrize("name", PAIRS[1])
def test_the_operations_guide_names_metrics_units_and_files_that_there_are(name, development):
    text = read(name)
    described = {family.name: family.type for family in REGISTRY_OF_METRICS.collect()}
    for metric in set(re.findall(r"\bmyapi_[a-z_]+", text)):
        name, _, end = metric.rpartition("_")
        kinds = {"total": "counter", "bucket": "histogram", "count": "histogram"}
        assert described.get(name) == kinds[end], metric
    known = {unit.name for unit in units.files()}
    assert (
        set(re.findall(r"\bmyapi-\w+\.(?:timer|service)|\bmyapi\.(?:socket|service)", text))
        <= known
    )
    for file in set(re.findall(r"/etc/myapi/secrets/(\w+)", text)):
        assert variable(file) in variables(), file
    assert str(paths.SOCKET) in text


# ---- .env.example ----


def test_env_example_has_every_setting_once_and_no_other():
    assert sorted(name for name, _ in examples()) == sorted(variables())


def test_env_example_has_the_true_defaults():
    for field in settings_fields():
        (text,) = [text for name, text in examples() if name == variable(field.name)]
        assert bool(text) == has_a_default(field)
        if text:
            assert field.metadata["parse"](text) == field.default


def test_env_example_can_be_used_as_it_stands_with_every_line_on(tmp_path):
    plain = Settings.from_env({}, root=tmp_path)
    (tmp_path / ".env").write_text(
        re.sub(r"^#(?=MYAPI_)", "", read(".env.example"), flags=re.MULTILINE), encoding="utf-8"
    )
    assert Settings.from_env({}, root=tmp_path) == plain


def test_env_example_names_the_file_of_each_secret_and_of_no_other():
    named = set(re.findall(r"^# (MYAPI_\w+)_FILE=", read(".env.example"), re.MULTILINE))
    assert named == {name for name, secret in variables().items() if secret}


def test_env_example_explains_each_setting_in_both_languages():
    for block in read(".env.example").split("\n\n"):
        if re.search(r"^#MYAPI_", block, re.MULTILINE):
            comment = "".join(re.findall(r"^# .*", block, re.MULTILINE))
            assert re.search(r"[a-z]{2,} [a-z]{2,}", comment), block
            assert re.search(r"[\u4e00-\u9fff]{2,}", comment), block


# ---- all of them ----


@pytest.mark.parametrize("name", MARKDOWN)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(name))):
        if urlsplit(target).scheme:
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        assert file.exists(), target
        if anchor:
            assert anchor in {slug(text) for _, text in headings(file)}, target


@pytest.mark.parametrize("name", [*MARKDOWN, ".env.example"])
def test_a_document_names_no_foreign_host_and_nobodys_folder(name):
    text = read(name)
    for host in re.findall(r"\w+://(?:[^\s/@`'\"]*@)?([A-Za-z0-9.-]+)", text):
        assert host == "host" or any(host == h or host.endswith(f".{h}") for h in HOSTS), host
    assert not A_PERSONS_FOLDER.search(text)


def test_every_direct_dependency_has_its_reason():
    reasons = set(
        re.findall(
            r"`([a-z0-9-]+)`",
            "".join(
                line.split("|")[1]
                for line in read("docs/decisions/0002-dependencies.md").splitlines()
                if line.startswith("| `")
            ),
        )
    )
    assert reasons == direct_dependencies()


# ---- reading ----


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def unnamed(route):
    """Take the names of its arguments out of a route; the documents say `<id>` for any of them."""
    return re.sub(r"<[^>]*>", "<>", route)


def headings(name):
    return [
        (len(marks), text)
        for marks, text in re.findall(r"^(#+) (.+)$", without_code(read(name)), re.MULTILINE)
    ]


def slug(text):
    """Make the anchor that a heading gets where these pages are shown."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def without_code(text):
    return FENCED.sub("", text)


def blocks(name):
    return [(language, textwrap.dedent(code)) for _, language, code in FENCED.findall(read(name))]


def uncommented(block):
    """Leave of a block what is not for people; a tree of folders is its first column."""
    language, code = block
    if not language:
        return language, [line.split()[0] for line in code.splitlines()]
    return language, [re.sub(r"\s*(#|//) .*", "", line) for line in code.splitlines()]


def first_cells(name):
    rows = re.findall(r"^\| ([^|]*) \|", without_code(read(name)), re.MULTILINE)
    return [re.findall(r"`[^`]+`", cell) for cell in rows]


def examples():
    return re.findall(r"^#(MYAPI_\w+)=(.*)$", read(".env.example"), re.MULTILINE)


def settings_fields():
    return [f for f in dataclasses.fields(Settings) if "parse" in f.metadata]


def has_a_default(field):
    """Whether it has one that can be written down, and does not follow from something else."""
    return field.default not in ("", (), -1) and (field.default is False or bool(field.default))


def command_named(app, text):
    group = FlaskGroup(create_app=lambda: app)
    command = group
    # Left, the context takes the one of the app away, which a test after this one would see.
    with click.Context(group, obj=ScriptInfo(create_app=lambda: app)) as context:
        for word in text.split():
            if not isinstance(command, click.Group):
                break
            command = command.get_command(context, word)
            assert command is not None, text
    return command


def commands_in(text):
    """Find what a text in code type has an operator type, as (tool, words)."""
    typed = [code for _, language, code in FENCED.findall(text) if language == "sh"]
    typed += re.findall(r"`([^`\n]+)`", without_code(text))
    joined = "\n".join(typed).replace("\\\n", " ")
    found = re.findall(
        r"(?:^|\s)(deploy/myapi|(?<=sudo )myapi|flask) ([a-z][^|\n]*)", joined, re.MULTILINE
    )
    return [(tool, shlex.split(words)) for tool, words in found]


def direct_dependencies():
    text = read("pyproject.toml")
    lists = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    return set(re.findall(r'^  "([a-z0-9-]+)', "".join(lists), re.MULTILINE))
