"""Users and sessions; banned openids and data keys, which are kept after a user is erased."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = ("myapi",)
depends_on = None

# MySQL commits each step by itself: a run that was killed is repeated from the first step.
OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "if_not_exists": True}


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", _id(), primary_key=True),
        sa.Column("public_id", _exact(24), nullable=False, unique=True),
        sa.Column("appid", _exact(32), nullable=False),
        sa.Column("openid", _exact(128), nullable=False),
        sa.Column("unionid", _exact(128)),
        sa.Column("nickname", sa.String(32)),
        sa.Column("avatar_url", sa.String(512)),
        sa.Column("session_key", _bytes(255)),
        sa.Column("session_key_at", _time()),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("banned_at", _time()),
        sa.UniqueConstraint("appid", "openid", name="uq_users_appid_openid"),
        **OPTIONS,
    )
    op.create_table(
        "sessions",
        sa.Column("id", _id(), primary_key=True),
        sa.Column("public_id", _exact(24), nullable=False, unique=True),
        sa.Column("user_id", _id(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("token_digest", _bytes(32), nullable=False, unique=True),
        sa.Column("code_digest", _bytes(32), nullable=False),
        sa.Column("ip", _exact(45), nullable=False),
        sa.Column("user_agent", sa.String(255), nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("last_seen_at", _time()),
        sa.Column("ended_at", _time()),
        **OPTIONS,
    )
    _create_index("ix_sessions_user_id", ["user_id"])
    _create_index("ix_sessions_code_digest", ["code_digest"])
    op.create_table(
        "banned_openids",
        sa.Column("digest", _bytes(32), primary_key=True),
        sa.Column("created_at", _time(), nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "data_keys",
        sa.Column("name", _exact(32), primary_key=True),
        sa.Column("sealed", _bytes(255), nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        **OPTIONS,
    )


def downgrade():
    for name in ("data_keys", "banned_openids", "sessions", "users"):
        op.drop_table(name, if_exists=True)


def _create_index(name, columns):
    if name not in {each["name"] for each in sa.inspect(op.get_bind()).get_indexes("sessions")}:
        op.create_index(name, "sessions", columns)


def _id():
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _exact(length):
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql")


def _bytes(length):
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


def _time():
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
