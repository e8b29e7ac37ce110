"""The places where the app meets gevent, in plain threads and in a gevent worker."""

import subprocess
import sys
import time

from myapi.concurrency import bounded, let_reads_first
from tests.in_gevent import ROOT, passes_in_gevent


def test_a_gevent_worker_breaks_off_waits_and_lets_reads_first():
    passes_in_gevent("tests/concurrency_cases.py")


def test_plain_threads_break_nothing_off_and_wait_for_nobody():
    with bounded(0.01):
        time.sleep(0.05)
    let_reads_first()


def test_a_command_does_not_import_gevent(monkeypatch):
    monkeypatch.delenv("COVERAGE_PROCESS_START", raising=False)  # coverage would import it
    program = (
        "import sys, myapi\n"
        "from myapi.concurrency import bounded, let_reads_first\n"
        "let_reads_first()\n"
        "with bounded(1): pass\n"
        "sys.exit('gevent' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_gevent_that_is_imported_and_has_patched_nothing_changes_nothing():
    program = (
        "import gevent.monkey, time\n"
        "from myapi.concurrency import bounded, let_reads_first\n"
        "let_reads_first()\n"
        "with bounded(0.01): time.sleep(0.05)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == 0
