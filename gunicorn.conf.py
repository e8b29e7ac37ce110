"""How Gunicorn serves the app. Every number that an operator may turn is a MYAPI_ setting."""

from gevent import monkey

monkey.patch_all()  # first of all: what is imported from here on gets the patched modules

import atexit
import contextlib
import gc
import os
import resource
import shutil
import sys
import tempfile
import threading
from typing import Any

# Workers write their metrics here, side by side. It is known before myapi is imported, since
# prometheus_client decides at its import; on a reload it is known already. In memory, since it
# maps its files: where a disk is full, the kernel kills who writes to such a file (SIGBUS).
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    _memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="myapi-metrics-", dir=_memory)
    _owner = os.getpid()

    @atexit.register
    def _remove_metrics() -> None:
        if os.getpid() == _owner:
            shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


from prometheus_client import multiprocess

from myapi.observability import logs
from myapi.settings import Settings, SettingsError

try:
    settings = Settings.from_env()
except SettingsError as error:
    print(f"myapi does not start: {error}", file=sys.stderr)  # noqa: T201
    sys.exit(SettingsError.exit_code)

bind = settings.bind
workers = settings.workers
worker_class = "myapi.server.Worker"
preload_app = True  # it opens nothing before its first request, so nothing open crosses a fork
backlog = 2048
worker_connections = 2048  # for each worker; further ones wait in the backlog

# They need file descriptors, of which a shell allows 1024 unless it is asked.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
_wanted = 4096 if _hard == resource.RLIM_INFINITY else min(4096, _hard)
if _soft != resource.RLIM_INFINITY and _soft < _wanted:
    with contextlib.suppress(OSError, ValueError):  # where it is not allowed, fewer have to do
        resource.setrlimit(resource.RLIMIT_NOFILE, (_wanted, _hard))

timeout = 30  # s without a sign of life from a worker
graceful_timeout = 30  # s for the requests under way, at a stop or a reload
keepalive = 75  # s; longer than Nginx keeps an idle connection, so it is never us who closes

http_parser = "python"
limit_request_line = 4094
limit_request_fields = 50
forwarder_headers = ""  # none that a client could name its path with, nor get a 500
control_socket_disable = True  # it would open a socket in the home folder
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

accesslog = None  # the app writes one line a request itself
logconfig_dict = logs.for_gunicorn(settings)


def on_starting(server: Any) -> None:  # noqa: ANN401
    """Have a reload make the app anew, and change nothing where that cannot be done."""
    reload = server.reload

    def reload_if_possible() -> None:
        sys.modules.pop(server.app.app_uri.partition(":")[0], None)  # its import makes the app
        try:
            if Settings.from_env().bind != bind:  # Gunicorn would end if it could not have that
                raise SettingsError(["MYAPI_BIND: another address takes a restart"])
            server.app.callable = server.app.load()
        except SettingsError as error:
            server.log.error("not reloaded: %s", error)  # noqa: TRY400 (the list, and no trace)
        except Exception:
            server.log.exception("not reloaded")
        else:
            reload()

    server.reload = reload_if_possible


def when_ready(server: object) -> None:
    """Prepare the fork: no thread is left, and the collector touches nothing of what is shared.

    A thread is a greenlet here, which would go on in each worker. Flask-Limiter's storage in
    memory starts one of 10 ms.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(1)
    gc.unfreeze()
    gc.collect()
    gc.freeze()


on_reload = when_ready


def post_worker_init(worker: object) -> None:
    """Collect garbage seldom, and never look at what is imported: that stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def child_exit(server: object, worker: object) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[attr-defined]
