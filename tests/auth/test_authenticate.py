"""A token is valid only at an app of the AppID that issued it."""

import pytest

from tests.auth.helpers import get_me

pytestmark = pytest.mark.on_mysql


def test_token_of_another_appid_is_session_ended(make_app, sign_in):
    """Both apps have one database and the same keys, so the signature is valid."""
    phone = sign_in("alice")
    other = make_app(wechat_appid="wx1111111111111111", wechat_secret="s" * 32).test_client()
    response = get_me(other, phone.token)
    assert (response.status_code, response.get_json()["error"]) == (401, "session_ended")
    assert phone.get("/api/me").status_code == 200
