"""Find users as an operator knows them: by id, openid, phone number or beginning of the nickname.

Each of these is over an index, also where a million users have the same first letter.
"""

import re
from typing import Any

from sqlalchemy import Select, select

from myapi.auth import listings
from myapi.auth.listings import USERS, is_ours
from myapi.db.pagination import Page
from myapi.db.transactions import reading
from myapi.extensions import db
from myapi.users import accounts
from myapi.users.models import User

PHONE = re.compile(r"[+\d][\d\s()-]{5,24}")
CURSOR = re.compile(r"([0-9]{1,18})\.(.{1,32})", re.DOTALL)
NO_USERS = Page((), None)


def search(text: str, limit: int, after: str | None = None) -> Page:
    """Find users of our AppID. `after` is the `next` of the page before.

    An id or openid is that user alone; a phone number those who have it, if anyone has; all else is
    the beginning of a nickname, regardless of case, in alphabetical order.
    """
    text = text.strip()
    if not text:
        return NO_USERS
    if after is None:
        user = accounts.find(text)
        if user is not None:
            return Page([listings.user(user.id)], None)
        if PHONE.fullmatch(text):
            found = listings.users(limit, phone=text)
            if found.rows:
                return found
    return _by_nickname(text, limit, after)


def _by_nickname(prefix: str, limit: int, after: str | None) -> Page:
    statement = _beginning_with(prefix)
    cursor = CURSOR.fullmatch(after or "")
    if cursor:
        last, nickname = int(cursor[1]), cursor[2]
        after_it = (_nickname() > nickname) | ((_nickname() == nickname) & (User.id > last))
        statement = statement.where(after_it)
    with reading() as connection:
        ordered = statement.order_by(_nickname(), User.id).limit(limit + 1)
        ids = connection.execute(ordered).all()
        # The columns of the page are read for its rows alone: the last use of each is a subquery.
        page = [row.id for row in ids[:limit]]
        rows = {row.id: row for row in connection.execute(USERS.where(User.id.in_(page)))}
    more = len(ids) > limit
    return Page(
        [rows[each] for each in page if each in rows],
        f"{ids[limit - 1].id}.{ids[limit - 1].nickname}" if more else None,
    )


def _beginning_with(prefix: str) -> Select[Any]:
    pattern = re.sub(r"([/%_])", r"/\1", prefix) + "%"
    where = [User.nickname.like(pattern, escape="/"), is_ours()]
    if db.engine.name == "sqlite":  # no index serves its LIKE with ESCAPE, so the range says it too
        low = _lower(prefix)
        where += [_nickname() >= low, _nickname() < f"{low}\U0010ffff"]
    return select(User.id, User.nickname).where(*where)


def _nickname() -> Any:  # noqa: ANN401 (a column, or a column with its collation)
    """Return the column as the index has it: MySQL's collation ignores case by itself."""
    return User.nickname.collate("NOCASE") if db.engine.name == "sqlite" else User.nickname


def _lower(text: str) -> str:
    """Return a text as NOCASE compares it: of ASCII alone, A is a."""
    return "".join(each.lower() if each.isascii() else each for each in text)
