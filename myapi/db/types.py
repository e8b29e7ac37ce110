"""Column types that behave alike on SQLite and MySQL, and columns that many tables share."""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.types import TypeEngine

#: Table options. Every table has them.
ON_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}
#: The same, and SQLite never reuses an id: a request may still hold the id of a deleted row.
IDS_NEVER_REUSED = {"sqlite_autoincrement": True, **ON_MYSQL}
#: `info` of a column that holds secrets sealed by the keyring; a key rotation reseals them.
SEALED = {"sealed": True}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python, a naive one with microseconds in the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=timezone.utc)


def exact(length: int) -> TypeEngine[str]:
    """ASCII compared byte by byte; MySQL's default collation considers `a` and `A` equal."""
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return String(length).with_variant(ascii_bin, "mysql")


def binary(length: int) -> TypeEngine[bytes]:
    return LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


def large_binary() -> TypeEngine[bytes]:
    """Up to 16 MiB; a plain BLOB of MySQL ends at 64 KiB."""
    return LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")


def id_column() -> MappedColumn[int]:
    """An auto-incremented integer primary key."""
    return mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def user_id_column(*, index: bool = True) -> MappedColumn[int]:
    """The user that a row belongs to. Deleting the user deletes the row."""
    return mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=index)
