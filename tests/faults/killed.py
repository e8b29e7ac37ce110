"""Kill a restore or an upgrade before each of its statements.

`python -m tests.faults.killed URL restore`, or `… upgrade`.

Each time in a child process, so that nothing of ours can tidy up. After each kill the database has
to be whole, and the next run has to end well. Prints the number of kills.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

import flask_migrate
from sqlalchemy import Engine, event, inspect, text

from myapi import create_app
from myapi.db import backup, migrate
from myapi.db.backup.leftovers import NEW, OLD
from myapi.extensions import Base, db
from myapi.settings import Settings
from tests.revisions import HEAD

KEY = "a key for tests only, 0123456789"
USER = (
    "INSERT INTO users (public_id, appid, openid, created_at)"
    " VALUES ('{0}', 'wx', '{0}', '2026-01-02')"
)


class Restore:
    """Restore a backup with the user `new` onto a database with the user `old`."""

    def __init__(self, folder: Path) -> None:
        suffix = ".db" if db.engine.name == "sqlite" else ".sql"
        self.files = {name: folder / f"{name}{suffix}" for name in ("old", "new")}
        migrate.upgrade()
        for name, file in self.files.items():
            execute("DELETE FROM users", USER.format(name))
            file.touch()
            backup.write(file, file)

    def prepare(self) -> None:
        restore(self.files["old"])

    def run(self) -> None:
        restore(self.files["new"])

    def check(self) -> str:
        assert revision() == HEAD
        return str(scalar("SELECT openid FROM users"))


class Upgrade:
    """Apply all migrations after the first one to a database with a user."""

    def __init__(self, _folder: Path) -> None:
        migrate.init_app(app)

    def prepare(self) -> None:
        migrate.upgrade()
        flask_migrate.downgrade(revision="base")

    def run(self) -> None:
        migrate.upgrade()

    def check(self) -> str:
        return "new" if revision() == HEAD else "old"


def restore(file: Path) -> None:
    backup.restore(file, backup.check(file), lambda *_: 0)


def execute(*statements: str) -> None:
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def scalar(statement: str) -> object:
    with db.engine.connect() as connection:
        return connection.scalar(text(statement))


def revision() -> object:
    return scalar("SELECT max(version_num) FROM alembic_version")


def in_child(work, statements: int | None = None) -> bool:
    """Run it in a child that dies before that many statements are through; whether it ended."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        for engine in db.engines.values():
            engine.dispose(close=False)
        if statements is not None:
            die_after(statements)
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}, "the run failed"
    return status == 0


def die_after(statements: int) -> None:
    left = statements

    @event.listens_for(Engine, "before_cursor_execute")
    def die(*_arguments: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(what) -> int:
    with tempfile.TemporaryDirectory() as folder:
        trial = what(Path(folder))
        kills, states = 0, set()
        ended = False
        while not ended:
            in_child(trial.prepare)
            ended = in_child(trial.run, kills)
            kills += not ended
            states.add(trial.check())
            in_child(trial.run)
            assert trial.check() == "new"
            names = set(inspect(db.engine).get_table_names())
            assert {*Base.metadata.tables, "alembic_version"} == names, names
            assert not any(name.startswith((NEW, OLD)) for name in names)
        assert states == {"old", "new"}
    return kills


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as instance:
        app = create_app(
            Settings(secret_keys=(KEY,), database_url=sys.argv[1], instance_path=Path(instance))
        )
        with app.app_context():
            sys.stdout.write(f"{main({'restore': Restore, 'upgrade': Upgrade}[sys.argv[2]])}\n")
