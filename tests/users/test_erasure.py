"""Erasing an account, and the hooks of other features."""

import pytest
from sqlalchemy import delete

from myapi.auth import authenticate, sessions
from myapi.auth.models import Session
from myapi.users import accounts, erasure, profile
from myapi.web.errors import ApiError

pytestmark = pytest.mark.on_mysql


def test_erasing_an_unknown_user_does_nothing(app):
    with app.app_context():
        erasure.erase(7)


def test_requests_in_progress_of_an_erased_user_change_no_other_user(app, sign_in):
    """Such a request was authenticated before the erasure and knows its rows only by number."""
    alice = sign_in("alice")
    with app.app_context():
        caller = authenticate.authenticate(alice.token)
        alice.delete("/api/me")
        bob = sign_in("bob")
        before = bob.get("/api/me").get_json()
        with pytest.raises(ApiError, match="session_ended"):
            profile.update_profile(caller.user_id, {"nickname": "of alice"})
        sessions.log_out(caller.session_id, caller.session)
        sessions.revoke_of_user(caller.user_id)
        erasure.erase(caller.user_id)
    assert bob.get("/api/me").get_json() == before


def test_hook_is_called_with_the_transaction_and_the_user_before_the_row_is_deleted(app, sign_in):
    phone, seen = sign_in("alice"), []
    erasure.register(app, lambda tx, user_id: seen.append(accounts.lock(tx, user_id)))
    assert phone.delete("/api/me").status_code == 200
    assert [user.public_id for user in seen] == [phone.user["id"]]


def test_exception_of_a_hook_rolls_the_erasure_back(app, sign_in, execute, caplog):
    """What the hook has changed is undone too."""
    phone = sign_in("alice")
    users, rows = execute("SELECT * FROM users"), execute("SELECT * FROM sessions")

    def fail(tx, user_id):
        tx.execute(delete(Session).where(Session.user_id == user_id))
        raise RuntimeError("the hook failed")

    erasure.register(app, fail)
    with app.app_context(), pytest.raises(RuntimeError, match="the hook failed"):
        erasure.erase(accounts.find(phone.user["id"]).id)
    assert execute("SELECT * FROM users") == users
    assert execute("SELECT * FROM sessions") == rows
    assert "erase" not in {r.event for r in caplog.records if r.name == "myapi.audit"}
    assert phone.get("/api/me").status_code == 200
