"""What `flask doctor` says about subscribe messages."""

from datetime import timedelta

import pytest

from doctor import Target
from myapi.cli.message_checks import message_backlog
from myapi.clock import now
from myapi.settings import SANDBOX_APPID

INSERT = (
    "INSERT INTO myapi_messages (user_id, template_id, state, attempts, error, created_at, next_at)"
    " VALUES (:user, 't', :state, 1, :error, :at, :at)"
)
HOURS = timedelta(hours=1)


@pytest.fixture
def found(app):
    def found():
        with app.app_context():
            return message_backlog.run(Target(None))

    return found


@pytest.fixture
def insert(sign_in, execute):
    """Insert a message to alice, made so many hours ago."""
    sign_in("alice")
    [(user,)] = execute("SELECT id FROM users")

    def insert(state, error, hours):
        at = (now() - hours * HOURS).replace(tzinfo=None)
        execute(INSERT, user=user, state=state, error=error, at=at)

    return insert


def test_failed_and_late_messages_warn(found, insert, execute):
    assert found().status == "ok"
    insert("failed", "message_invalid", 2)
    insert("failed", "message_invalid", 30)  # it was told yesterday
    insert("failed", "message_not_permitted", 2)  # a user has said no
    insert("waiting", "rate_limited", 3)
    insert("waiting", None, 0)
    insert("sent", None, 30)
    finding = found()
    assert finding.status == "warn"
    assert finding.evidence.en == "1 failed within a day, 1 waiting for more than an hour"
    execute("UPDATE users SET appid = 'wx-another' WHERE appid = :ours", ours=SANDBOX_APPID)
    assert found().status == "ok"


def test_it_needs_a_migrated_database(make_app, tmp_path):
    app = make_app(database_url=f"sqlite:///{tmp_path}/none.db")
    with app.app_context():
        assert message_backlog.run(Target(None)).status == "skip"
