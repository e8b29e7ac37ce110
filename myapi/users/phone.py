"""The phone number of a user: taken from WeChat, stored sealed, shown masked.

WeChat takes money for each code when the phone gets it, and accepts it once. So a request that is
sent again makes no second call: it waits for the first, and its answer is the user as it is then.
The times are the database's clock: the two may come to different hosts.
"""

import logging
import re
import unicodedata
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Update, delete, insert, select, update

from myapi import audit
from myapi.clock import iso
from myapi.concurrency import FewWait
from myapi.db.clock import database_now
from myapi.db.data_keys import digest, digests, newest_data_key
from myapi.db.transactions import Transaction, reading, transaction
from myapi.extensions import keyring, settings, wechat
from myapi.users import accounts
from myapi.users.accounts import MAX_REORDER, UserRow
from myapi.users.models import PhoneCode, User
from myapi.web.errors import ApiError

CODE_AGE = timedelta(minutes=5)  # of a code that is sent again
BESIDES_WECHAT = timedelta(seconds=3)  # that a request may take besides its call to WeChat
WAIT = 3.0  # s for the first of two requests to finish
POLL = 0.2
MAX_WAITING = 8  # requests of a process

NUMBER, CODE = "phone", "phone-code"  # the purposes of digests

# How people begin a number that is stored as +852… or, in China, without its country code.
_ABROAD = re.compile(r"^00(?=[1-9])")
_CHINA = re.compile(r"^(\+86|86(?=1[0-9]{10}$))")

_waiting = FewWait(MAX_WAITING)


class _Sent(NamedTuple):
    """A code that a user has sent: by this request first if `new`, else `done` if it is stored."""

    digest: bytes
    at: datetime
    new: bool
    done: bool


def set_phone(user_id: int, openid: str, code: str) -> UserRow:
    """Exchange the code of a getPhoneNumber button, and store the number.

    No transaction is open during the call to WeChat. A code that the user has sent within CODE_AGE
    changes nothing. Raises `session_ended` if the user was erased, `service_unavailable` if the
    first of two requests takes long, and WeChatError.
    """
    user, sent = _note_or_wait(user_id, code)
    if sent.done:
        return user
    try:
        number = wechat().phone_number(code, openid)
    except Exception:
        _forget_code(sent)  # the phone may send it again
        raise
    return _store(user_id, sent, number)


@transaction
def remove_phone(tx: Transaction, user_id: int) -> UserRow:
    """Delete the number; one that is on its way is not stored any more."""
    user = _lock(tx, user_id)
    tx.execute(_update(user_id, None, None, database_now(tx)))
    if user.phone is not None:
        audit.record(tx, "phone_removed", user=user.public_id)
    return user._replace(phone=None)


def phone_of(user_id: int) -> str | None:
    """Return the whole phone number of a user, or None.

    Digits, such as "13800138000"; a number abroad begins with + and the country code. It is no
    proof of who is calling: WeChat does not verify it anew each time.
    """
    with reading() as connection:
        return unsealed(connection.scalar(select(User.phone).where(User.id == user_id)))


@transaction
def show_phone(tx: Transaction, user_id: int, reason: str | None = None) -> str | None:
    """Return the whole number for an operator to see, as `phone_of`, and record that.

    Raises `not_found` if the user was erased.
    """
    user = accounts.get_or_404(tx, user_id)
    audit.record(tx, "phone_shown", level=logging.WARNING, user=user.public_id, reason=reason)
    return unsealed(user.phone)


def masked(phone: bytes | None) -> str | None:
    """Return a number as it is shown, such as `138******00`; None as `unsealed`."""
    number = unsealed(phone)
    return None if number is None else mask(number)


def unsealed(phone: bytes | None) -> str | None:
    """Return a number; None if there is none, or no secret key can unseal it."""
    return None if phone is None else keyring().unseal(phone)


def mask(number: str) -> str:
    """Show of ten digits or more the first three and the last two, of fewer the first two.

    Source: WeChat's 安全指引.
    """
    plus, digits = ("+", number[1:]) if number.startswith("+") else ("", number)
    shown = 3 if len(digits) >= 10 else 2
    return f"{plus}{digits[:shown]}{'*' * (len(digits) - shown - 2)}{digits[-2:]}"


def phone_digests(connection: Connection, number: str) -> list[bytes]:
    """Return what `phone_digest` may be of a number, as people type it."""
    # NFKC: full-width digits. All but + and digits goes: marks of an address book cannot be seen.
    typed = re.sub(r"[^+0-9]", "", unicodedata.normalize("NFKC", number))
    return digests(connection, NUMBER, _CHINA.sub("", _ABROAD.sub("+", typed)))


def sent_codes(connection: Connection, user_id: int) -> list[dict[str, str]]:
    """Return when a user sent the codes of which a digest is kept, for the export."""
    mine = select(PhoneCode.sent_at).where(PhoneCode.user_id == user_id)
    return [{"sent_at": iso(at)} for at in connection.scalars(mine)]


def _note_or_wait(user_id: int, code: str) -> tuple[UserRow, _Sent]:
    """Note that a code is sent. If it is on its way already, wait until it is stored or failed."""

    def look() -> tuple[UserRow, _Sent] | None:
        user, sent = _note_code(user_id, code)
        return (user, sent) if sent.new or sent.done else None

    found = _waiting.until(look, seconds=WAIT, pause=POLL)
    if found is None:
        raise ApiError("service_unavailable", reason="the code is on its way already")
    return found


@transaction
def _note_code(tx: Transaction, user_id: int, code: str) -> tuple[UserRow, _Sent]:
    user = _lock(tx, user_id)
    at = database_now(tx)
    given_up = BESIDES_WECHAT + timedelta(seconds=settings().wechat_timeout)  # then it was killed
    sent = _Sent(digest(newest_data_key(tx), CODE, f"{user_id}\0{code}"), at, new=True, done=False)
    mine = tx.execute(select(PhoneCode).where(PhoneCode.user_id == user_id)).all()
    outdated = [each.digest for each in mine if not at - CODE_AGE < each.sent_at <= at]
    for each in mine:
        if each.digest == sent.digest and each.digest not in outdated:
            if each.done_at is not None or at < each.sent_at + given_up:
                return user, sent._replace(new=False, done=each.done_at is not None)
            outdated.append(each.digest)
    if outdated:
        tx.execute(delete(PhoneCode).where(PhoneCode.digest.in_(outdated)))
    tx.execute(insert(PhoneCode).values(digest=sent.digest, user_id=user_id, sent_at=at))
    return user, sent


@transaction
def purge_codes(tx: Transaction) -> None:
    """Delete the notes of codes that are too old to be sent again."""
    tx.execute(delete(PhoneCode).where(PhoneCode.sent_at < database_now(tx) - CODE_AGE))


@transaction
def _forget_code(tx: Transaction, sent: _Sent) -> None:
    tx.execute(
        delete(PhoneCode).where(PhoneCode.digest == sent.digest, PhoneCode.sent_at == sent.at)
    )


@transaction
def _store(tx: Transaction, user_id: int, sent: _Sent, number: str) -> UserRow:
    """Store a number, unless it was set or removed by a request that came later."""
    user = _lock(tx, user_id)
    done = update(PhoneCode).where(PhoneCode.digest == sent.digest)
    tx.execute(done.values(done_at=database_now(tx)))
    if user.phone_at is not None and sent.at <= user.phone_at < sent.at + MAX_REORDER:
        return user
    sealed = keyring().seal(number)
    tx.execute(_update(user_id, sealed, digest(newest_data_key(tx), NUMBER, number), sent.at))
    audit.log_after_commit(tx, "phone_set", user=user.public_id)
    return user._replace(phone=sealed, phone_at=sent.at)


def _lock(tx: Transaction, user_id: int) -> UserRow:
    user = accounts.lock(tx, user_id)
    if user is None:
        raise ApiError("session_ended")
    return user


def _update(user_id: int, phone: bytes | None, phone_digest: bytes | None, at: datetime) -> Update:
    values = {"phone": phone, "phone_digest": phone_digest, "phone_at": at}
    return update(User).where(User.id == user_id).values(values)
