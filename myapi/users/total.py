"""The number of users, without counting a million rows for a page.

Each night all are counted once. Since then, sign-ups and erasures are added by the hour, as each
process writes them: the number is at most a minute old. What happens in the minute of the count is
perhaps counted twice, until the next one.
"""

from sqlalchemy import func, select

from myapi.audit import hours
from myapi.clock import now
from myapi.db.transactions import reading
from myapi.extensions import settings
from myapi.observability.hourly import beginning_of_hour
from myapi.users.models import User

SIGNUP, ERASE = "signup", "erase"  # the names of the counts


def count() -> int:
    """Return the number of users of our AppID, at most a minute old."""
    found = hours.newest(hours.USERS)
    if found is None:  # no purge has run yet
        return recount()
    hour, users = found
    return users + hours.sum_since(hour, SIGNUP) - hours.sum_since(hour, ERASE)


def recount() -> int:
    """Count all users of our AppID, for the nightly purge; return how many there are."""
    hour = beginning_of_hour(now())
    statement = select(func.count()).select_from(User).where(User.appid == settings().appid)
    with reading() as connection:
        users = int(connection.scalar(statement) or 0)
    since = hours.sum_since(hour, SIGNUP) - hours.sum_since(hour, ERASE)
    hours.put(hour, hours.USERS, users - since)
    return users
