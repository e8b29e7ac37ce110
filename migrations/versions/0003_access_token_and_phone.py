"""WeChat's access_token, which all processes share, and the phone numbers of users."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# MySQL commits each step by itself: a run that was killed is repeated from the first step.
OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "if_not_exists": True}

BY_PHONE = "ix_users_phone_digest"
BY_USER = "ix_myapi_phone_codes_user_id"


def upgrade():
    op.create_table(
        "myapi_access_tokens",
        sa.Column("appid", _exact(32), primary_key=True),
        sa.Column("token", _bytes(2048)),
        sa.Column("fetched_at", _time()),
        sa.Column("expires_at", _time()),
        sa.Column("renewing_until", _time()),
        sa.Column("given_up_at", _time()),
        sa.Column("forced_count", sa.Integer, nullable=False),
        sa.Column("forced_at", _time()),
        **OPTIONS,
    )
    op.create_table(
        "myapi_phone_codes",
        sa.Column("digest", _bytes(32), primary_key=True),
        sa.Column("user_id", _id(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("sent_at", _time(), nullable=False),
        sa.Column("done_at", _time()),
        **OPTIONS,
    )
    _create_index(BY_USER, "myapi_phone_codes", ["user_id"])
    for column in _phone():
        if column.name not in _columns():
            op.add_column("users", column)
    _create_index(BY_PHONE, "users", ["phone_digest"])


def downgrade():
    if BY_PHONE in _indexes("users"):
        op.drop_index(BY_PHONE, "users")
    for column in _phone():
        if column.name in _columns():
            op.drop_column("users", column.name)
    op.drop_table("myapi_phone_codes", if_exists=True)
    op.drop_table("myapi_access_tokens", if_exists=True)


def _phone():
    return [
        sa.Column("phone", _bytes(255)),
        sa.Column("phone_digest", _bytes(32)),
        sa.Column("phone_at", _time()),
    ]


def _columns():
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("users")}


def _indexes(table):
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}


def _create_index(name, table, columns):
    if name not in _indexes(table):
        op.create_index(name, table, columns)


def _id():
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _exact(length):
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql")


def _bytes(length):
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


def _time():
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
