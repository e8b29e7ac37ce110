"""SQLite gives no id a second time, and a user's live sessions are found among the dead."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    _made_anew(sqlite_autoincrement=True)
    op.create_index("ix_sessions_user_id_ended_at", "sessions", ["user_id", "ended_at"])
    op.drop_index("ix_sessions_user_id", "sessions")


def downgrade():
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.drop_index("ix_sessions_user_id_ended_at", "sessions")
    _made_anew(sqlite_autoincrement=False)


def _made_anew(**options):
    """Only a new table can have AUTOINCREMENT; MySQL's ids have always been given once."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("users", "sessions"):
            with op.batch_alter_table(name, recreate="always", table_kwargs=options):
                pass
