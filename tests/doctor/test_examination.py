"""Running the checks."""

import time

from doctor import OUTSIDE, Check, Target, examine, parse_url
from doctor.checks import fail
from doctor.network import Network
from doctor.texts import EMPTY
from tests.doctor.example import URL


def test_hanging_name_server_delays_nothing_else():
    class Hanging(Network):
        def lookup(self, host, port):
            time.sleep(5)
            return []

    started = time.monotonic()
    target = Target(parse_url(URL), network=Hanging(), timeout=0.5)
    results = examine(target, OUTSIDE)
    assert time.monotonic() - started < 4
    by_id = {each.id: each for each in results}
    assert (by_id["dns"].status, by_id["url"].status) == ("skip", "ok")
    assert by_id["dns"].evidence.en == "no result after 0.5 s"


def test_raising_check_is_skipped():
    def broken(target):
        raise RuntimeError("\x1b[2J nobody thought of this")

    one = Check("broken", broken, ("unseen",), EMPTY, EMPTY)
    (result,) = examine(Target(None), [one])
    assert (result.status, result.evidence.en) == (
        "skip",
        "cannot judge: RuntimeError: [2J nobody thought of this",
    )


def test_independent_failure_follows_no_other():
    def made(name, finding):
        return Check(name, lambda _: finding, ("unseen",), EMPTY, EMPTY, follows=("database",))

    checks = [made("database", fail(EMPTY))._replace(follows=()), made("app", fail(EMPTY))]
    checks.append(made("gateway", fail(EMPTY, independent=True)))
    results = {each.id: each.follows for each in examine(Target(None), checks)}
    assert results == {"database": "", "app": "database", "gateway": ""}
