"""The uploaded pictures of users."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# MySQL commits each step by itself: a run that was killed is repeated from the first step.
OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "if_not_exists": True}

BY_TRACE = "ix_myapi_avatars_trace_id"


def upgrade():
    op.create_table(
        "myapi_avatars",
        sa.Column(
            "user_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("users.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("name", _exact(32), nullable=False, unique=True),
        sa.Column("content_type", _exact(32), nullable=False),
        sa.Column("trace_id", _exact(128)),
        sa.Column(
            "data", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False
        ),
        sa.Column(
            "created_at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=False
        ),
        **OPTIONS,
    )
    indexes = sa.inspect(op.get_bind()).get_indexes("myapi_avatars")
    if BY_TRACE not in {index["name"] for index in indexes}:
        op.create_index(BY_TRACE, "myapi_avatars", ["trace_id"])


def downgrade():
    # These are no URLs: the code before shows what stands there.
    op.execute("UPDATE users SET avatar_url = NULL WHERE avatar_url LIKE 'avatars/%'")
    op.drop_table("myapi_avatars", if_exists=True)


def _exact(length):
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql")
