"""Changing a profile."""

import pytest

from myapi.users import profile
from myapi.web.errors import ApiError

pytestmark = pytest.mark.on_mysql


def test_profile_change_of_an_erased_user_is_session_ended(app):
    with app.app_context(), pytest.raises(ApiError, match="session_ended"):
        profile.update_profile(7, {"nickname": "x"})
