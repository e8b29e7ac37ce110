"""The keys of digests are made once, however many transactions find none."""

import pytest

from myapi.db.data_keys import newest_data_key
from myapi.db.transactions import write
from tests.service import at_once

pytestmark = pytest.mark.on_mysql


def test_key_that_many_make_at_once_is_one(app, execute):
    def make():
        with app.app_context():
            return write(newest_data_key)

    for _ in range(10):
        execute("DELETE FROM data_keys")
        assert len(set(at_once(*[make] * 6))) == 1
        assert execute("SELECT count(*) FROM data_keys") == [(1,)]
