"""Nginx in front of three app machines: which requests it retries, and its 503."""

import socketserver
import threading

import pytest
import requests

from tests.faults.network import Network
from tests.faults.site import APPS, HERE, Balancer
from tests.requirements import need
from tests.service import is_error


class HangsUp(socketserver.StreamRequestHandler):
    """Reads a request and closes the connection without a response."""

    def handle(self):
        method, *_ = self.rfile.readline().split()
        self.server.received.append(method.decode())


@pytest.fixture(scope="module")
def received():
    """Three machines that close every connection; returns the methods of the requests they got."""
    need(Network, Balancer)
    received, servers = [], []
    with Network() as network, network.machine(HERE).entered():
        for machine in map(network.machine, APPS):
            with machine.entered():
                servers.append(socketserver.TCPServer((machine.address, 443), HangsUp))
            servers[-1].received = received
            threading.Thread(target=servers[-1].serve_forever, args=(0.05,)).start()
        yield received
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.mark.parametrize(
    ("method", "times"), [("GET", 2), ("PUT", 2), ("POST", 1), ("PATCH", 1), ("DELETE", 1)]
)
def test_only_idempotent_methods_are_retried(received, method, times):
    received.clear()
    with Balancer() as balancer:
        answer = requests.request(method, f"{balancer.url}/api/me", timeout=10)
    assert is_error(answer, 503, "service_unavailable")
    assert received == [method] * times


def test_login_is_not_retried(received):
    received.clear()
    with Balancer() as balancer:
        answer = requests.post(f"{balancer.url}/api/auth/login", json={"code": "a"}, timeout=10)
    assert is_error(answer, 503, "service_unavailable")
    assert received == ["POST"]
