"""One benchmark run: its folder, WeChat stand-in, MariaDB and filled databases, and its rounds."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.apps import APPS
from benchmarks.databases import Maria, Sqlite
from benchmarks.fill import Filled, fill
from benchmarks.report_texts import case_title
from benchmarks.results import MYAPI
from benchmarks.stacks import Stack
from benchmarks.wechat import WeChat
from tests.servers import DISK, MariaDB

Figures = dict[str, float]
# For each variant by name, a function that creates it. Variants are entered before the first round.
Variants = Mapping[str, Callable[[], AbstractContextManager[Any]]]
IDLE_CPU = 0.05  # of one core
SETTLE_TIMEOUT = 15.0  # s


@dataclass(frozen=True)
class Case:
    """One measurement: its variants, and the function that loads a variant and returns figures."""

    name: str
    variants: Callable[["Bench"], Variants]
    load: Callable[["Bench", Any], Figures]
    full: bool = False  # only for `make bench-full`
    max_rounds: int = 1000  # for cases where more rounds add nothing

    @property
    def title(self) -> str:
        return case_title(self.name).en


class DiskMariaDB(MariaDB):
    """MariaDB as durable as in production, with a buffer pool for all tables."""

    in_memory = False
    timeout = 120.0

    def __init__(self) -> None:
        super().__init__(
            innodb_flush_log_at_trx_commit=1,
            innodb_buffer_pool_size=_memory()
            // 4,  # so that stacks do not evict each other's pages
            innodb_log_file_size="256M",
            innodb_log_buffer_size="16M",
            max_connections=300,
        )


class Bench:
    """One run, as a context manager: on exit everything it started is stopped."""

    def __init__(self, seconds: float, *, tls: bool, settings: Mapping[str, str]) -> None:
        self.seconds = seconds  # length of each turn, without warm-up
        self._tls = tls
        self._settings = settings  # of myapi, in addition to those of the cases
        self._filled: dict[tuple[str, str, int], Filled] = {}
        self._open = ExitStack()
        self._mariadb: MariaDB | None = None

    def __enter__(self) -> "Bench":
        self.folder = Path(tempfile.mkdtemp(prefix="myapi-bench-", dir=DISK))
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self.wechat = self._open.enter_context(WeChat())
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *exc: Any) -> None:
        self._open.__exit__(*exc)

    def stack(
        self, kind: str, engine: str = "sqlite", rows: int = 10_000, label: str = "", **options: Any
    ) -> Stack:
        """Create a stack on a database with `rows` sessions, without starting it."""
        data = self.filled(kind, engine, rows)
        if kind == MYAPI:
            options |= self._settings
        app = APPS[kind](data, self.wechat.url, **options)
        database = self._mariadb if engine == "mariadb" else None
        return Stack(label or kind, app, tls=self._tls, database=database)

    def filled(self, kind: str, engine: str, rows: int) -> Filled:
        key = (kind, engine, rows)
        if key not in self._filled:
            name = "_".join(map(str, key)).replace(" ", "_").lower()
            if engine == "mariadb":
                self._mariadb = self._mariadb or self._open.enter_context(DiskMariaDB())
                database: Any = Maria(self._mariadb, name)
            else:
                database = Sqlite(self.folder / f"{name}.db")
            self._filled[key] = fill(database, kind, rows, self.folder)
            print(f"  filled {name} in {self._filled[key].seconds:.1f} s", flush=True)
        return self._filled[key]

    def run(self, case: Case, rounds: int) -> dict[str, list[Figures]]:
        """Load each variant once per round, so that drift of the machine affects all alike."""
        found: dict[str, list[Figures]] = {}
        with ExitStack() as up:
            entered = {name: up.enter_context(make()) for name, make in case.variants(self).items()}
            for turn in range(rounds):
                for name, variant in entered.items():
                    settle([v for v in entered.values() if isinstance(v, Stack)])
                    figures = case.load(self, variant)
                    found.setdefault(name, []).append(figures)
                    line = "  ".join(f"{key} {value:.4g}" for key, value in figures.items())
                    print(f"  {turn + 1}/{rounds} {name}: {line}", flush=True)
        return found


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def settle(stacks: list[Stack]) -> None:
    """Wait until the stacks are idle: an earlier turn may have left requests to answer."""
    deadline = time.monotonic() + SETTLE_TIMEOUT
    while stacks and time.monotonic() < deadline:
        before = sum(stack.cpu() for stack in stacks)
        time.sleep(0.4)
        if sum(stack.cpu() for stack in stacks) - before <= IDLE_CPU * 0.4:
            return
