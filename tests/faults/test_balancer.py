"""Nginx in front of three app machines: what it repeats, and what it says when nobody answers."""

import socketserver
import threading

import pytest
import requests

from tests.faults.network import Network
from tests.faults.site import APPS, HERE, Balancer
from tests.requirements import need
from tests.service import is_error


class HangsUp(socketserver.StreamRequestHandler):
    """Takes a request and dies with it."""

    def handle(self):
        method, *_ = self.rfile.readline().split()
        self.server.asked.append(method.decode())


@pytest.fixture(scope="module")
def asked():
    """Be in front of three machines of which each hangs up; the methods they were asked with."""
    need(Network, Balancer)
    asked, servers = [], []
    with Network() as network, network.machine(HERE).entered():
        for machine in map(network.machine, APPS):
            with machine.entered():
                servers.append(socketserver.TCPServer((machine.address, 443), HangsUp))
            servers[-1].asked = asked
            threading.Thread(target=servers[-1].serve_forever, args=(0.05,)).start()
        yield asked
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.mark.parametrize(
    ("method", "times"), [("GET", 2), ("PUT", 2), ("POST", 1), ("PATCH", 1), ("DELETE", 1)]
)
def test_what_may_have_been_done_is_not_repeated_and_refused_by_name(asked, method, times):
    asked.clear()
    with Balancer() as balancer:
        answer = requests.request(method, f"{balancer.url}/api/me", timeout=10)
    assert is_error(answer, 503, "service_unavailable")
    assert asked == [method] * times


def test_a_login_is_not_repeated(asked):
    asked.clear()
    with Balancer() as balancer:
        answer = requests.post(f"{balancer.url}/api/auth/login", json={"code": "a"}, timeout=10)
    assert is_error(answer, 503, "service_unavailable")
    assert asked == ["POST"]
