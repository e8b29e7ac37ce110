"""How long ago, in English and Chinese."""

from datetime import datetime, timedelta, timezone

import pytest

from myapi.cli import times
from myapi.clock import iso

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("ago", "english", "chinese"),
    [
        ({"seconds": -30}, "just now", "刚刚"),
        ({"seconds": 59}, "just now", "刚刚"),
        ({"seconds": 60}, "1 min ago", "1 分钟前"),
        ({"minutes": 59, "seconds": 59}, "59 min ago", "59 分钟前"),
        ({"hours": 1}, "1 h ago", "1 小时前"),
        ({"hours": 23, "minutes": 59}, "23 h ago", "23 小时前"),
        ({"days": 1}, "1 d ago", "1 天前"),
        ({"days": 59, "hours": 23}, "59 d ago", "59 天前"),
        ({"days": 60}, "2026-03-07", "2026-03-07"),
        ({"days": -2}, "2026-05-08", "2026-05-08"),
    ],
)
def test_relative_time(monkeypatch, ago, english, chinese):
    monkeypatch.setattr(times, "now", lambda: NOW)
    moment = iso(NOW - timedelta(**ago))
    assert times.relative(moment) == english
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert times.relative(moment) == chinese
