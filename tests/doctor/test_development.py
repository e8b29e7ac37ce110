"""A development server on loopback is no fault: what can be checked there is checked."""

import json

import pytest

from doctor import parse_url
from tests.doctor.example import KEY, script
from tests.servers import free_port
from tests.tls import Peer, answering


@pytest.mark.parametrize(
    ("url", "is_development"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("http://shop.localhost", True),
        ("http://[::1]:8000", True),
        ("https://localhost", False),
        ("http://192.168.1.5:8000", False),
        ("http://api.example.com", False),
        ("http://localhost.example.com", False),
        ("api.example.com", False),
    ],
)
def test_plain_http_on_loopback_is_development(url, is_development):
    assert parse_url(url).is_development is is_development


def test_a_development_server_is_well(serve):
    service = serve(secret_keys=KEY)
    # without `settings`, which warns that the tests ask a WeChat on loopback
    only = "url,port,route,gateway,app,environment,secrets,database,debug,sqlite"
    done = service.flask("doctor", service.url, "--lang", "en", "--only", only)
    first = done.stdout.splitlines()[0]
    assert first == (
        f"All is well at the development server {service.url}. Phones need https on a filed domain."
    )
    assert done.returncode == 0


def test_what_can_be_checked_there_is_checked(serve):
    service = serve()
    done = service.flask("doctor", service.url, "--json", "--lang", "en")
    checks = {each["id"]: each for each in json.loads(done.stdout)["checks"]}
    for name in ("url", "port", "route", "gateway", "body_limit", "app", "database", "environment"):
        assert (name, checks[name]["status"]) == (name, "ok")
    for name in ("dns", "tls", "chain", "tls_old", "hsts", "port_80", "renewal"):
        assert checks[name]["evidence"] == "a development server has no HTTPS and no domain"
    assert "phones need https on a filed domain" in checks["url"]["evidence"]


def test_the_doctor_alone_examines_it_too():
    with Peer(answering()) as peer:
        done = script(f"localhost:{peer.port}", "--from-outside", "--only", "url,port,route")
    assert done.returncode == 0
    assert done.stdout.startswith(f"All is well at the development server localhost:{peer.port}.")


def test_a_development_server_that_is_not_started_says_how():
    url = f"http://127.0.0.1:{free_port()}"
    done = script(url, "--from-outside", "--lang", "en")
    assert done.returncode == 2
    assert done.stdout.startswith(
        f"There is a fault at the development server {url}: the port cannot be reached."
        " Next: start the development server: `make run`."
    )
