"""What several tests of logins and sessions share."""

from datetime import timedelta

from myapi.auth import bans
from myapi.clock import now
from myapi.users import accounts, erasure


def ago(**duration):
    """Return a time in the past as the tables store it: `ago(days=7, hours=1)`."""
    return (now() - timedelta(**duration)).replace(tzinfo=None)


def log_in(app, code):
    return app.test_client().post("/api/auth/login", json={"code": code})


def get_me(client, token):
    return client.get("/api/me", headers={"Authorization": f"Bearer {token}"})


def ban(app, public_id):
    """Ban a user; return how many sessions were ended."""
    with app.app_context():
        return bans.ban(accounts.find(public_id).id)


def ban_and_erase(app, public_id):
    with app.app_context():
        user = accounts.find(public_id)
        bans.ban(user.id)
        erasure.erase(user.id)
