"""Whether a service answers on its Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
import time
from pathlib import Path

MAX_WRONG_ANSWERS = 8  # in a row, 0.2 s apart; then the release has failed
PROBES = ("/healthz", "/readyz", "/api/hello")


def healthy(path: Path, timeout: float = 0) -> bool:
    """Return whether all probes succeed over this Unix socket within `timeout` seconds.

    No answer can mean that the service is still starting. Repeated wrong answers cannot, so they
    end the wait early: fewer requests then get them.
    """
    end, wrong = time.monotonic() + timeout, 0
    while True:
        results = [_probe(path, probe) for probe in PROBES]
        if all(results):
            return True
        wrong = wrong + 1 if None not in results else 0
        if time.monotonic() >= end or wrong == MAX_WRONG_ANSWERS:
            return False
        time.sleep(0.2)


class UnixHTTPConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=3)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _probe(path: Path, url_path: str) -> bool | None:
    """Return whether the answer is right, or None if there is none."""
    connection = UnixHTTPConnection(path)
    try:
        connection.request("GET", url_path)
        response = connection.getresponse()
        return response.status == 200 and json.loads(response.read())["code"] == 0
    except (OSError, http.client.HTTPException):
        return None
    except (ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()
