"""The second function in Function Compute: does what timers do on a server, when it is invoked.

A custom runtime is an HTTP server. The platform sends each event as `POST /invoke`: that of the
timer, `{"triggerTime": …, "triggerName": …, "payload": "jobs"}`, and what `s jobs invoke` sends.
The function has no HTTP trigger, so nobody else calls it.
"""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CODE = Path(__file__).resolve().parents[2]
#: By payload. Only these: who may invoke the function must not be able to run any command.
COMMANDS = {"jobs": ("jobs", "run", "--once"), "migrate": ("db", "upgrade")}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # the platform keeps its connections

    def do_POST(self) -> None:
        event = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        command = COMMANDS.get(_payload(event)) if self.path == "/invoke" else None
        self._answer(succeeded=command is not None and _flask(*command))

    def _answer(self, *, succeeded: bool) -> None:
        """Say it twice, as the platform asks: in the status, and in a header."""
        status = 200 if succeeded else 404
        self.send_response(status)
        self.send_header("x-fc-status", str(status))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Log nothing: the command does."""


def _payload(event: bytes) -> str:
    try:
        return str(json.loads(event)["payload"])
    except (ValueError, LookupError, TypeError):
        return ""


def _flask(*command: str) -> bool:
    return subprocess.run([sys.executable, "-m", "flask", *command], cwd=CODE).returncode == 0  # noqa: S603


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
