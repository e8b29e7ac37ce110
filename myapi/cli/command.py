"""What every command shares: an app context, and one line on stderr instead of a traceback."""

import contextlib
import errno
import getpass
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import sqlalchemy.exc
from flask import current_app
from flask.cli import ScriptInfo
from flask.helpers import get_debug_flag

from myapi import audit
from myapi.cli import output
from myapi.cli.help import Context
from myapi.language import language, localized
from myapi.observability.logs import mask
from myapi.web.errors import ApiError, message

SETTINGS_ERROR = "settings_error"  # key in app.extensions of an app without usable settings
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
MAX_PAUSE = 0.2  # s
LONGEST_SENTENCE = 200  # characters of the help of a command in a list

T = TypeVar("T")

# A missing table or column: SQLite's messages and MySQL's error numbers.
NOT_MIGRATED = re.compile(r"no such (table|column)")
NOT_MIGRATED_NUMBERS = {1146, 1054}


class Command(click.Command):
    """A command that runs in an app context and reports a failure in one line.

    If the settings are invalid it prints the problems, unless `needs_settings` is False.
    """

    context_class = Context

    def __init__(self, *args: Any, needs_settings: bool = True, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.needs_settings = needs_settings

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        with _failures_in_one_line():
            app = ctx.ensure_object(ScriptInfo).load_app()
            if self.needs_settings and SETTINGS_ERROR in app.extensions:
                raise app.extensions[SETTINGS_ERROR]
            with contextlib.nullcontext() if current_app else app.app_context():
                audit.act_as("command", os_user())
                return self._invoke_in_app(ctx)

    def _invoke_in_app(self, ctx: click.Context) -> Any:  # noqa: ANN401
        try:
            return super().invoke(ctx)
        except ApiError as error:  # in here: the app knows the messages
            if get_debug_flag():
                raise
            raise click.ClickException(
                output.printable(message(error, chinese=language() == "zh"))
            ) from None


def os_user() -> str | None:
    """Return the account of the person who runs this command; None if it has no name."""
    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may have no entry for its user
        return None


class Group(click.Group):
    context_class = Context
    command_class = Command
    group_class = type  # a group within is one of these too

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with its first sentence; click cuts them off at one line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(LONGEST_SENTENCE))
            for name, command in commands
            if command is not None and not command.hidden
        ]
        if rows:
            with formatter.section(localized("Commands", "命令")):
                formatter.write_dl(rows)


def with_pauses(batches: Iterable[T]) -> Iterator[T]:
    """Sleep after each batch as long as it took, up to MAX_PAUSE, so that the service can write.

    SQLite has no queue for its lock: a process that asks again at once mostly gets it before
    processes that already wait.
    """
    started = time.monotonic()
    for batch in batches:
        yield batch
        time.sleep(min(MAX_PAUSE, time.monotonic() - started))
        started = time.monotonic()


@contextmanager
def _failures_in_one_line() -> Iterator[None]:
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except KeyboardInterrupt:
        output.end_line()
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    except Exception as error:
        if _is_broken_pipe(error) or get_debug_flag():
            raise
        raise click.ClickException(mask(output.printable(_message(error)))) from None


def _is_broken_pipe(error: Exception) -> bool:
    """Return whether the reader of stdout has exited, as `head` does; click then exits quietly."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _message(error: Exception) -> str:
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        return _database_message(error)
    if isinstance(error, OSError) and error.strerror:
        if not error.filename:
            return error.strerror
        return localized(
            f"{error.filename}: {error.strerror}", f"{error.filename}：{error.strerror}"
        )
    bug = f"{type(error).__name__}: {error}"
    return localized(
        f"this is a bug: {bug} (`flask --debug …` prints a traceback)",
        f"这是程序缺陷：{bug}（`flask --debug …` 会打印调用栈）",
    )


def _database_message(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    """Return the driver's message; SQLAlchemy's own adds the statement and a link."""
    cause = getattr(error, "orig", None) or error
    args = cause.args or (type(cause).__name__,)
    if args[0] in NOT_MIGRATED_NUMBERS or NOT_MIGRATED.match(str(args[0])):
        return localized(
            f"the database lacks a migration, run `flask db upgrade` ({args[-1]})",
            f"数据库缺少迁移，请运行 `flask db upgrade`（{args[-1]}）",
        )
    return localized(f"database error: {args[-1]}", f"数据库错误：{args[-1]}")
