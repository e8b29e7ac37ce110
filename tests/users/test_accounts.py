"""Finding and inserting users."""

import pytest

from myapi.clock import now
from myapi.db.transactions import transaction
from myapi.users import accounts
from myapi.wechat import Login

pytestmark = pytest.mark.on_mysql


def test_user_is_found_by_public_id_or_exact_openid(app, sign_in, wechat):
    phone = sign_in("alice")
    openid = wechat.sandbox.openid("alice", "wxsandbox000000000")
    with app.app_context():
        assert accounts.find(phone.user["id"]).openid == openid
        assert accounts.find(openid).public_id == phone.user["id"]
        assert accounts.find(openid.swapcase()) is None, "openids are case-sensitive"
        assert accounts.find("nobody") is None
        assert accounts.find("爱丽丝") is None


def test_openids_that_differ_in_case_are_two_users(app, execute):
    with app.app_context():
        for openid in ("oABC", "oabc"):
            transaction(accounts.insert_user)(Login(openid, "A" * 24, None), now())
    assert execute("SELECT count(*) FROM users") == [(2,)]
