"""What the container tests need on a machine: Docker, compose, and the images of compose.yaml.

No registry of images is asked. Debian's packages are unpacked into the cache, nothing is installed,
and the daemon runs in namespaces of its own. `python -m tests.container.machine` fetches what is
missing, builds the image and says whether the tests can run.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.container.engine import Engine, EngineError
from tests.install.archive import CACHE, DEBIAN, UnavailableError, locked, run
from tests.install.container import ROOT, wheels

STAND_INS = Path(__file__).with_name("stand_ins")
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "tini": "tini",
    "iptables": "iptables",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
}
DOCKER = ("bookworm", "docker.io,containerd,runc")
COMPOSE = ("trixie", "docker-compose")
BASE = ("trixie", "python3,python3-venv,ca-certificates")
SERVICES = ("trixie", "mariadb-server,redis-server,caddy,pebble")
TRIXIE = DEBIAN._replace(name="Debian 13", suite="trixie", python="3.13.5")
BASE_IMAGE = "python:3.13-slim"
OFFICIAL = {"mariadb": "mariadb:11.4", "redis": "redis:7", "caddy": "caddy:2", "pebble": "pebble"}
EDITION = 1  # of the steps that fill the cache; another number fills it anew


class IncapableError(UnavailableError):
    """Why this machine can run no container."""


def prepare() -> None:
    """Fetch what is missing and build the image `myapi`. Raises UnavailableError."""
    if os.geteuid() != 0:
        raise IncapableError("only root can run Docker")
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise IncapableError(f"{tool} not found: apt install {package}")
    docker()
    tars = [_tar(BASE), _tar(SERVICES)]
    try:
        with engine(network="host") as builder:
            _make_images(builder, *tars)
    except EngineError as error:
        raise IncapableError(f"Docker does not work on this machine: {error}") from None


@functools.cache
def docker() -> Path:
    """Return the folder with the programs of Docker."""
    folder = CACHE / f"docker-{_digest(DOCKER, COMPOSE)}"
    with locked("docker"):
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(dir=CACHE))
            for suite, packages in (DOCKER, COMPOSE):
                _mmdebstrap("extract", packages, suite, draft / suite)
            draft.rename(folder)
    return folder


def engine(network: str = "own") -> Engine:
    return Engine(docker(), CACHE / "docker-data", network)


def build(builder: Engine, tag: str = "myapi", checkout: Path = ROOT) -> None:
    """Build the image of a checkout, with wheels of this machine's pip."""
    with index_of(wheels(TRIXIE)) as url:
        builder.docker(
            *("build", "--network=host", f"--build-arg=PIP_INDEX_URL={url}", f"--tag={tag}"),
            str(checkout),
        )


def _make_images(builder: Engine, base: Path, services: Path) -> None:
    made = builder.images()
    for tag, tar in ((BASE_IMAGE, base), ("services", services)):
        if f"{tag}@{tar.stem}" not in made:
            builder.docker("import", f"--change=LABEL made_from={tar.stem}", str(tar), tag)
    for target, tag in OFFICIAL.items():
        builder.docker("build", f"--target={target}", f"--tag={tag}", str(STAND_INS))
    build(builder)
    builder.docker("image", "prune", "--force")  # the former ones


def _tar(what: tuple[str, str]) -> Path:
    suite, packages = what
    file = CACHE / f"image-{_digest(what)}.tar"
    with locked("images"):
        if not file.exists():
            draft = CACHE / f"draft-{file.name}"
            _mmdebstrap("apt", packages, suite, draft)
            draft.rename(file)
    return file


def _mmdebstrap(variant: str, packages: str, suite: str, target: Path) -> None:
    options = ("--mode=root", f"--variant={variant}", f"--include={packages}")
    try:
        run("mmdebstrap", "--quiet", *options, suite, target)
    except AssertionError as error:
        last = str(error).strip().splitlines()[-1:]
        raise UnavailableError(f"mmdebstrap cannot fetch {packages}: {''.join(last)}") from None


def _digest(*what: object) -> str:
    return hashlib.sha256(f"{EDITION}{what!r}".encode()).hexdigest()[:12]


@contextmanager
def index_of(folder: Path) -> Iterator[str]:
    """Serve a folder of wheels as a package index, on loopback."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: object, **named: object) -> None:
            super().__init__(*given, directory=str(folder), **named)

        def do_GET(self) -> None:
            found = re.fullmatch(r"/simple/([a-z0-9-]+)/", self.path)
            if found is None:
                super().do_GET()
                return
            links = [
                f'<a href="/{file.name}">{file.name}</a>'
                for file in folder.iterdir()
                if re.sub(r"[-_.]+", "-", file.name.partition("-")[0]).lower() == found[1]
            ]
            body = "".join(links).encode()
            self.send_response(200 if links else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_given: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        finally:
            server.shutdown()


def main() -> int:
    """Exit codes: 0 ready, 1 this machine can run no container, 2 something cannot be fetched."""
    try:
        prepare()
    except UnavailableError as error:
        print(f"the container test cannot run: {error}", flush=True)  # noqa: T201
        return 1 if isinstance(error, IncapableError) else 2
    print("the container test can run", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
