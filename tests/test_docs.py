"""The documents match the code, and the two languages match each other."""

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
from tests.pages import translated

ROOT = Path(__file__).parent.parent
#: What users read, in both languages. Pages for those who work on myapi itself are in English.
ENGLISH = sorted(
    str(path.relative_to(ROOT))
    for path in [
        ROOT / "README.md",
        ROOT / "SECURITY.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs/guides").glob("*.md"),
        *(ROOT / "docs/reference").glob("*.md"),
        ROOT / "miniprogram/README.md",
        ROOT / "miniprogram/demo/README.md",
    ]
    if not path.name.endswith(".zh-CN.md")
)
PAIRS = [(page, translated(page)) for page in ENGLISH]
in_both_languages = pytest.mark.parametrize(("english", "chinese"), PAIRS)
MARKDOWN = sorted(
    str(path.relative_to(ROOT))
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "miniprogram").glob("*.md"),
        *(ROOT / "miniprogram/demo").glob("*.md"),
    ]
)

#: What the reference must list. A team may document its own routes and commands elsewhere.
BLUEPRINTS = {
    "hello",
    "auth",
    "me",
    "messages",
    "health",
    "docs",
    "push",
    "sandbox",
    "sandbox_push",
    "sandbox_messages",
}
COMMANDS = (
    *(
        "users",
        "sessions",
        "events",
        "audit",
        "messages",
        "jobs",
        "secrets",
        "stats",
        "console",
        "backup",
        "restore",
        "wechat",
        "dev",
    ),
)

#: Commands of which one undoes the other.
UNDONE = ({"release", "rollback"}, {"backup", "restore"}, {"up", "uninstall"}, {"ban", "unban"})

#: Hosts, with their subdomains, that a document may name. Package registries must not be named.
HOSTS = (
    "127.0.0.1",
    "127.0.0.2",
    "192.168.1.5",
    "localhost",
    "example.com",
    "weixin.qq.com",
    "semver.org",
)
LOCAL_PATH = re.compile(r"(?<![\w.])/(?:root|home|Users|tmp|work)/\S|[A-Z]:\\Users")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def reference(page):
    """Run a test for the text of a page of the reference, in each language."""
    name = f"docs/reference/{page}.md"
    return pytest.mark.parametrize("text", [read(name), read(translated(name))], ids=["en", "zh"])


@pytest.fixture
def development(tmp_path):
    """The app in development. No test here opens its database."""
    return create_app(
        Settings(secret_keys=("a key for the document tests, 0123456789",), instance_path=tmp_path)
    )


# ---- the READMEs and the reference ----


@pytest.mark.parametrize("name", PAIRS[ENGLISH.index("README.md")])
def test_readme_is_short_and_its_first_screen_runs_the_service(name):
    lines = read(name).splitlines()
    assert len(lines) <= 120
    screen = "\n".join(lines[:40])
    for text in ("git clone", "make run", "make test", "flask dev token alice", "py dev.py"):
        assert text in screen


@reference("routes")
def test_reference_lists_exactly_the_routes(text, development):
    routes = {
        without_argument_names(f"{method} {rule.rule}"): rule.endpoint.partition(".")[0]
        for rule in development.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/docs/")  # static files of that page
    }
    named = [
        without_argument_names(route)
        for route in re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", text, re.MULTILINE)
    ]
    assert len(set(named)) == len(named)
    assert {route for route, blueprint in routes.items() if blueprint in BLUEPRINTS} <= set(named)
    assert set(named) <= routes.keys()


@reference("errors")
def test_reference_lists_exactly_the_errors(text):
    named = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \| (\d{5}) \|", text, re.MULTILINE)
    assert named == sorted(named, key=lambda row: row[2])
    assert set(named) == {
        (name, str(kind.status), str(kind.code)) for name, kind in REGISTRY.items()
    }


@reference("settings")
def test_reference_lists_every_setting_with_its_default(text):
    named = re.findall(r"^\| `(MYAPI_\w+)`( 🔑)? \| ([^|]*) \|", text, re.MULTILINE)
    assert [(name, bool(secret)) for name, secret, _ in named] == list(variables().items())
    for field in settings_fields():
        (cell,) = [cell for name, _, cell in named if name == variable(field.name)]
        written = re.fullmatch(r"`([^`]+)`", cell)
        if written:
            assert field.metadata["parse"](written[1]) == field.default
        else:
            assert not has_literal_default(field)


@reference("commands")
def test_reference_lists_exactly_the_commands(text, development):
    named = {
        re.sub(r" (-|[A-Z]).*", "", command)
        for command in re.findall(r"^\| `flask ([^`]+)` \|", text, re.MULTILINE)
    }
    commands = {
        f"{name} {sub}".strip()
        for name in COMMANDS
        for sub in getattr(command_named(development, name), "commands", ("",))
    }
    assert commands <= named
    for command in named:
        command_named(development, command)


@reference("commands")
def test_command_options_in_reference_exist(text, development):
    for line in re.findall(r"^\| `flask .*", text, re.MULTILINE):
        command = command_named(development, re.findall(r"`flask ([^`]+)`", line)[0])
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= known, line


@in_both_languages
def test_both_languages_have_the_same_headings(english, chinese):
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]


@in_both_languages
def test_both_languages_have_the_same_code_except_comments(english, chinese):
    assert [without_comments(block) for block in blocks(english)] == [
        without_comments(block) for block in blocks(chinese)
    ]


@in_both_languages
def test_both_languages_have_the_same_tables(english, chinese):
    """Each row has the same code in its first column."""
    assert first_cells(english) == first_cells(chinese)


# ---- the operations guide ----


@pytest.mark.parametrize("name", PAIRS[ENGLISH.index("docs/operations.md")])
def test_commands_and_options_in_operations_guide_exist(name, development):
    commands = commands_in(read(name))
    assert len(commands) > 15
    for tool, words in commands:
        if words == ["up"]:  # only the name of the command
            continue
        if tool == "deploy/myapi":
            deploy_parser().parse_args(words)
        else:
            known = {o for p in command_named(development, " ".join(words)).params for o in p.opts}
            assert {word for word in words if word.startswith("-")} <= known, words


@pytest.mark.parametrize("name", PAIRS[ENGLISH.index("docs/operations.md")])
def test_metrics_units_and_secret_files_in_operations_guide_exist(name, development):
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


def test_env_example_has_each_setting_once():
    assert sorted(name for name, _ in examples()) == sorted(variables())


def test_env_example_has_the_defaults_of_the_code():
    for field in settings_fields():
        (text,) = [text for name, text in examples() if name == variable(field.name)]
        assert bool(text) == has_literal_default(field)
        if text:
            assert field.metadata["parse"](text) == field.default


def test_env_example_with_every_line_uncommented_gives_the_defaults(tmp_path):
    plain = Settings.from_env({}, root=tmp_path)
    (tmp_path / ".env").write_text(
        re.sub(r"^#(?=MYAPI_)", "", read(".env.example"), flags=re.MULTILINE), encoding="utf-8"
    )
    assert Settings.from_env({}, root=tmp_path) == plain


def test_env_example_names_a_file_variable_for_each_secret():
    named = set(re.findall(r"^# (MYAPI_\w+)_FILE=", read(".env.example"), re.MULTILINE))
    assert named == {name for name, secret in variables().items() if secret}


def test_env_example_explains_each_setting_in_both_languages():
    for block in read(".env.example").split("\n\n"):
        if re.search(r"^#MYAPI_", block, re.MULTILINE):
            comment = "".join(re.findall(r"^# .*", block, re.MULTILINE))
            assert re.search(r"[a-z]{2,} [a-z]{2,}", comment), block
            assert re.search(r"[\u4e00-\u9fff]{2,}", comment), block


# ---- all documents ----


@pytest.mark.parametrize("name", MARKDOWN)
def test_links_have_targets(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(name))):
        if urlsplit(target).scheme:
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        assert file.exists(), target
        if anchor:
            assert anchor in {slug(text) for _, text in headings(file)}, target


@pytest.mark.parametrize("name", MARKDOWN)
def test_pictures_exist(name):
    for source in re.findall(r'(?:<img src="|!\[[^\]]*\]\()([^")]+)', read(name)):
        assert ((ROOT / name).parent / source).is_file(), source


@pytest.mark.parametrize("name", [chinese for _, chinese in PAIRS])
def test_chinese_pages_link_to_chinese_pages(name):
    _switch, _, text = read(name).partition("(" + Path(name).name + ")")
    for target in re.findall(r"\]\(([^)\s#]+\.md)", text):
        twin = (ROOT / name).parent / translated(target)
        assert target.endswith(".zh-CN.md") or not twin.exists(), target


@pytest.mark.parametrize("name", [page for pair in PAIRS for page in pair])
def test_long_page_begins_with_its_contents(name):
    text = without_code(read(name))
    if len(read(name).splitlines()) <= 100 or name.startswith("README"):
        return
    before = text.partition("\n## ")[0]
    for level, heading in headings(name):
        assert level != 2 or f"](#{slug(heading)})" in before, heading


@pytest.mark.parametrize("name", MARKDOWN)
def test_no_block_undoes_what_it_does(name):
    """A block can be pasted whole."""
    for _, language, code in FENCED.findall(read(name)):
        typed = (
            set(re.findall(r"(?:myapi|flask|users) ([a-z]+)", code)) if language == "sh" else set()
        )
        for pair in UNDONE:
            assert not pair <= typed, code


@pytest.mark.parametrize("name", [*MARKDOWN, ".env.example"])
def test_document_names_no_other_host_and_no_local_path(name):
    text = read(name)
    for host in re.findall(r"\w+://(?:[^\s/@`'\"]*@)?([A-Za-z0-9.-]+)", text):
        assert host == "host" or any(host == h or host.endswith(f".{h}") for h in HOSTS), host
    assert not LOCAL_PATH.search(text)


def test_chinese_texts_use_one_word_for_one_thing():
    """The word after the first is what the texts say in its place."""
    wrong = {
        "您": "你",
        "应答": "响应",
        "沙盒": "沙箱",
        "令牌": "token",
        "(?<!随)机密": "密钥、敏感信息",
    }
    texts = [*MARKDOWN, ".env.example"]
    for folder in ("myapi", "doctor", "deploy", "miniprogram", "app"):
        texts += [
            str(path.relative_to(ROOT))
            for kind in ("*.py", "*.js", "*.json", "*.wxml")
            for path in (ROOT / folder).rglob(kind)
            if "node_modules" not in path.parts
        ]
    found = [(name, word) for name in texts for word in wrong if re.search(word, read(name))]
    assert found == []


def test_each_direct_dependency_has_a_reason():
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


# ---- helpers ----


def without_argument_names(route):
    """Remove the names of arguments from a route; the documents write `<id>` for each."""
    return re.sub(r"<[^>]*>", "<>", route)


def headings(name):
    return [
        (len(marks), text)
        for marks, text in re.findall(r"^(#+) (.+)$", without_code(read(name)), re.MULTILINE)
    ]


def slug(text):
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


FENCED = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def without_code(text):
    return FENCED.sub("", text)


def blocks(name):
    return [(language, textwrap.dedent(code)) for _, language, code in FENCED.findall(read(name))]


def without_comments(block):
    """Remove comments from a code block; of a folder tree only the first column is kept."""
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


def has_literal_default(field):
    """Whether the default is a fixed value that can be written down."""
    return field.default not in ("", (), -1) and (field.default is False or bool(field.default))


def command_named(app, text):
    group = FlaskGroup(create_app=lambda: app)
    command = group
    # `with` also pops the app context that click pushes; otherwise later tests would see it.
    with click.Context(group, obj=ScriptInfo(create_app=lambda: app)) as context:
        for word in text.split():
            if not isinstance(command, click.Group):
                break
            command = command.get_command(context, word)
            assert command is not None, text
    return command


def commands_in(text):
    """Return the commands in code blocks and inline code, as (tool, words)."""
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
