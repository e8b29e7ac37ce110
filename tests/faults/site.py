"""Three app machines behind Nginx, one Redis and a Galera cluster, as in docs/operations.md.

Every machine has its own address. The tests run on the machine of Nginx and reach it at 127.0.0.1.
The configuration files are those of `deploy/growth`, without TLS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests.faults.galera import GROWTH, Node, cluster
from tests.faults.network import Machine, Network
from tests.servers import HOST, MariaDB, Nginx, Redis, Server
from tests.service import PRODUCTION, Service, migrate

DATABASES, APPS, REDIS, HERE = (1, 2, 3), (11, 12, 13), 20, 30  # as in the files
UNLIMITED = ("rate_limit_login", "rate_limit_login_failed", "rate_limit_user")
SETTINGS = {
    **PRODUCTION,
    **dict.fromkeys(UNLIMITED, "1000000"),
    "sessions_per_user": 1000,
}


class HAProxy(Server):
    """The proxy to the cluster, on each machine that uses the database."""

    programs = ("haproxy",)
    package = "haproxy"

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine
        self.wrapper = machine.wrapper
        self.host, self.port = "127.0.0.2", 3306  # as in the file

    def command(self) -> list[str]:
        return ["haproxy", "-db", "-f", str(GROWTH / "haproxy.cfg")]

    def ready(self) -> bool:
        with self._machine.entered():
            return super().ready()


class Balancer(Nginx):
    """Nginx in front of the app machines; `Load` uses it as the service."""

    settings: ClassVar[dict[str, object]] = {}

    def __init__(self) -> None:
        text = (GROWTH / "nginx.conf").read_text("utf-8").replace("https://$", "http://$")
        text = re.sub(r"^ *(proxy_)?ssl_.*;\n", "", text, flags=re.MULTILINE)
        super().__init__(text.replace("listen 443 ssl http2;", f"listen {HOST}:@PORT@;"))


class App:
    """One app machine: Gunicorn, and HAProxy to the cluster."""

    def __init__(self, machine: Machine, **settings: object) -> None:
        self.machine = machine
        self.haproxy = HAProxy(machine)
        self._settings = SETTINGS | settings
        self.service = self.serve(443)

    def serve(self, port: int, **settings: object) -> Service:
        """Create a service on this machine; by default it uses the cluster through HAProxy."""
        service = Service(
            port=port,
            wrapper=self.machine.wrapper,
            bind=f"{self.machine.address}:{port}",
            **{**self._settings, **settings},
        )
        service.url = f"http://{self.machine.address}:{port}"
        return service

    def __enter__(self) -> App:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.service.close()
        self.haproxy.close()

    def start(self) -> None:
        self.haproxy.start()
        self.service.start()

    def kill(self) -> None:
        """Kill Gunicorn and HAProxy."""
        self.service.kill()
        self.haproxy.kill()


@dataclass
class Site:
    """The whole installation. Tests run on `here`, where the database is at `database_url`."""

    here: Machine
    databases: list[Machine]
    nodes: list[Node]
    apps: list[App]
    balancer: Balancer
    database_url: str

    @property
    def machines(self) -> list[Machine]:
        return [self.here, *self.databases, *(app.machine for app in self.apps)]


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        here = network.machine(HERE)
        stack.enter_context(here.entered())
        databases = [network.machine(number) for number in DATABASES]
        nodes = stack.enter_context(cluster(databases))
        nodes[0].execute("CREATE USER haproxy@'10.0.0.%'")
        migrate(nodes[0].create_database("myapi"), folder)
        redis = stack.enter_context(network.machine(REDIS).put(Redis()))
        haproxy = stack.enter_context(HAProxy(here))
        login = f"{MariaDB.user}:{MariaDB.password}"
        url = f"mysql+pymysql://{login}@{haproxy.host}/myapi?charset=utf8mb4"
        sandbox = Sandbox(folder / "sandbox.db")
        stack.callback(sandbox.close)
        apps = []
        for number in APPS:
            machine = network.machine(number)
            with machine.entered():  # each app machine has its own WeChat sandbox
                wechat = stack.enter_context(SandboxServer(sandbox))
            app = App(
                machine,
                database_url=url,
                rate_limit_storage_url=redis.url,
                wechat_base_url=wechat.url,
            )
            apps.append(stack.enter_context(app))
        yield Site(here, databases, nodes, apps, stack.enter_context(Balancer()), url)


def available() -> str | None:
    """Return None, or what this machine lacks."""
    parts = (Network, Node, HAProxy, Nginx, Redis, Service)
    return next(filter(None, (part.available() for part in parts)), None)
