"""A reader at a machine: types the commands of a document and saves its files, in order."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.checkout import NOT_INHERITED
from tests.servers import HOST, free_port

if TYPE_CHECKING:
    from typing_extensions import Self

ADDRESS = "https://example.com/myapi.git"  # of the repository, in the documents
#: Commands that serve until they are ended.
SERVES = re.compile(r"^(?:make (?:run|dev)|py dev\.py|\.venv/bin/gunicorn wsgi:app)\b")
#: One request of PowerShell's.
INVOKE = re.compile(
    r"""(?:\$(?P<kept>\w+)\ =\ )?Invoke-RestMethod\ (?P<url>\S+)
        (?:\ -Method\ (?P<method>\w+))?
        (?:\ -ContentType\ (?P<type>\S+)\ -Body\ '(?P<body>[^']*)')?
        (?:\ -Headers\ @\{\ (?P<header>\w+)\ =\ "(?P<value>[^"]*)"\ \})?""",
    re.VERBOSE,
)
START = 60  # s for a server to answer


class Reader:
    """Types what documents say in `folder`. Port 8000 of the documents is a free one here.

    `environ` is added to the environment. Servers that a command starts run until `close`.
    """

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.port = free_port()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}
        bind = {"MYAPI_BIND": f"{HOST}:{self.port}", "MYAPI_WORKERS": "1"}
        self.environ = {**inherited, **bind, **environ, "PYTHONUTF8": "1"}
        self._servers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        while self._servers:
            server = self._servers.pop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGINT)
            server.wait(30)

    def type(self, code: str) -> str:
        """Type the lines of a block and return what they print; fail if one of them fails."""
        lines = self._here(code).splitlines(keepends=True)
        printed = ""
        while lines:
            served = next((n for n, line in enumerate(lines) if SERVES.match(line)), len(lines))
            printed += self._run("".join(lines[:served]))
            if served < len(lines):
                self._serve(lines[served])
            lines = lines[served + 1 :]
        return printed

    def invoke(self, code: str) -> list[Any]:
        """Make the requests of a PowerShell block, which cannot run here; return the answers."""
        kept: dict[str, Any] = {}
        answers = []
        for line in self._here(code).splitlines():
            call = INVOKE.fullmatch(line)
            assert call, f"not understood: {line}"
            headers = {"Content-Type": call["type"]} if call["type"] else {}
            if call["header"]:
                headers[call["header"]] = _filled_in(call["value"], kept)
            method = (call["method"] or "Get").upper()
            response = requests.request(
                method, call["url"], data=call["body"], headers=headers, timeout=10
            )
            assert response.status_code == 200, f"{line}: {response.text}"
            answers.append(response.json())
            if call["kept"]:
                kept[call["kept"]] = answers[-1]
        return answers

    def save(self, file: str, text: str) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._here(text), encoding="utf-8")

    def _here(self, text: str) -> str:
        return text.replace(":8000", f":{self.port}")

    def _run(self, code: str) -> str:
        """Run in one shell, and stay in the folder to which it goes."""
        place = self.folder / ".place"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f'{code}\npwd >"{place}"'],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
        self.folder = Path(place.read_text().strip())
        place.unlink()
        return done.stdout

    def _serve(self, command: str) -> None:
        server = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environ,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        self._servers.append(server)
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"http://{HOST}:{self.port}/healthz", timeout=5)
                return
            assert server.poll() is None, f"{command} has ended"
            time.sleep(0.1)
        raise AssertionError(f"{command} does not answer")


def _filled_in(text: str, kept: dict[str, Any]) -> str:
    """Put values into a PowerShell string: `$($login.data.token)`."""

    def value(found: re.Match[str]) -> str:
        name, *path = found[1].split(".")
        answer = kept[name]
        for part in path:
            answer = answer[part]
        return str(answer)

    return re.sub(r"\$\(\$([\w.]+)\)", value, text)
