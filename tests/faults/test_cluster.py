"""Three app machines and a cluster of three databases: others take over from killed ones."""

import threading
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from myapi.db.transactions import transaction
from tests.faults import site as sites
from tests.faults.people import operator_app
from tests.faults.report import LONG
from tests.requirements import need
from tests.service import at_once, is_error, wait_for

TIMES = 30
REFUSED = {"service_unavailable"}
long_scenario = getattr(pytest.mark, LONG)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    need(SimpleNamespace(available=sites.available))
    with sites.site(tmp_path_factory.mktemp("site")) as site:
        yield site


# ---- three nodes, as one database ----


@pytest.fixture(scope="module")
def services(site):
    """Three services, each on its own database node: the worst case for consistency."""
    pairs = zip(site.apps, site.nodes, strict=True)
    services = [app.serve(8000, database_url=node.url("myapi")) for app, node in pairs]
    try:
        at_once(*[service.start for service in services])
        yield services
    finally:
        for service in services:
            service.close()


@pytest.fixture
def table(site):
    """A table of 5000 rows: id, n."""
    node = site.nodes[0]
    node.execute("CREATE TABLE ballast (id INT PRIMARY KEY, n INT)", database="myapi")
    node.execute("INSERT INTO ballast SELECT seq, 0 FROM seq_1_to_5000", database="myapi")
    yield "ballast"
    node.execute("DROP TABLE ballast", database="myapi")


@pytest.fixture
def busy(site, table):
    """Write so much to the first node that the others lag behind."""
    done = threading.Event()

    def write():
        while not done.is_set():
            site.nodes[0].execute(f"UPDATE {table} SET n = n + 1", database="myapi")

    thread = threading.Thread(target=write)
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.mark.usefixtures("busy")
def test_session_ended_on_one_node_is_ended_on_the_others(services):
    here, *elsewhere = services
    for turn in range(TIMES):
        phone = here.sign_in(f"alice.{turn}")
        use = [partial(phone.get, "/api/me", at=there) for there in elsewhere]
        assert [answer.status_code for answer in at_once(*use)] == [200, 200]
        assert phone.post("/api/auth/logout").status_code == 200
        assert [a.text for a in at_once(*use) if not is_error(a, 401, "session_ended")] == []


def test_simultaneous_writes_on_three_nodes_succeed_or_get_503(site, services):
    phones = [service.sign_in(f"bob.{number}") for number, service in enumerate(services)]
    answers, before = [], conflicts(site)
    for turn in range(TIMES):
        profiles = [partial(phone.put, "/api/me", json={"nickname": f"{turn}"}) for phone in phones]
        logins = [partial(at.login, f"bob.{turn}-{number}") for number, at in enumerate(services)]
        answers += at_once(*profiles, *logins)
    assert conflicts(site) > before, "no writes conflicted"
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [a.text for a in refused if not is_error(a, 503, "service_unavailable")] == []
    assert len(refused) < len(answers) / 10


def test_write_is_retried_after_a_conflict_at_commit(site, table, tmp_path):
    here, there, _ = site.nodes
    attempts = []

    @transaction
    def write(tx):
        tx.execute(text(f"UPDATE {table} SET n = 1 WHERE id = 1"))
        if not attempts:
            there.execute(f"UPDATE {table} SET n = 2 WHERE id = 1", database="myapi")
        attempts.append(len(attempts))

    before = conflicts(site)
    with operator_app(here.url("myapi"), tmp_path) as app, app.app_context():
        write()
    assert attempts == [0, 1]
    assert conflicts(site) > before
    assert here.execute(f"SELECT n FROM {table} WHERE id = 1", database="myapi") == [(1,)]


def test_isolated_node_is_an_outage_and_ends_no_session(site, services):
    node, (elsewhere, _, service) = site.nodes[2], services
    phone = elsewhere.sign_in("carol")
    assert phone.get("/api/me", at=service).status_code == 200
    with node.machine.cut_off_from(site.databases):
        wait_for(lambda: not node.ready())
        calls = [partial(phone.get, "/api/me", at=service), partial(service.login, "carol")]
        calls.append(partial(service.call, "GET", "/readyz"))
        assert [a.text for a in at_once(*calls) if not is_error(a, 503, *REFUSED)] == []
        assert service.call("GET", "/api/hello").status_code == 200
        assert phone.get("/api/me").status_code == 200
    wait_for(node.ready, seconds=30)
    assert [answer.text for answer in at_once(*calls) if answer.status_code != 200] == []


def conflicts(site):
    """Return how often a write lost a conflict with a write on another node."""
    names = ("local_cert_failures", "local_bf_aborts")
    return sum(int(node.status(name)) for node in site.nodes for name in names)


# ---- under load ----


@long_scenario
def test_app_machines_are_killed_in_turn(site, load):
    with under_load(site, load, "each of three app machines killed in turn") as phones:
        for app in site.apps:
            app.kill()
            phones.wait_until_recovered()
            app.start()
            phones.wait_until_recovered()
    phones.assert_promise_kept(refused=REFUSED)


@long_scenario
def test_app_machine_is_cut_off(site, load):
    machine = site.apps[0].machine
    with under_load(site, load, "an app machine cut off from all") as phones:
        with machine.cut_off_from(site.machines):
            phones.wait_until_recovered()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused=REFUSED)


@long_scenario
def test_app_machine_and_then_the_primary_database_are_killed(site, load):
    node, app = primary(site), site.apps[0]
    with under_load(site, load, "an app machine, then the database in charge killed") as phones:
        app.kill()
        phones.wait_until_recovered()
        node.kill()
        phones.wait_until_recovered()
        app.start()
        node.restart_after_crash()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused=REFUSED)
    assert_nodes_agree(site, phones)


@long_scenario
@pytest.mark.parametrize("whom", ["the other two", "all"])
def test_primary_database_is_cut_off(site, load, whom):
    """Cut off from the other two, it still accepts connections but refuses queries."""
    node = primary(site)
    others = site.machines if whom == "all" else site.databases
    with under_load(site, load, f"database in charge cut off from {whom}") as phones:
        with node.machine.cut_off_from(others):
            phones.wait_until_recovered()
        wait_for(node.ready, seconds=30)
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused=REFUSED)
    assert_nodes_agree(site, phones)


def primary(site):
    """Return the first node, after all services have reconnected to it."""
    at_once(*[app.service.reload for app in site.apps])
    return site.nodes[0]


def under_load(site, load, fault):
    return load(site.balancer, fault, database_url=site.database_url)


def assert_nodes_agree(site, phones):
    """Compare the acknowledged changes with each node separately."""
    wait_for(lambda: len({node.status("last_committed") for node in site.nodes}) == 1)
    for node in site.nodes:
        phones.compare(node.url("myapi"))
    assert not phones.lost, "\n".join(phones.lost)
