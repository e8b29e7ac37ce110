"""The export of everything that is stored about a user."""

import pytest
from sqlalchemy import select

from myapi.users import accounts, export
from myapi.users.models import User

pytestmark = pytest.mark.on_mysql


def test_export_has_everything_stored_but_no_secret(app, sign_in, wechat):
    phone = sign_in("alice")
    phone.put("/api/me", {"nickname": "Alice"})
    with app.app_context():
        exported = export.export(accounts.find(phone.user["id"]))
    assert exported["nickname"] == "Alice"
    assert exported["openid"] == wechat.sandbox.openid("alice", "wxsandbox000000000")
    assert len(exported["sessions"]) == 1
    assert exported["session_key_stored"] is True
    assert phone.token not in repr(exported)


def test_registered_feature_adds_its_field_to_the_export(app, sign_in):
    def notes(connection, user_id):
        return [f"note of {connection.scalar(select(User.public_id).where(User.id == user_id))}"]

    export.register(app, "notes", notes)
    alice, bob = sign_in("alice"), sign_in("bob")
    with app.app_context():
        for phone in (alice, bob):
            exported = export.export(accounts.find(phone.user["id"]))
            assert exported["notes"] == [f"note of {phone.user['id']}"]
            assert len(exported["sessions"]) == 1
