"""Subscribe messages: what users permit, and what was sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# MySQL commits each step by itself: a run that was killed is repeated from the first step.
OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "if_not_exists": True}

INDEXES = {
    "ix_myapi_permission_reports_created_at": ("myapi_permission_reports", ["created_at"]),
    "ix_myapi_messages_state_next_at": ("myapi_messages", ["state", "next_at"]),
    "ix_myapi_messages_user_id_state": ("myapi_messages", ["user_id", "state"]),
    "ix_myapi_messages_msgid": ("myapi_messages", ["msgid"]),
    "ix_myapi_messages_created_at": ("myapi_messages", ["created_at"]),
}


def upgrade():
    op.create_table(
        "myapi_permissions",
        _user_id(primary_key=True, autoincrement=False),
        sa.Column("template_id", _exact(128), primary_key=True),
        sa.Column("by_events", sa.Integer, nullable=False),
        sa.Column("by_phone", sa.Integer, nullable=False),
        sa.Column("sent", sa.Integer, nullable=False),
        sa.Column("ended_at", _time()),
        **OPTIONS,
    )
    op.create_table(
        "myapi_permission_reports",
        _user_id(primary_key=True, autoincrement=False),
        sa.Column(
            "digest",
            sa.LargeBinary(32).with_variant(mysql.VARBINARY(32), "mysql"),
            primary_key=True,
        ),
        sa.Column("created_at", _time(), nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "myapi_messages",
        sa.Column("id", _id(), primary_key=True),
        _user_id(nullable=False),
        sa.Column("template_id", _exact(128), nullable=False),
        sa.Column("once", _exact(64)),
        sa.Column("content", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")),
        sa.Column("state", _exact(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", _exact(64)),
        sa.Column("errcode", sa.Integer),
        sa.Column("msgid", _exact(32)),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("next_at", _time(), nullable=False),
        sa.Column("sent_at", _time()),
        sa.UniqueConstraint("user_id", "once"),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    inspector = sa.inspect(op.get_bind())
    for name, (table, columns) in INDEXES.items():
        if name not in {index["name"] for index in inspector.get_indexes(table)}:
            op.create_index(name, table, columns)


def downgrade():
    for table in ("myapi_messages", "myapi_permission_reports", "myapi_permissions"):
        op.drop_table(table, if_exists=True)


def _user_id(**options):
    return sa.Column("user_id", _id(), sa.ForeignKey("users.id", ondelete="CASCADE"), **options)


def _id():
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _exact(length):
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql")


def _time():
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
