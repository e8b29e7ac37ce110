"""Nginx with the configuration of `deploy/`, and the service on a Unix socket behind it."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time

from deploy.lib import nginx
from tests.certificates import self_signed
from tests.servers import HOST, Nginx, free_port
from tests.service import Service

DOMAIN = "api.example.com"


class Front(Nginx):
    """Nginx with the configuration of `deploy/`: two loopback ports, before a Unix socket."""

    def __init__(self, socket_path, **site):
        super().__init__("")
        self.tls_port = free_port()
        self.socket_path = str(socket_path)
        self._site = site

    def prepare(self):
        self.webroot = self.folder / "webroot" / ".well-known" / "acme-challenge"
        self.webroot.mkdir(parents=True)
        self.authority = self_signed(self.folder / "tls.pem", DOMAIN)
        self._context = ssl.create_default_context(cafile=str(self.authority))
        given = {
            "domain": DOMAIN,
            "version": nginx_version(),
            "certificate": f"{self.folder}/tls.pem",
            "key": f"{self.folder}/tls.pem",
            "placeholder_certificate": f"{self.folder}/tls.pem",
            "socket": self.socket_path,
            "webroot": f"{self.folder}/webroot",
            "access_log": f"{self.folder}/access.log",
            "error_log": f"{self.folder}/error.log",
            "http": (f"{HOST}:{self.port}",),
            "https": (f"{HOST}:{self.tls_port}",),
        }
        self._config = nginx.render(nginx.Site(**{**given, **self._site}))
        super().prepare()

    def connect(self, name=DOMAIN, context=None, protocols=()):
        context = context or self._context
        if protocols:
            context.set_alpn_protocols(protocols)
        connection = socket.create_connection((HOST, self.tls_port), timeout=10)
        return context.wrap_socket(connection, server_hostname=name)

    def call(self, method, path, body=None, **headers):
        """Send a request over TLS; the body of the response is in `.body`."""
        connection = http.client.HTTPSConnection(DOMAIN, timeout=20)
        connection.sock = self.connect()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        return _read(connection)

    def call_http(self, method, path, host=DOMAIN, **headers):
        """Send a request over plain HTTP, to what is port 80 in production."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        connection.request(method, path, headers={"Host": host, **headers})
        return _read(connection)

    def access_log(self):
        time.sleep(0.05)  # Nginx writes a line after the answer
        lines = (self.folder / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines]


def _read(connection):
    response = connection.getresponse()
    response.body = response.read()
    connection.close()
    return response


def nginx_version():
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/sbin")
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
    return nginx.version(done.stderr)


class UnixSocketService(Service):
    """The service on a Unix socket."""

    def __init__(self, path, **settings):
        given = {"wechat_base_url": "http://127.0.0.1:9", **settings}
        super().__init__(bind=f"unix:{path}", **given)
        self.path = path

    def ready(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.path)) == 0
