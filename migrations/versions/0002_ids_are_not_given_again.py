"""SQLite gives no id a second time, and a user's live sessions are found among the dead."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BY_USER = "ix_sessions_user_id"
LIVE_BY_USER = "ix_sessions_user_id_ended_at"


def upgrade():
    _make_anew(sqlite_autoincrement=True)
    _replace_index(BY_USER, LIVE_BY_USER, ["user_id", "ended_at"])


def downgrade():
    _replace_index(LIVE_BY_USER, BY_USER, ["user_id"])
    _make_anew(sqlite_autoincrement=False)


def _make_anew(**options):
    """Only a new table can have AUTOINCREMENT; MySQL's ids have always been given once."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("users", "sessions"):
            with op.batch_alter_table(name, recreate="always", table_kwargs=options):
                pass


def _replace_index(old, new, columns):
    """Do what is left to do: MySQL keeps each step, though a run is cut short."""
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("sessions")}
    if new not in there:
        op.create_index(new, "sessions", columns)
    if old in there:
        op.drop_index(old, "sessions")
