"""The server that the API runs on."""

import sys

import pytest

from doctor import deadlines
from doctor.this_server import run_program


def test_failing_or_hanging_program_raises_os_error(monkeypatch):
    assert run_program(sys.executable, "-c", "print(1)") == "1\n"
    with pytest.raises(OSError, match="not allowed"):
        run_program(sys.executable, "-c", "import sys; sys.exit('not allowed')")
    monkeypatch.setattr(deadlines, "STEP", 0.2)
    with pytest.raises(TimeoutError):
        run_program(sys.executable, "-c", "import time; time.sleep(20)")
