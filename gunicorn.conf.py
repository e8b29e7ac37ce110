"""Gunicorn's configuration. What an operator may change is a MYAPI_ setting."""

from gevent import monkey

monkey.patch_all()  # first, so that every later import gets the patched modules

import atexit
import contextlib
import gc
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from typing import Any

# All workers write their metrics to files in this folder. prometheus_client reads the variable at
# its import, so it is set before myapi is imported; on a reload it is already set. The folder is in
# memory because the files are memory-mapped: on a full disk, writing to one raises SIGBUS.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    _memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="myapi-metrics-", dir=_memory)
    _owner = os.getpid()

    @atexit.register
    def _remove_metrics() -> None:
        if os.getpid() == _owner:
            shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


from prometheus_client import multiprocess

from myapi import team
from myapi.development import address, messages
from myapi.language import localized
from myapi.observability import logs
from myapi.settings import Settings, SettingsError
from myapi.web import health

try:
    settings = Settings.from_env(own=team.load().own_settings)
except (SettingsError, team.ExtensionError) as error:
    heading = localized("myapi does not start:", "myapi 无法启动：")
    print(f"{heading} {error}", file=sys.stderr)  # noqa: T201
    sys.exit(error.exit_code)

bind = settings.bind
workers = settings.workers
worker_class = "myapi.server.Worker"
preload_app = True  # safe: the app opens no connection before its first request, after the fork
backlog = 2048
worker_connections = 2048  # per worker; further connections wait in the backlog

# Each connection takes a file descriptor; the usual soft limit is 1024.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
_wanted = 4096 if _hard == resource.RLIM_INFINITY else min(4096, _hard)
if _soft != resource.RLIM_INFINITY and _soft < _wanted:
    with contextlib.suppress(
        OSError, ValueError
    ):  # keep the lower limit if raising it is not allowed
        resource.setrlimit(resource.RLIMIT_NOFILE, (_wanted, _hard))

# s without a heartbeat until a worker is killed; a view that waits does not stop it
timeout = settings.worker_timeout
# s for open requests at a stop or a reload; systemd's TimeoutStopSec is longer
graceful_timeout = max(30, settings.request_timeout + 5)
keepalive = 75  # s; longer than Nginx's, so that Nginx is the one that closes idle connections

http_parser = "python"
limit_request_line = 4094
limit_request_fields = 50
forwarder_headers = ""  # or clients could set SCRIPT_NAME and PATH_INFO, or cause a 500
control_socket_disable = True  # it would create a socket in the home folder
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

sendfile = False  # it would go past the bound of BoundedSocket
accesslog = None  # the app logs each request itself
logconfig_dict = logs.for_gunicorn(settings)


def on_starting(server: Any) -> None:  # noqa: ANN401
    """Check the address, let a stop drain first, and make a reload create the app again.

    If that fails, log the error and keep the old workers.
    """
    _require_free_address()
    _drain_before_stop(server)
    reload = server.reload

    def reload_if_possible() -> None:
        sys.modules.pop(
            server.app.app_uri.partition(":")[0], None
        )  # importing it again creates the app
        try:
            if Settings.from_env().bind != bind:  # Gunicorn exits if it cannot bind it
                raise SettingsError(["MYAPI_BIND: another address takes a restart"])
            server.app.callable = server.app.load()
        except SettingsError as error:
            server.log.error("not reloaded: %s", error)  # noqa: TRY400 (the message says it; no traceback)
        except Exception:
            server.log.exception("not reloaded")
        else:
            reload()

    server.reload = reload_if_possible


def _drain_before_stop(server: Any) -> None:  # noqa: ANN401
    """At SIGTERM, go on serving for a while and say so: see MYAPI_DRAIN_SECONDS."""
    stop = server.stop

    def drain_and_stop(graceful: bool = True) -> None:
        if graceful and server.WORKERS and settings.drain_seconds:
            health.start_draining()
            time.sleep(settings.drain_seconds)
        stop(graceful)

    server.stop = drain_and_stop


def _require_free_address() -> None:
    """In development, say at once what to type; in production Gunicorn tries for 5 s."""
    if settings.production or {"GUNICORN_FD", "LISTEN_FDS"} & os.environ.keys():
        return
    try:
        address.require_free(address.parse(bind), "make run")
    except address.AddressError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(1)


def when_ready(server: object) -> None:
    prepare_fork(server)
    if not settings.production and settings.log_format == "text":  # a person reads it
        print(messages.at_the_start(settings), flush=True)  # noqa: T201


def prepare_fork(server: object) -> None:
    """Before the fork, wait for threads to end and freeze the garbage collector.

    A thread is a greenlet here and would continue in every worker. Flask-Limiter's in-memory
    storage starts one that lives for 10 ms. Frozen objects are not touched by the collector, so
    their memory pages stay shared.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(1)
    gc.unfreeze()
    gc.collect()
    gc.freeze()


on_reload = prepare_fork


def post_worker_init(worker: object) -> None:
    """Collect garbage rarely and skip imported modules, which are never freed.

    Ctrl-C reaches each process of a terminal. A worker leaves it to Gunicorn, which tells it to
    end; told twice, it would print a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def child_exit(server: object, worker: object) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[attr-defined]
