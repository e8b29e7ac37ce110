"""The inbox: an event is stored once, emptied with its user, and purged by age.

All times are the database's: several servers share the inbox.
"""

import json
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from myapi.db.clock import database_now
from myapi.db.data_keys import data_keys, digest, digests, newest_data_key
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import keyring, settings
from myapi.push.models import WAITING, Event
from myapi.push.people import name_of, openid_in
from myapi.users import accounts
from myapi.wechat.push import Push

TEXT, USER = "event", "event-user"  # the purposes of digests

#: How long texts and digests are kept.
TEXT_AGE = timedelta(days=30)
DIGEST_AGE = timedelta(days=400)
BATCH = 500


@transaction
def store(tx: Transaction, push: Push) -> bool:
    """Store an event; False if it is there already: WeChat has sent it again."""
    keys = data_keys(tx) or [newest_data_key(tx)]
    text = push.text.decode(errors="replace")
    known = [digest(key, TEXT, text) for key in keys]
    if tx.scalar(select(Event.id).where(Event.digest.in_(known))) is not None:
        return False
    at = database_now(tx)
    openid = openid_in(push.event)
    values = {
        "appid": settings().appid,
        "digest": known[-1],
        "user_digest": openid and digest(keys[-1], USER, _user(openid)),
        "name": name_of(push.event),
        "text": keyring().seal(json.dumps(push.event, ensure_ascii=False)),
        "state": WAITING,
        "attempts": 0,
        "created_at": at,
        "next_at": at,
    }
    tx.execute(insert(Event).values(values))
    return True


def forget_user(tx: Transaction, user_id: int) -> None:
    """Empty the events of a user who is being erased."""
    user = accounts.lock(tx, user_id)
    if user is not None:
        _forget(tx, user.openid)


@transaction
def forget(tx: Transaction, openid: str) -> None:
    """Empty the events about a person who has no account."""
    _forget(tx, openid)


def _forget(tx: Transaction, openid: str) -> None:
    tx.execute(update(Event).where(about(tx, openid)).values(text=None, user_digest=None))


def about(connection: Connection, openid: str) -> ColumnElement[bool]:
    """Return the condition that an event is about this user of our AppID."""
    return Event.user_digest.in_(digests(connection, USER, _user(openid)))


def purge_batch() -> tuple[int, int]:
    """Empty the texts of handled events after TEXT_AGE, and delete rows after DIGEST_AGE.

    Returns how many of both, at most BATCH each.
    """
    with reading() as connection:  # it goes through all that were emptied, and nobody waits for it
        at = database_now(connection)
        ancient = Event.created_at < at - DIGEST_AGE
        old = connection.scalars(select(Event.id).where(ancient).limit(BATCH)).all()
        handled = (
            Event.created_at < at - TEXT_AGE,
            Event.text.is_not(None),
            Event.state != WAITING,
        )
        read = select(Event.id).where(~ancient, *handled).limit(BATCH)
        emptied = connection.scalars(read).all()
    return _purge(emptied, old)


@transaction
def _purge(tx: Transaction, read: Sequence[int], old: Sequence[int]) -> tuple[int, int]:
    handled = update(Event).where(Event.id.in_(read), Event.state != WAITING)
    emptied = changed(tx, handled.values(text=None, user_digest=None))
    return emptied, changed(tx, delete(Event).where(Event.id.in_(old)))


def _user(openid: str) -> str:
    return f"{settings().appid}\0{openid}"
