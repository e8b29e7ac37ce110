"""Delete the rows of sessions that are no longer live."""

from sqlalchemy import delete, exists, select

from myapi.auth.liveness import is_live, limits
from myapi.auth.models import Session
from myapi.clock import now
from myapi.db.transactions import Transaction, changed, transaction
from myapi.extensions import settings
from myapi.users.models import User

BATCH = 1000


@transaction
def purge_batch(tx: Transaction, after: int = 0) -> tuple[int, int | None]:
    """Delete sessions of our AppID that are not live among the `BATCH` rows after an id.

    Returns how many, and the id to continue after; None when there are no more rows.
    Sessions of banned users are kept, so that their tokens are answered with 403, not 401. Those of
    another mini program on the same database may live longer, by its own settings.
    """
    ids = tx.scalars(
        select(Session.id).where(Session.id > after).order_by(Session.id).limit(BATCH)
    ).all()
    if not ids:
        return 0, None
    ours = exists().where(
        User.id == Session.user_id, User.appid == settings().appid, User.banned_at.is_(None)
    )
    dead = delete(Session).where(Session.id.in_(ids), ~is_live(), ours)
    return changed(tx, dead, limits(now())), ids[-1]
