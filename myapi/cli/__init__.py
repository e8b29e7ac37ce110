"""The commands: one group per file, imported only when it is called."""

import importlib
import logging
import os
from collections.abc import Sequence

import click
from flask import Flask
from flask.cli import AppGroup, FlaskGroup

from myapi.cli.command import SETTINGS_ERROR
from myapi.db.engines import COMMAND, WEB, Timeouts
from myapi.observability import logs
from myapi.settings import INSTANCE

#: Command → its module in this package, and its name in that module.
COMMANDS = {
    "users": ("users", "group"),
    "sessions": ("sessions", "group"),
    "secrets": ("secrets", "group"),
    "stats": ("stats", "command"),
    "backup": ("backup", "command"),
    "restore": ("backup", "restore"),
    "wechat": ("wechat", "group"),
    "events": ("events", "group"),
    "audit": ("audit", "group"),
    "messages": ("messages", "group"),
    "console": ("console", "group"),
    "jobs": ("jobs", "group"),
    "doctor": ("doctor", "command"),
    "db": ("db", "group"),  # replaces Flask-Migrate's own
    "new": ("new", "command"),
    "dev": ("dev", "group"),
}
SERVER_COMMANDS = {"run"}
#: The variable by which a shell asks the flask command, as click names it, to complete a word.
COMPLETION = "_FLASK_COMPLETE"
#: Names that commands of a team cannot have: ours and Flask's.
RESERVED = {*COMMANDS, *("run", "shell", "routes")}


class LazyGroup(AppGroup):
    """Our commands and those of extensions. Ours are not imported in a process that serves."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names; where `flask --help` asks for them, print our own page instead.

        The flask command has a page of its own, which only a second program could replace. It asks
        the app for its commands to print them, and to complete a word (`resilient_parsing`).
        """
        if isinstance(ctx.command, FlaskGroup) and not ctx.resilient_parsing:
            from myapi.cli import overview

            overview.print_and_exit(ctx, self)
        return self.names()

    def names(self) -> list[str]:
        return sorted({*self.commands, *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command in the user's language; of a name that is none, say what is near."""
        from myapi.cli import chinese
        from myapi.cli.help import Formatter

        chinese.choose_language()
        command = self.find(cmd_name)
        if command is not None:
            return chinese.in_language(command)
        if ctx.resilient_parsing:
            return None
        names = {*self.names(), *getattr(ctx.command, "commands", ())}
        ctx.formatter_class = Formatter  # for the usage above the error
        raise click.NoSuchCommand(cmd_name, possibilities=names, ctx=ctx)

    def find(self, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return self.commands.get(name)
        module, attribute = COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(f"myapi.cli.{module}"), attribute)
        return command


def init_app(app: Flask) -> None:
    app.cli = LazyGroup(app.name)
    if timeouts() is COMMAND:
        _quiet_logs()


def app_without_settings(
    error: click.ClickException, commands: Sequence[click.Command] = ()
) -> Flask:
    """Return an app that has only commands, if the flask command asks for it; else raise `error`.

    `error` says what is wrong with the settings or with the team's own code; `commands` are those
    of that code.

    The flask command looks up commands in the context of its own group. `flask run`, `flask shell`
    and the like load the app in contexts of their own: they need one that works. To complete a
    word in a shell, it looks them up without a context.
    """
    context = click.get_current_context(silent=True)
    completes = context is None and COMPLETION in os.environ
    if not completes and (context is None or not isinstance(context.command, FlaskGroup)):
        raise error
    app = Flask("myapi", static_folder=None, instance_path=str(INSTANCE))
    app.extensions[SETTINGS_ERROR] = error
    init_app(app)
    for command in commands:
        app.cli.add_command(command)
    return app


def timeouts() -> Timeouts:
    """Return the database timeouts: a command may wait longer than a request."""
    context = click.get_current_context(silent=True)
    return WEB if context is None or context.info_name in SERVER_COMMANDS else COMMAND


def _quiet_logs() -> None:
    """Log warnings only, and on a terminal no audit lines: the command prints what it did."""
    from myapi.cli import output

    for name in ("myapi", "app"):
        logging.getLogger(name).setLevel(logging.WARNING)
    at_terminal = output.at_terminal()
    logging.getLogger("myapi.audit").setLevel(logging.ERROR if at_terminal else logging.NOTSET)
    if at_terminal:
        logs.use_lines_for_people()
