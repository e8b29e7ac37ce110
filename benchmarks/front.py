"""Nginx in front of a stack, with the deployment's configuration less what is not measured."""

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

from deploy.lib import nginx
from tests.certificates import self_signed
from tests.servers import HOST, Nginx, ServerError, free_port

# A static response by Nginx alone, for the case `floor`.
STATIC = """\
    location = /static { return 200 '{"code":0,"msg":"ok"}\\n'; }
    location / {
        proxy"""


class Front(Nginx):
    """Nginx with the deployment's configuration, raised rate limits and TLS only if asked for."""

    in_memory = False
    workers = 2
    connections = 8192

    def __init__(self, upstream: Path, *, tls: bool = False) -> None:
        super().__init__("")
        self._upstream, self._tls = upstream, tls

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://{HOST}:{self.port}"

    def start(self) -> None:
        super().start()
        _raise_priority(self.pid)

    def prepare(self) -> None:
        certificate = str(self_signed(self.folder / "tls.pem", HOST))
        site = nginx.Site(
            domain=HOST,
            version=nginx_version(),
            certificate=certificate,
            key=certificate,
            socket=str(self._upstream),
            webroot=str(self.folder),
            access_log=f"{self.folder}/access.log",
            error_log=f"{self.folder}/error.log",
            http=(f"{HOST}:{free_port()}",),
            https=(f"{HOST}:{self.port}",),
            default_http=False,
            default_https=False,
            rate=1_000_000,
            burst=1_000_000,
            login_rate=1_000_000,
            login_burst=1_000_000,
        )
        rendered = nginx.render(site)
        rendered = rendered.replace("    location / {\n        proxy", STATIC, 1)
        self._config = rendered if self._tls else _without_tls(rendered)
        super().prepare()


def _raise_priority(pid: int) -> None:
    """Raise the scheduling priority of Nginx, which is not measured, if allowed (root).

    With autogroup scheduling (sched(7)), a process that needs little CPU may otherwise wait tens
    of milliseconds for it.
    """
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("-15")


def _without_tls(rendered: str) -> str:
    rendered = re.sub(r"^(\s*listen \S+) ssl( http2)?;", r"\1;", rendered, flags=re.MULTILINE)
    return re.sub(r"^\s*(ssl_\w+|http2) .*;$", "", rendered, flags=re.MULTILINE)


def nginx_version() -> tuple[int, ...]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/sbin")
    if program is None:
        raise ServerError(Nginx.available())
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
    return nginx.version(done.stderr)
