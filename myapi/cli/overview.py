"""What `flask --help` prints: all commands, in groups."""

import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NoReturn

import click
from click.core import ParameterSource

from myapi.cli import COMMANDS, chinese
from myapi.cli.command import LONGEST_SENTENCE
from myapi.cli.help import Formatter
from myapi.cli.output import print_line
from myapi.language import localized

if TYPE_CHECKING:
    from myapi.cli import LazyGroup

#: What click exits with when a group is called without a command.
NO_COMMAND = 2

#: Heading in English and Chinese → the commands. Those of later versions may be in it already.
GROUPS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("Users & sessions", "用户与会话"): ("users", "sessions", "messages", "stats", "console"),
    ("Database", "数据库"): ("db", "backup", "restore"),
    ("Server & keys", "服务器与密钥"): ("doctor", "events", "audit", "jobs", "secrets"),
    ("Development", "开发"): ("new", "dev", "wechat"),
}
FLASK = ("run", "shell", "routes")


def print_and_exit(ctx: click.Context, ours: "LazyGroup") -> NoReturn:
    """Print the page, and end the process as click does after its own."""
    option = ctx.command.get_help_option(ctx)
    asked_for = option and ctx.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    chinese.choose_language()
    print_line(page(ctx, ours), err=not asked_for)
    sys.exit(0 if asked_for else NO_COMMAND)


def page(ctx: click.Context, ours: "LazyGroup") -> str:
    formatter = Formatter(width=ctx.terminal_width, max_width=ctx.max_content_width)
    formatter.write_usage(ctx.command_path, "[OPTIONS] COMMAND [ARGS]...")
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(
            localized(
                "myapi, the backend of a WeChat mini program.", "myapi：微信小程序的后端服务。"
            )
        )
    for heading, commands in _sections(ctx, ours):
        rows = [
            (f"{name:<8}", each.get_short_help_str(LONGEST_SENTENCE))
            for name, each in commands.items()
        ]
        with formatter.section(heading):
            formatter.write_dl(rows)
    with formatter.section(localized("Options", "选项")):
        formatter.write_dl(list(_options(ctx)))
    return formatter.getvalue().rstrip("\n")


def _sections(
    ctx: click.Context, ours: "LazyGroup"
) -> Iterable[tuple[str, Mapping[str, click.Command]]]:
    for (english, in_chinese), names in GROUPS.items():
        found = {name: ours.find(name) for name in names if name in COMMANDS}
        yield localized(english, in_chinese), _shown(found)
    own = {name: ours.find(name) for name in ours.names() if name not in COMMANDS}
    if own:
        yield localized("Your own (app/)", "自己的代码（app/）"), _shown(own)
    commands = getattr(ctx.command, "commands", {})
    yield "Flask", _shown({name: commands.get(name) for name in FLASK})


def _options(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Yield the options of the flask command, each with the first sentence of its help."""
    for option in chinese.in_language(ctx.command).get_params(ctx):
        record = option.get_help_record(ctx)
        if record is not None:
            text = localized(record[1], chinese.translated(record[1]))
            yield record[0], re.split(r"(?<=\.)\s|(?<=。)", text, maxsplit=1)[0]


def _shown(commands: Mapping[str, click.Command | None]) -> Mapping[str, click.Command]:
    return {
        name: chinese.in_language(each)
        for name, each in commands.items()
        if each is not None and not each.hidden
    }
