"""The row of the access_token that all processes share; `myapi.wechat.token_row` has its rules."""

import dataclasses
from datetime import datetime
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import Connection, Integer, Select, select, update
from sqlalchemy.orm import Mapped, mapped_column

from myapi.db.clock import database_now
from myapi.db.transactions import Transaction, insert_or_lock, reading, write
from myapi.db.types import ON_MYSQL, SEALED, UtcDateTime, binary, exact
from myapi.extensions import Base, keyring, settings
from myapi.wechat import TokenRow
from myapi.wechat.token_row import Change

T = TypeVar("T")


class AccessToken(Base):
    """WeChat's access_token of one AppID, sealed, and how its renewals stand."""

    __tablename__ = "myapi_access_tokens"
    __table_args__ = ON_MYSQL

    appid: Mapped[str] = mapped_column(exact(32), primary_key=True)
    token: Mapped[bytes | None] = mapped_column(binary(2048), info=SEALED)
    fetched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    renewing_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    given_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    forced_count: Mapped[int] = mapped_column(Integer)
    forced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


COLUMNS = tuple(getattr(AccessToken, each.name) for each in dataclasses.fields(TokenRow))


class SqlTokenStore:
    """Keeps the row of our AppID, on the database's clock. It needs an app context."""

    def load(self) -> tuple[TokenRow, datetime]:
        with reading() as connection:
            return _read(connection, _ours()), database_now(connection)

    def update(self, change: Change[T]) -> T:
        def work(tx: Transaction) -> T:
            insert_or_lock(tx, AccessToken, {"appid": settings().appid, "forced_count": 0})
            old = _read(tx, _ours().with_for_update())
            new, result = change(old, database_now(tx))
            if values := _changes(old, new):
                tx.execute(
                    update(AccessToken).where(AccessToken.appid == settings().appid).values(values)
                )
            return result

        return write(work)


def init_app(app: Flask) -> None:
    app.extensions["token_store"] = SqlTokenStore()


def _ours() -> Select[Any]:
    return select(*COLUMNS).where(AccessToken.appid == settings().appid)


def _read(connection: Connection, statement: Select[Any]) -> TokenRow:
    """Return the row. A token that no secret key unseals counts as none."""
    row = connection.execute(statement).first()
    if row is None:
        return TokenRow()
    values = row._asdict()
    sealed = values.pop("token")
    return TokenRow(token=None if sealed is None else keyring().unseal(sealed), **values)


def _changes(old: TokenRow, new: TokenRow) -> dict[str, Any]:
    before, after = dataclasses.asdict(old), dataclasses.asdict(new)
    values = {name: value for name, value in after.items() if value != before[name]}
    if values.get("token") is not None:
        values["token"] = keyring().seal(values["token"])
    return values
