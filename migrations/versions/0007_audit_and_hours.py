"""The audit table, and what happened in each hour."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# MySQL commits each step by itself: a run that was killed is repeated from the first step.
OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "if_not_exists": True}

INDEXES = {"ix_myapi_audit_at": ["at"], "ix_myapi_audit_user": ["user"]}


def upgrade():
    op.create_table(
        "myapi_audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("appid", _exact(32), nullable=False),
        sa.Column("at", _time(), nullable=False),
        sa.Column("actor_kind", _exact(16), nullable=False),
        sa.Column("actor_name", sa.String(64)),
        sa.Column("event", _exact(32), nullable=False),
        sa.Column("user", _exact(24)),
        sa.Column("reason", sa.String(200)),
        sa.Column("details", sa.String(500)),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_table(
        "myapi_hours",
        sa.Column("appid", _exact(32), primary_key=True),
        sa.Column("hour", _time(), primary_key=True),
        sa.Column("name", _exact(64), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
    existing = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("myapi_audit")}
    for name, columns in INDEXES.items():
        if name not in existing:
            op.create_index(name, "myapi_audit", columns)


def downgrade():
    for table in ("myapi_hours", "myapi_audit"):
        op.drop_table(table, if_exists=True)


def _exact(length):
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql")


def _time():
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
