"""SQLite never reuses ids, and an index finds a user's live sessions among the ended ones."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BY_USER = "ix_sessions_user_id"
BY_USER_AND_END = "ix_sessions_user_id_ended_at"


def upgrade():
    _recreate_tables(sqlite_autoincrement=True)
    _replace_index(BY_USER, BY_USER_AND_END, ["user_id", "ended_at"])


def downgrade():
    _replace_index(BY_USER_AND_END, BY_USER, ["user_id"])
    _recreate_tables(sqlite_autoincrement=False)


def _recreate_tables(**options):
    """SQLite can set AUTOINCREMENT only on a new table. MySQL never reuses ids anyway."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("users", "sessions"):
            with op.batch_alter_table(name, recreate="always", table_kwargs=options):
                pass


def _replace_index(old, new, columns):
    """Skip steps already done: MySQL commits each step, even of a run that was interrupted."""
    existing = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("sessions")}
    if new not in existing:
        op.create_index(new, "sessions", columns)
    if old in existing:
        op.drop_index(old, "sessions")
