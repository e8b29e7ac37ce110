"""`flask stats`."""

import json
import re

import pytest

pytestmark = pytest.mark.on_mysql


@pytest.fixture
def service(sign_in, run, execute):
    """Three users (one old, one banned, one with an expired session) and one erased user."""
    old, banned, _third, erased = (sign_in(name) for name in ("old", "banned", "third", "erased"))
    execute(
        "UPDATE users SET created_at = '2026-01-01 00:00:00.000000' WHERE public_id = :u",
        u=old.user["id"],
    )
    execute(
        "UPDATE sessions SET created_at = '2026-01-01 00:00:00.000000' WHERE user_id ="
        " (SELECT id FROM users WHERE public_id = :u)",
        u=old.user["id"],
    )
    sign_in("third").get("/api/me")
    for phone in (banned, erased):
        run("users", "ban", phone.user["id"])
    run("users", "erase", erased.user["id"], "--yes")


def test_stats_counts_users_and_sessions(run, service):
    stats = json.loads(run("stats", "--json").stdout)
    assert stats["users"] == {
        "total": 3,
        "new_24h": 2,
        "new_7d": 2,
        "banned": 1,
        "banned_and_erased": 1,
    }
    assert stats["sessions"] == {"live": 2, "ended": 2, "seen_24h": 1, "seen_7d": 1}


def test_stats_describes_the_database(run, service, request):
    database = json.loads(run("stats", "--json").stdout)["database"]
    assert database["kind"] == request.node.callspec.params["database_url"]
    assert database["version"][0].isdigit()
    assert database["size_bytes"] > 10_000
    assert database["revision"]


def test_stats_prints_one_number_per_line(run, service):
    lines = run("stats").stdout.splitlines()
    assert lines[0].split() == ["users", "3"]
    assert "  banned             1" in lines
    assert all(re.fullmatch(r"[a-z0-9 ]{19} {2}\S.*", line) for line in lines)
