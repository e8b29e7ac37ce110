"""The console: its operators, what the last backup and the doctor said, a search by nickname."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# MySQL commits each step by itself: a run that was killed is repeated from the first step.
OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "if_not_exists": True}

BY_NICKNAME = "ix_myapi_users_nickname"  # a team may have an index of the usual name


def upgrade():
    op.create_table(
        "myapi_operators",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("appid", _exact(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("read_only", sa.Boolean, nullable=False),
        sa.Column("link_digest", _bytes(32), nullable=False, unique=True),
        sa.Column("cookie_digest", _bytes(32), unique=True),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("opened_at", _time()),
        sa.Column("last_seen_at", _time()),
        sa.Column("ends_at", _time(), nullable=False),
        sa.Column("ended_at", _time()),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_table(
        "myapi_reports",
        sa.Column("appid", _exact(32), primary_key=True),
        sa.Column("name", _exact(32), primary_key=True),
        sa.Column("at", _time(), nullable=False),
        sa.Column("content", _large_bytes(), nullable=False),
        **OPTIONS,
    )
    if BY_NICKNAME not in _indexes("users"):
        # SQLite compares bytes, and a LIKE that ignores case needs an index that does so too.
        # MySQL's collation ignores case by itself.
        folded = sa.text("nickname COLLATE NOCASE")
        column = folded if op.get_bind().dialect.name == "sqlite" else "nickname"
        op.create_index(BY_NICKNAME, "users", [column])


def downgrade():
    if BY_NICKNAME in _indexes("users"):
        op.drop_index(BY_NICKNAME, "users")
    op.drop_table("myapi_reports", if_exists=True)
    op.drop_table("myapi_operators", if_exists=True)


def _indexes(table):
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}


def _exact(length):
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql")


def _bytes(length):
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


def _large_bytes():
    return sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")


def _time():
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
