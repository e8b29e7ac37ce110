"""Rate limits, counted in memory and in Redis; outages of Redis are in tests/faults."""

import pytest

from tests.requirements import need
from tests.servers import HOST, Nginx, Redis
from tests.service import PRODUCTION, is_error, wait_for


@pytest.fixture
def redis_server():
    need(Redis)
    with Redis() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def storage(request):
    if request.param == "memory":
        return "memory://"
    return request.getfixturevalue("redis_server").url


def limited(answer):
    """Whether it is a 429 whose Retry-After is at most the rest of the minute, rounded up."""
    return is_error(answer, 429, "rate_limited") and int(answer.headers["Retry-After"]) <= 61


def from_address(address):
    """Return the options of a request that a trusted proxy forwards for this address."""
    return {"headers": {"X-Forwarded-For": address}}


def test_logins_are_limited_per_address(serve, storage):
    service = serve(**PRODUCTION, rate_limit_login="3", rate_limit_storage_url=storage)
    answers = [service.login(f"name{n}", **from_address("198.51.100.1")) for n in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert limited(answers[-1])
    assert service.login(**from_address("198.51.100.2")).status_code == 200


def test_ipv6_clients_are_limited_per_64_bit_network(serve):
    service = serve(**PRODUCTION, rate_limit_login="3")
    for host in ("1::", ":1", "ffff:ffff:ffff:ffff"):
        assert service.login(**from_address(f"2001:db8:0:7:{host}")).status_code == 200
    assert limited(service.login(**from_address("2001:db8:0:7:aaaa::")))
    assert service.login(**from_address("2001:db8:0:8::1")).status_code == 200


def test_ipv4_mapped_address_counts_as_the_ipv4_address(serve):
    service = serve(**PRODUCTION, rate_limit_login="1")
    assert service.login(**from_address("::ffff:198.51.100.1")).status_code == 200
    assert limited(service.login(**from_address("198.51.100.1")))


def test_failed_logins_are_limited_more_closely(serve, storage):
    service = serve(rate_limit_login_failed="3", rate_limit_storage_url=storage)
    for n in range(5):
        assert service.login(f"name{n}").status_code == 200  # these do not count as failed
    for n in range(3):
        assert is_error(service.login(f"bad{n}"), 400, "login_code_invalid")
    assert limited(service.login("bad3"))
    assert limited(service.login("alice"))


def test_rate_limited_login_does_not_count_as_failed(serve):
    service = serve(rate_limit_login="1/second", rate_limit_login_failed="2/60second")
    refused = wait_for(lambda: [a for a in [service.login() for _ in range(6)] if limited(a)])
    assert len(refused) > 2
    wait_for(lambda: service.login().status_code == 200, seconds=5)


def test_expensive_calls_are_limited_per_user_across_addresses(serve, storage, wechat):
    service = serve(**PRODUCTION, rate_limit_user="3", rate_limit_storage_url=storage)
    alice, again, bob = [service.sign_in(name) for name in ("alice", "alice", "bob")]
    encrypted = wechat.sandbox.encrypt("alice", {"phone": "1"})
    assert alice.put("/api/me", json={}, **from_address("198.51.100.1")).status_code == 200
    assert again.put("/api/me", json={}, **from_address("198.51.100.2")).status_code == 200
    assert alice.post("/api/me/decrypt", json=encrypted).status_code == 200
    assert limited(again.post("/api/me/decrypt", json=encrypted, **from_address("198.51.100.3")))
    assert limited(alice.put("/api/me", json={}))
    assert alice.get("/api/me").status_code == 200
    assert bob.put("/api/me", json={}, **from_address("198.51.100.1")).status_code == 200


def test_redis_counts_across_processes(serve, redis_server):
    one, two = (serve(rate_limit_login="3", rate_limit_storage_url=redis_server.url) for _ in "12")
    assert [s.login().status_code for s in (one, two, one, two, one)] == [200] * 3 + [429] * 2


# ---- behind Nginx ----

FORGED = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "Via"]
HEADER = {"overwrites": "$remote_addr", "appends": "$proxy_add_x_forwarded_for"}


@pytest.mark.parametrize("nginx_does", HEADER)
def test_client_cannot_choose_its_address(serve, nginx_does):
    need(Nginx)
    service = serve(**PRODUCTION, rate_limit_login="3")
    config = f"""
        server {{
            listen {HOST}:@PORT@;
            location / {{
                proxy_pass {service.url};
                proxy_set_header X-Forwarded-For {HEADER[nginx_does]};
                proxy_set_header X-Request-Id $request_id;
            }}
        }}
    """
    with Nginx(config) as nginx:
        service.url = nginx.url  # from now on
        answers = [
            service.login(f"name{n}", headers=dict.fromkeys(FORGED, f"203.0.113.{n}"))
            for n in range(5)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        phone = service.login("name0", headers={"X-Forwarded-For": "2001:db8::1"})
        assert limited(phone)
        assert service.call("GET", "/metrics").status_code == 404
    logins = [line for line in service.events("request") if line["route"] == "/api/auth/login"]
    assert {line["ip"] for line in logins} == {HOST}


def test_client_cannot_choose_its_address_in_a_header_of_another_name(serve):
    """As at WeChat's CloudRun: an entry appends, and the proxy behind it renames the header."""
    need(Nginx)
    header = "X-Original-Forwarded-For"
    service = serve(**PRODUCTION, rate_limit_login="3", client_address_header=header)
    config = f"""
        server {{
            listen {HOST}:@PORT@;
            location / {{
                proxy_pass http://unix:@FOLDER@/renames.sock;
                proxy_set_header X-Forwarded-For "$http_x_forwarded_for, 198.51.100.7";
            }}
        }}
        server {{
            listen unix:@FOLDER@/renames.sock;
            location / {{
                proxy_pass {service.url};
                proxy_set_header {header} $http_x_forwarded_for;
                proxy_set_header X-Forwarded-For 10.0.0.1;
                proxy_set_header X-Request-Id $request_id;
            }}
        }}
    """
    with Nginx(config) as nginx:
        direct, service.url = service.url, nginx.url
        answers = [
            service.login(f"name{n}", headers=dict.fromkeys([*FORGED, header], f"203.0.113.{n}"))
            for n in range(5)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert limited(service.login("name0"))
        assert service.call("GET", "/metrics").status_code == 404
        service.url = direct
    logins = [line for line in service.events("request") if line["route"] == "/api/auth/login"]
    assert {line["ip"] for line in logins} == {"198.51.100.7"}
    renamed_by_a_program_here = {header: "127.0.0.1"}
    assert service.call("GET", "/metrics", headers=renamed_by_a_program_here).status_code == 404
    assert service.call("GET", "/metrics").status_code == 200
