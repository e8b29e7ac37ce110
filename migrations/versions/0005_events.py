"""The inbox of WeChat's events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# MySQL commits each step by itself: a run that was killed is repeated from the first step.
OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "if_not_exists": True}

INDEXES = {
    "ix_myapi_events_user_digest": ["user_digest"],
    "ix_myapi_events_created_at": ["created_at"],
    "ix_myapi_events_state_next_at": ["state", "next_at"],
}


def upgrade():
    op.create_table(
        "myapi_events",
        sa.Column("id", _id(), primary_key=True),
        sa.Column("appid", _exact(32), nullable=False),
        sa.Column("digest", _bytes(32), nullable=False, unique=True),
        sa.Column("user_digest", _bytes(32)),
        sa.Column("name", _exact(64), nullable=False),
        sa.Column("text", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")),
        sa.Column("state", _exact(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.String(255)),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("next_at", _time(), nullable=False),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    existing = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("myapi_events")}
    for name, columns in INDEXES.items():
        if name not in existing:
            op.create_index(name, "myapi_events", columns)


def downgrade():
    op.drop_table("myapi_events", if_exists=True)


def _id():
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _exact(length):
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql")


def _bytes(length):
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


def _time():
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
