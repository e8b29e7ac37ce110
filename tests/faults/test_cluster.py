"""Three app machines and a cluster of three databases: what is killed has others in its place."""

import threading
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from myapi.db.transactions import transaction
from tests.faults import site as sites
from tests.faults.people import operators_app
from tests.faults.report import LONG
from tests.requirements import need
from tests.service import at_once, is_error, wait_for

TIMES = 30
REFUSED = {"service_unavailable"}
takes_long = getattr(pytest.mark, LONG)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    need(SimpleNamespace(available=sites.available))
    with sites.site(tmp_path_factory.mktemp("site")) as site:
        yield site


# ---- three nodes, as one database ----


@pytest.fixture(scope="module")
def apart(site):
    """Three services, each with a node of its own: as far apart as they can ever get."""
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
    """Write so much to the first node that the others are behind."""
    enough = threading.Event()

    def write():
        while not enough.is_set():
            site.nodes[0].execute(f"UPDATE {table} SET n = n + 1", database="myapi")

    thread = threading.Thread(target=write)
    thread.start()
    yield
    enough.set()
    thread.join()


@pytest.mark.usefixtures("busy")
def test_a_session_ended_through_one_node_is_dead_on_the_others_at_once(apart):
    here, *elsewhere = apart
    for turn in range(TIMES):
        phone = here.sign_in(f"alice.{turn}")
        use = [partial(phone.get, "/api/me", at=there) for there in elsewhere]
        assert [answer.status_code for answer in at_once(*use)] == [200, 200]
        assert phone.post("/api/auth/logout").status_code == 200
        assert [a.text for a in at_once(*use) if not is_error(a, 401, "session_ended")] == []


def test_writes_to_one_user_through_three_nodes_at_once_are_well_or_refused_by_name(site, apart):
    phones = [service.sign_in(f"bob.{number}") for number, service in enumerate(apart)]
    answers, before = [], conflicts(site)
    for turn in range(TIMES):
        profiles = [partial(phone.put, "/api/me", json={"nickname": f"{turn}"}) for phone in phones]
        logins = [partial(at.login, f"bob.{turn}-{number}") for number, at in enumerate(apart)]
        answers += at_once(*profiles, *logins)
    assert conflicts(site) > before, "no two of them met"
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [a.text for a in refused if not is_error(a, 503, "service_unavailable")] == []
    assert len(refused) < len(answers) / 10


def test_a_write_that_loses_against_another_node_at_its_commit_is_made_again(site, table, tmp_path):
    here, there, _ = site.nodes
    attempts = []

    @transaction
    def write(tx):
        tx.execute(text(f"UPDATE {table} SET n = 1 WHERE id = 1"))
        if not attempts:
            there.execute(f"UPDATE {table} SET n = 2 WHERE id = 1", database="myapi")
        attempts.append(len(attempts))

    before = conflicts(site)
    with operators_app(here.url("myapi"), tmp_path) as app, app.app_context():
        write()
    assert attempts == [0, 1]
    assert conflicts(site) > before
    assert here.execute(f"SELECT n FROM {table} WHERE id = 1", database="myapi") == [(1,)]


def test_a_node_outside_of_its_cluster_is_an_outage_and_logs_nobody_out(site, apart):
    node, (elsewhere, _, service) = site.nodes[2], apart
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
    """Return how often a write has lost against one of another node."""
    names = ("local_cert_failures", "local_bf_aborts")
    return sum(int(node.status(name)) for node in site.nodes for name in names)


# ---- under load ----


@takes_long
def test_app_machines_are_killed_one_after_the_other(site, load):
    with under_load(site, load, "each of three app machines killed in turn") as phones:
        for app in site.apps:
            app.kill()
            phones.are_well_again()
            app.start()
            phones.are_well_again()
    phones.kept_the_promise(refused=REFUSED)


@takes_long
def test_an_app_machine_vanishes_without_a_word(site, load):
    machine = site.apps[0].machine
    with under_load(site, load, "an app machine cut off from all") as phones:
        with machine.cut_off_from(site.machines):
            phones.are_well_again()
        phones.are_well_again()
    phones.kept_the_promise(refused=REFUSED)


@takes_long
def test_an_app_machine_and_then_the_database_in_charge_are_killed(site, load):
    node, app = in_charge(site), site.apps[0]
    with under_load(site, load, "an app machine, then the database in charge killed") as phones:
        app.kill()
        phones.are_well_again()
        node.kill()
        phones.are_well_again()
        app.start()
        node.come_back()
        phones.are_well_again()
    phones.kept_the_promise(refused=REFUSED)
    all_hold_the_same(site, phones)


@takes_long
@pytest.mark.parametrize("whom", ["the other two", "all"])
def test_the_database_in_charge_is_cut_off(site, load, whom):
    """Cut off from the other two it goes on to take connections, and refuses what they ask."""
    node = in_charge(site)
    others = site.machines if whom == "all" else site.databases
    with under_load(site, load, f"database in charge cut off from {whom}") as phones:
        with node.machine.cut_off_from(others):
            phones.are_well_again()
        wait_for(node.ready, seconds=30)
        phones.are_well_again()
    phones.kept_the_promise(refused=REFUSED)
    all_hold_the_same(site, phones)


def in_charge(site):
    """Return the first node, with all connections to it: kept ones may go to another still."""
    at_once(*[app.service.reload for app in site.apps])
    return site.nodes[0]


def under_load(site, load, fault):
    return load(site.balancer, fault, database_url=site.database_url)


def all_hold_the_same(site, phones):
    """Hold what was acknowledged against each node by itself."""
    wait_for(lambda: len({node.status("last_committed") for node in site.nodes}) == 1)
    for node in site.nodes:
        phones.compare(node.url("myapi"))
    assert phones.lost == []
