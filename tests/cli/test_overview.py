"""`flask --help`, and what is near a mistyped command."""

import click
import pytest
from flask.cli import FlaskGroup, ScriptInfo

from myapi.cli import COMMANDS, overview
from myapi.cli.command import Group
from myapi.team import Extension

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def flask_command(app):
    """Run the flask command, as `flask …` does, in this process."""

    def flask_command(*args, via=app):
        group = FlaskGroup(name="flask", create_app=lambda: via, load_dotenv=False)
        return click.testing.CliRunner().invoke(group, args)

    return flask_command


def sections(text):
    """Return {heading: [name of a command or an option, …]}."""
    found, heading = {}, None
    for line in text.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            heading = line[:-1]
        elif heading and line.startswith("  ") and not line.startswith("   "):
            found.setdefault(heading, []).append(line.split()[0])
    return found


def test_help_has_our_name_and_all_commands_in_groups(flask_command):
    result = flask_command("--help")
    assert result.exit_code == 0
    assert "\n  myapi, the backend of a WeChat mini program.\n" in result.stdout
    groups = sections(result.stdout)
    assert list(groups) == [*(english for english, _ in overview.GROUPS), "Flask", "Options"]
    assert groups["Flask"] == ["run", "shell", "routes"]
    assert "limiter" not in result.stdout


def test_each_command_is_in_one_group(app):
    grouped = [name for names in overview.GROUPS.values() for name in names]
    assert len(set(grouped)) == len(grouped)
    assert COMMANDS.keys() <= set(grouped)


def test_commands_of_the_team_have_a_group(make_app, flask_command):
    @click.group("notes", cls=Group)
    def group():
        """Read the notes of users."""

    app = make_app(Extension(commands=[group]))
    assert sections(flask_command("--help", via=app).stdout)["Your own (app/)"] == ["notes"]


def test_without_a_command_the_page_is_on_stderr_as_that_of_click(flask_command):
    result = flask_command()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Users & sessions:" in result.stderr


def test_names_are_still_completed(app):
    group = FlaskGroup(name="flask", create_app=lambda: app, load_dotenv=False)
    info = ScriptInfo(create_app=lambda: app)
    with click.Context(group, info_name="flask", obj=info, resilient_parsing=True) as context:
        assert {item.value for item in group.shell_complete(context, "s")} >= {"sessions", "stats"}


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        (["user", "list"], "No such command 'user'. Did you mean 'users'?"),
        (["sesions"], "No such command 'sesions'. Did you mean 'sessions'?"),
        (["rutes"], "No such command 'rutes'. Did you mean 'routes'?"),
        (["users", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["users", "list", "--limt"], "No such option '--limt'. Did you mean '--limit'?"),
        (["xyzzy"], "No such command 'xyzzy'."),
    ],
    ids=" ".join,
)
def test_what_is_near_is_named(flask_command, typed, near):
    result = flask_command(*typed)
    assert result.exit_code == 2
    assert result.stderr.endswith(f"\nError: {near}\n")
