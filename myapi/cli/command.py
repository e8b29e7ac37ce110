"""What every command shares: an app context, and one line instead of a traceback."""

import contextlib
import errno
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

from myapi.cli import output
from myapi.observability.logs import mask
from myapi.web.errors import REGISTRY, ApiError

SETTINGS_ERROR = "settings_error"  # in app.extensions, where the settings cannot be used
INTERRUPTED = 130  # 128 + SIGINT, as a shell tells it
LONGEST_REST = 0.2  # s

T = TypeVar("T")

# SQLite's words, and MySQL's numbers for the same: no such table, no such column.
NOT_MIGRATED = re.compile(r"no such (table|column)")
NOT_MIGRATED_NUMBERS = {1146, 1054}


class Command(click.Command):
    """A command that runs in an app context, and ends with one line where it fails.

    With wrong settings it prints what is wrong with them, unless it needs none.
    """

    def __init__(self, *args: Any, needs_settings: bool = True, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.needs_settings = needs_settings

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        with _one_line():
            app = ctx.ensure_object(ScriptInfo).load_app()
            if self.needs_settings and SETTINGS_ERROR in app.extensions:
                raise app.extensions[SETTINGS_ERROR]
            with contextlib.nullcontext() if current_app else app.app_context():
                return super().invoke(ctx)


class Group(click.Group):
    command_class = Command


def unhurried(batches: Iterable[T]) -> Iterator[T]:
    """Rest after each batch as long as it took, so that the service's own writes come between.

    SQLite has no queue: who asks again at once is mostly served before those who wait.
    """
    started = time.monotonic()
    for batch in batches:
        yield batch
        time.sleep(min(LONGEST_REST, time.monotonic() - started))
        started = time.monotonic()


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except KeyboardInterrupt:
        output.end_line()
        raise click.exceptions.Exit(INTERRUPTED) from None
    except Exception as error:
        if _is_broken_pipe(error) or get_debug_flag():
            raise
        raise click.ClickException(mask(output.safe(_sentence(error)))) from None


def _is_broken_pipe(error: Exception) -> bool:
    """Whether the reader of our output has gone, as `head` does; click ends quietly for it."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _sentence(error: Exception) -> str:
    if isinstance(error, ApiError):
        sentence = REGISTRY[error.name].msg
        return f"{sentence} ({error.detail})" if error.detail else sentence
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        return _of_the_database(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"this is a bug: {type(error).__name__}: {error} (`flask --debug …` shows where)"


def _of_the_database(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    """Take what the driver says; SQLAlchemy's own text adds the statement and a link."""
    cause = getattr(error, "orig", None) or error
    args = cause.args or (type(cause).__name__,)
    if args[0] in NOT_MIGRATED_NUMBERS or NOT_MIGRATED.match(str(args[0])):
        return f"the database lacks a migration, run `flask db upgrade` ({args[-1]})"
    return f"the database fails: {args[-1]}"
