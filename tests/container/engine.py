"""A Docker daemon of the tests, in namespaces of its own: it leaves nothing on the machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.install.archive import locked

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class EngineError(Exception):
    """The daemon does not start, or a command of it failed; the end of what was printed."""


class Engine:
    """A daemon whose images stay in `data`.

    With `network="own"` it has a network without a way out, in which bridges and published ports
    work; with "host" it can only build.
    """

    def __init__(self, programs: Path, data: Path, network: str) -> None:
        self._network = network
        self._data = data
        self._path = (
            f"{programs}/bookworm/usr/sbin:{programs}/bookworm/usr/bin:{os.environ['PATH']}"
        )
        self._compose = programs / "trixie/usr/libexec/docker/cli-plugins/docker-compose"

    def __enter__(self) -> Engine:
        self._lock = locked("docker-data")
        self._lock.__enter__()
        self.folder = Path(tempfile.mkdtemp(prefix="myapi-docker-"))
        (self.folder / "cli/cli-plugins").mkdir(parents=True)
        (self.folder / "cli/cli-plugins/docker-compose").symlink_to(self._compose)
        self.environ = {
            **os.environ,
            "PATH": self._path,
            "DOCKER_HOST": f"unix://{self.folder}/sock",
            "DOCKER_CONFIG": f"{self.folder}/cli",
            "DOCKER_BUILDKIT": "1",
        }
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        own = self._network == "own"
        isolated = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        building = ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]
        daemon = [
            *("dockerd", f"--data-root={self._data}", f"--exec-root={self.folder}/exec"),
            *(f"--pidfile={self.folder}/pid", f"--host=unix://{self.folder}/sock"),
            *([] if own else building),
        ]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", *isolated, *(["--net"] if own else [])),
                    *("tini", "-s", "--", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"),
                    *daemon,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environ,
                start_new_session=True,
            )
        end = time.monotonic() + 60
        while self.try_docker("version").returncode:
            printed = (self.folder / "log").read_text(errors="replace")[-500:]
            if self._process.poll() is not None or time.monotonic() > end:
                raise EngineError(printed)
            time.sleep(0.1)

    def __exit__(self, *_exc: object) -> None:
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            os.kill(self._inner(), signal.SIGTERM)  # tini passes it on
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        for group in Path("/sys/fs/cgroup").glob("*/docker"):
            with contextlib.suppress(OSError):
                group.rmdir()
        self._lock.__exit__(None, None, None)

    def _inner(self) -> int:
        """Return the id of tini, the first process of the namespaces."""
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    # ---- commands ----

    def try_docker(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *arguments],
            env={**self.environ, **options.pop("environ", {})},
            capture_output=True,
            text=True,
            stdin=None if "input" in options else subprocess.DEVNULL,
            **{"timeout": 300, **options},
        )

    def docker(self, *arguments: str, **options: Any) -> str:
        """Run a command of Docker and return what it printed. Raises EngineError."""
        done = self.try_docker(*arguments, **options)
        if done.returncode:
            raise EngineError(f"{' '.join(arguments)}: {(done.stdout + done.stderr)[-3000:]}")
        return done.stdout.strip()

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        null = subprocess.DEVNULL
        return subprocess.Popen(
            ["docker", *arguments],
            env=self.environ,
            stdin=null,
            **{"stdout": null, "stderr": null, **options},
        )

    def images(self) -> set[str]:
        """Return `tag@label` of each image that was made from a file of the cache."""
        listed = self.docker("images", "--quiet", "--filter=label=made_from").split()
        form = '{{range .RepoTags}}{{.}}@{{index $.Config.Labels "made_from"}} {{end}}'
        found = self.docker("inspect", f"--format={form}", *listed).split() if listed else []
        return {name.replace(":latest@", "@") for name in found}

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Let this thread make its sockets in the network of the containers' host."""
        with (
            Path("/proc/self/task", str(threading.get_native_id()), "ns/net").open("rb") as ours,
            Path(f"/proc/{self._inner()}/ns/net").open("rb") as theirs,
        ):
            _enter(theirs.fileno())
            try:
                yield
            finally:
                _enter(ours.fileno())


def _enter(namespace: int) -> None:
    if LIBC.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
