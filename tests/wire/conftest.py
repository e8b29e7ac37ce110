"""One service, reached directly and through Nginx with the deployment's configuration."""

import shutil
import socket

import pytest

from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests.front import Front
from tests.requirements import need
from tests.servers import HOST, Nginx, free_port
from tests.service import PRODUCTION, Service


@pytest.fixture(scope="package")
def untraced():
    """Start processes without coverage, which makes them half as slow again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture(scope="package")
def service(migrated_sqlite, tmp_path_factory, untraced):
    need(Service)
    folder = tmp_path_factory.mktemp("wire")
    file = shutil.copy(migrated_sqlite, folder)
    sandbox = Sandbox(folder / "sandbox.db")
    url = f"sqlite:///{file}"
    with (
        SandboxServer(sandbox) as wechat,
        served(folder / "http.sock", database_url=url, wechat_base_url=wechat.url) as service,
    ):
        yield service
    sandbox.close()


def served(path, arguments="", **settings):
    """Create a production Gunicorn that listens on a free port and on the Unix socket for Nginx."""
    port = free_port()
    service = Service(
        port=port,
        environ={"GUNICORN_CMD_ARGS": f"--bind={HOST}:{port} --bind=unix:{path} {arguments}"},
        **PRODUCTION,
        rate_limit_login=999_999,
        rate_limit_login_failed=999_999,
        **{"workers": 2, **settings},
    )
    service.socket_path = path
    return service


def to(service):
    """Return a function that connects directly to the service."""
    return lambda: socket.create_connection((HOST, service.port), 10)


class OpenFront(Front):
    """Nginx with the deployment's configuration, without limits: all cases share an address."""

    connections = 4096

    def __init__(self, socket_path):
        super().__init__(socket_path, rate=99_999, burst=99_999, login_rate=99_999)


@pytest.fixture(scope="package")
def front(service):
    need(Nginx)
    with OpenFront(service.socket_path) as front:
        yield front


class Place:
    """One way to reach the service, and the log of the requests that came this way."""

    def __init__(self, connect, service, front=None):
        self.connect = connect
        self.service = service
        self.front = front

    def ids(self):
        """Return the logged request ids of the requests that came this way."""
        length = 32 if self.front else 16  # Nginx's ids and the app's own
        ids = [event["request_id"] for event in self.service.events("request")]
        return [each for each in ids if len(each) == length]


@pytest.fixture
def straight(service):
    return Place(to(service), service)


@pytest.fixture
def behind_nginx(service, front):
    return Place(front.connect, service, front)


@pytest.fixture(params=["straight", "behind_nginx"])
def place(request):
    return request.getfixturevalue(request.param)
