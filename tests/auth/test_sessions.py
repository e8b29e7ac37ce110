"""The cap on the live sessions of a user."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.auth.helpers import ago, log_in

pytestmark = pytest.mark.on_mysql


def test_login_over_the_cap_ends_the_least_recently_used_session(make_app, sign_in, execute):
    client = make_app(sessions_per_user=3).test_client()
    phones = [sign_in("alice", via=client) for _ in range(3)]
    for hours, phone in zip((3, 9, 5), phones, strict=True):
        phone.get("/api/me")
        execute(
            "UPDATE sessions SET last_seen_at = :at WHERE last_seen_at > :recent",
            at=ago(hours=hours),
            recent=ago(hours=1),
        )
    newest = sign_in("alice", via=client)
    live = [p.get("/api/me").status_code == 200 for p in (*phones, newest)]
    assert live == [True, False, True, True]


def test_cap_counts_only_live_sessions_of_the_same_user(make_app, sign_in):
    client = make_app(sessions_per_user=1).test_client()
    bob = sign_in("bob", via=client)
    alice = sign_in("alice", via=client)
    assert bob.get("/api/me").status_code == alice.get("/api/me").status_code == 200


def test_concurrent_logins_never_exceed_the_cap(make_app, execute):
    app = make_app(sessions_per_user=3)
    with ThreadPoolExecutor(16) as pool:
        statuses = pool.map(lambda _: log_in(app, "alice").status_code, range(48))
        assert set(statuses) <= {200, 503}
    assert execute("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(3,)]
