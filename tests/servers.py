"""Real servers for tests, each on a free loopback port and in its own temporary folder.

    with MariaDB() as server:
        url = server.create_database("shop")

The servers end with the test process, however it ends: failure, Ctrl-C or `kill -9`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pymysql

if TYPE_CHECKING:
    from typing_extensions import Self

HOST = "127.0.0.1"
DISK = "/var/tmp"  # /tmp is often in memory
LOG_TAIL = 200  # lines shown when a server fails; the cause may precede long advice
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")  # often not on an ordinary user's PATH

# Runs in its own session and reads from a pipe which process group to kill, one id a line. When
# the test process ends in any way, the pipe closes and the script kills the latest group.
_WATCHER = """
group=
while read -r line; do group=$line; done
[ -z "$group" ] || kill -9 "-$group" 2>/dev/null
rm -rf "$1"
"""


class ServerError(Exception):
    """A server did not start. The message ends with the last lines of its log."""


class Server:
    """A program in its own process group and folder. Only `close()` deletes the folder."""

    programs: ClassVar[tuple[str, ...]]
    package: ClassVar[str]  # the Debian package
    timeout: ClassVar[float] = 20.0  # seconds to start or to stop
    in_memory: ClassVar[bool] = True  # if there is room; benchmarks need a real disk
    host: str = HOST
    wrapper: Sequence[str] = ()  # a command that runs another, such as ("env", "A=b")

    @classmethod
    def available(cls) -> str | None:
        """Return None, or why this server is unavailable and what to install."""
        for program in cls.programs:
            if find_program(program) is None:
                return f"{program} not found: apt install {cls.package}"
        return None

    def __init__(self) -> None:
        self.port = free_port()
        self._folder: Path | None = None
        self._watcher: subprocess.Popen[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def prepare(self) -> None:
        """Write files into the new folder, before the first start."""

    def popen_options(self) -> dict[str, Any]:
        """Return further arguments of subprocess.Popen."""
        return {"cwd": self.folder}

    def ready(self) -> bool:
        return _accepts(self.host, self.port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Start. A restart uses the same port and data."""
        try:
            if self._folder is None:
                self._create_folder()
                self.prepare()
            self._spawn(self.command())
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def stop(self) -> None:
        """Terminate it, and kill it if it does not end in time."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        self._forget()

    def kill(self) -> None:
        """Kill it, as a crash would."""
        self._signal(signal.SIGKILL)
        self._forget()

    def freeze(self) -> None:
        """Suspend it until `thaw()`: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)
        if hasattr(os, "waitid"):  # not on macOS before Python 3.13
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it and remove the folder."""
        self.stop()
        if self._watcher is not None:
            self._watcher.communicate()
        self._watcher = self._folder = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerError(f"{self.programs[0]} is not running")
        return self._process.pid

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise ServerError(f"{self.programs[0]} has not been started")
        return self._folder

    def log(self) -> str:
        """Return what the server has written to stdout and stderr so far."""
        return (self.folder / "log").read_text(errors="replace")

    def _create_folder(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="myapi-", dir=self._parent()))
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER, "sh", str(self._folder)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _parent(self) -> str | None:
        return _memory_folder() if self.in_memory else DISK

    def _spawn(self, command: list[str]) -> None:
        program = find_program(command[0])
        if program is None:
            raise ServerError(self.available())
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.wrapper, program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.popen_options(),
            )
        self._watch(str(self._process.pid))

    def _run(self, command: list[str]) -> None:
        self._spawn(command)
        status = self._process.wait(self.timeout)
        self._forget()
        if status != 0:
            raise self._failure(f"{command[0]} ended with status {status}")

    def _await_ready(self) -> None:
        name = self.programs[0]
        deadline = time.monotonic() + self.timeout
        while not self.ready():
            status = self._process.poll()
            if status is not None:
                raise self._failure(f"{name} ended with status {status}")
            if time.monotonic() > deadline:
                raise self._failure(f"{name} was not ready after {self.timeout:g} s")
            time.sleep(0.01)

    def _failure(self, message: str) -> ServerError:
        tail = "\n".join(self.log().splitlines()[-LOG_TAIL:])
        return ServerError(f"{message}; its log ends with:\n{tail}")

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None
            self._watch("")

    def _watch(self, group: str) -> None:
        self._watcher.stdin.write(f"{group}\n")
        self._watcher.stdin.flush()


class MariaDB(Server):
    """An empty MariaDB; keyword arguments become lines of its configuration.

    It syncs each commit as in production; `innodb_flush_log_at_trx_commit=2` turns that off. In
    memory this makes no difference.
    """

    programs = ("mariadbd", "mariadb-install-db")
    package = "mariadb-server"
    user = "myapi"
    password = "a-password-for-tests"

    def __init__(self, **options: object) -> None:
        super().__init__()
        self._options = options

    def url(self, database: str) -> str:
        login = f"{self.user}:{self.password}@{self.host}:{self.port}"
        return f"mysql+pymysql://{login}/{database}?charset=utf8mb4"

    def create_database(self, name: str) -> str:
        """Return the URL of the new database."""
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return self.url(name)

    def execute(self, sql: str, *args: object, database: str | None = None) -> list[Any]:
        """Run one statement with all privileges and return its rows."""
        with self._connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(sql, args or None)
            connection.commit()
            return list(cursor.fetchall())

    def command(self) -> list[str]:
        return ["mariadbd", f"--defaults-file={self.folder}/my.cnf"]

    def prepare(self) -> None:
        self._configure()
        (self.folder / "init.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{self.user}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO '{self.user}'@'%' WITH GRANT OPTION;\n"
        )
        self._run(
            [
                "mariadb-install-db",
                f"--defaults-file={self.folder}/my.cnf",
                "--auth-root-authentication-method=normal",
                "--skip-name-resolve",
                "--skip-test-db",
                "--force",  # even if the machine's host name does not resolve
            ]
        )
        with (self.folder / "my.cnf").open("a") as config:
            config.write(f"init_file = {self.folder}/init.sql\n")

    def ready(self) -> bool:
        try:
            self._connect().close()
        except pymysql.MySQLError:
            return False
        return True

    def _configure(self) -> None:
        options = self._defaults() | self._options
        lines = "".join(f"{name} = {value}\n" for name, value in options.items())
        (self.folder / "tmp").mkdir()
        (self.folder / "my.cnf").write_text(f"[mysqld]\n{lines}")

    def _connect(self, database: str | None = None) -> pymysql.Connection:
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            connect_timeout=5,
            read_timeout=10,
            write_timeout=10,
            # The driver would read all certificates of the system each time, which takes 20 ms.
            ssl_disabled="require_secure_transport" not in self._options,
        )

    def _defaults(self) -> dict[str, object]:
        """Small buffers for a quick start; nothing here changes the result of a query."""
        as_root = {"user": "root"} if os.geteuid() == 0 else {}
        return as_root | {
            "datadir": f"{self.folder}/data",
            "tmpdir": f"{self.folder}/tmp",  # at its start a server deletes temporary tables here
            "socket": f"{self.folder}/socket",
            "pid_file": f"{self.folder}/pid",
            "bind_address": self.host,
            "port": self.port,
            "skip_name_resolve": "ON",
            "character_set_server": "utf8mb4",
            "innodb_buffer_pool_size": "16M",
            "innodb_log_buffer_size": "2M",
            "innodb_flush_method": "fsync",
            "innodb_use_native_aio": "OFF",
            "innodb_buffer_pool_dump_at_shutdown": "OFF",
            "innodb_buffer_pool_load_at_startup": "OFF",
            "key_buffer_size": "1M",
            **self._own_defaults(),
        }

    def _own_defaults(self) -> dict[str, object]:
        """Return the options that only this kind of server has."""
        return {"innodb_log_file_size": "8M", "aria_pagecache_buffer_size": "4M"}


class Redis(Server):
    """An empty Redis without persistence."""

    programs = ("redis-server",)
    package = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def command(self) -> list[str]:
        address = ["--bind", self.host, "--port", str(self.port), "--dir", str(self.folder)]
        no_persistence = ["--save", "", "--appendonly", "no"]
        return ["redis-server", *address, *no_persistence, "--protected-mode", "no"]

    def ready(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


class Nginx(Server):
    """An Nginx with `config` inside its `http { … }` block.

    In `config`, `@PORT@` is replaced by the port and `@FOLDER@` by the server's folder.
    """

    programs = ("nginx",)
    package = "nginx"
    workers: ClassVar[int] = 1
    connections: ClassVar[int] = 512  # per worker

    def __init__(self, config: str) -> None:
        super().__init__()
        self._config = config

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        return ["nginx", "-p", str(self.folder), "-c", f"{self.folder}/nginx.conf"]

    def prepare(self) -> None:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "\n".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        config = f"""
            {"user root root;" if os.geteuid() == 0 else ""}
            daemon off;
            worker_processes {self.workers};
            pid {self.folder}/pid;
            error_log stderr notice;
            events {{ worker_connections {self.connections}; }}
            http {{
            access_log off;
            {folders}
            {self._config}
            }}
        """
        config = config.replace("@PORT@", str(self.port)).replace("@FOLDER@", str(self.folder))
        (self.folder / "nginx.conf").write_text(config)


class BlackHole:
    """A port that accepts every connection and never answers."""

    @classmethod
    def available(cls) -> str | None:
        return None

    def __enter__(self) -> Self:
        # The kernel completes the handshakes without a call of accept().
        self._socket = socket.create_server((HOST, 0), backlog=1024)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.close()

    @property
    def port(self) -> int:
        return self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


FIRST_PORT, PORTS = 20_000, 10_000
_given: deque[int] = deque(maxlen=500)


def free_port() -> int:
    """Return a free port below the ephemeral ports.

    No outgoing connection can take it while its server is stopped for a moment. Each test process
    has a range of its own and gives no port again soon: until a server listens, nothing else tells
    that its port is taken.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = PORTS // count
    while True:
        # not `random`: tests seed it, and parallel runs would pick the same ports
        port = FIRST_PORT + size * number + secrets.randbelow(size)
        if port in _given:
            continue
        try:
            with socket.create_server((HOST, port)):
                _given.append(port)
                return port
        except OSError:
            continue


def find_program(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(_SBIN))


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False


def _memory_folder() -> str | None:
    """Return a folder in memory with enough room, or None for the default folder."""
    folder = "/dev/shm"
    if not os.access(folder, os.W_OK | os.X_OK):
        return None
    return folder if shutil.disk_usage(folder).free > 512 * 2**20 else None
