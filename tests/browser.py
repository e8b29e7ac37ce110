"""Headless Chromium for tests and pictures, spoken to over two pipes (its DevTools protocol).

    with Browser(resolve={"api.example.com:443": "127.0.0.1:8443"}) as browser:
        page = browser.page(width=375)
        page.open("https://api.example.com/console/")
        page.click("Users")

A click is one of the mouse, on what a person sees; nothing is called in the page.
CHROMIUM=/path/to/chromium names another program.
"""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

PROGRAM = os.environ.get("CHROMIUM", "chromium")
TIMEOUT = 30.0  # s
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--remote-debugging-pipe", "--disable-dev-shm-usage", "--ignore-certificate-errors"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "about:blank",
)
KEYS = {"Tab": 9, "Enter": 13, " ": 32, "Escape": 27}

#: Finds what a person would click: a link, a button, a summary or a field with this name.
FIND = """
((name, which) => {
  const visible = e => e.checkVisibility() && e.getClientRects().length
  const named = e => [e.innerText, e.getAttribute('aria-label'), e.labels && e.labels[0] &&
    e.labels[0].innerText].some(text => text && text.split('\\n').some(l => l.trim() === name))
  const kinds = 'a, button, summary, input:not([type=hidden]), [role=button]'
  const found = [...document.querySelectorAll(kinds)].filter(e => visible(e) && named(e)).at(which)
    || (name.startsWith('#') && document.querySelector(name))
  if (!found) return null
  found.scrollIntoView({ block: 'center', behavior: 'instant' })
  const box = found.getClientRects()[0]
  return [box.x + box.width / 2, box.y + box.height / 2]
})
"""


class Browser:
    """One Chromium; each page has cookies of its own."""

    @classmethod
    def available(cls) -> str | None:
        return None if shutil.which(PROGRAM) else f"{PROGRAM} not found: apt install chromium"

    def __init__(self, resolve: dict[str, str] | None = None, language: str = "en") -> None:
        rules = ", ".join(f"MAP {name} {address}" for name, address in (resolve or {}).items())
        self._options = [f"--host-resolver-rules={rules}"] if rules else []
        self._options.append(f"--accept-lang={language}")
        self._ids = itertools.count(1)
        self._answers: dict[int, queue.Queue[Any]] = {}

    def __enter__(self) -> Browser:
        self.folder = tempfile.mkdtemp(prefix="myapi-chromium-")
        to_read, to_write = os.pipe(), os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read[0], to_write[1])]

        def give_pipes() -> None:
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)

        self._process = subprocess.Popen(
            [PROGRAM, f"--user-data-dir={self.folder}", *self._options, *OPTIONS],
            close_fds=False,
            preexec_fn=give_pipes,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (to_read[0], to_write[1], *theirs):
            os.close(end)
        self._write, self._read = os.fdopen(to_read[1], "wb"), os.fdopen(to_write[0], "rb")
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        try:
            self.send("Browser.close")
            self._process.wait(10)
        except Exception:
            self._process.kill()
            self._process.wait()
        self._listener.join(10)
        self._write.close()
        self._read.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        answer = self._answers[number] = queue.Queue()
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        found = answer.get(timeout=TIMEOUT)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]

    def page(self, width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)[
            "targetId"
        ]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, context)
        page.send("Page.enable")
        page.send("Runtime.enable")
        page.resize(width, height)
        page.prefer(scheme)
        return page

    def _listen(self) -> None:
        rest = b""
        while chunk := os.read(self._read.fileno(), 1 << 16):
            *whole, rest = (rest + chunk).split(b"\0")
            for text in whole:
                message = json.loads(text)
                if message.get("id") in self._answers:
                    self._answers.pop(message["id"]).put(message)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self.width = 0

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.send(method, self._session, **params)

    def resize(self, width: int, height: int = 900, scale: float = 1) -> None:
        self.width = width
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    def prefer(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str) -> None:
        self.evaluate("window.__left = true")
        self.send("Page.navigate", url=url)
        self._wait_for_new_page()

    def evaluate(self, expression: str) -> Any:
        found = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    @property
    def text(self) -> str:
        return " ".join(str(self.evaluate("document.body.innerText")).split())

    @property
    def path(self) -> str:
        return str(self.evaluate("location.pathname"))

    def click(self, name: str, which: int = 0) -> None:
        """Click what has this name; of several, the first one."""
        deadline = time.monotonic() + TIMEOUT
        while (place := self.evaluate(f"{FIND}({json.dumps(name)}, {which})")) is None:
            assert time.monotonic() < deadline, f"nothing is called {name!r} in: {self.text[:600]}"
            time.sleep(0.05)
        for kind in ("mousePressed", "mouseReleased"):
            self.send(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    def go(self, name: str, which: int = 0) -> None:
        """Click what leads to another page, and wait for it."""
        self.evaluate("window.__left = true")
        self.click(name, which)
        self._wait_for_new_page()

    def write(self, text: str) -> None:
        """Type into the field that has the focus."""
        self.send("Input.insertText", text=text)

    def press(self, key: str, shift: bool = False) -> None:
        code = KEYS[key]
        event = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        event["modifiers"] = 8 if shift else 0
        text = {"Enter": "\r", " ": " "}.get(key)
        down = {**event, "text": text} if text else event
        self.send("Input.dispatchKeyEvent", type="keyDown", **down)
        self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    def leave_by(self, key: str) -> None:
        """Press a key that leads to another page, and wait for it."""
        self.evaluate("window.__left = true")
        self.press(key)
        self._wait_for_new_page()

    def picture(self, file: Path, *, whole: bool = True) -> None:
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(found["data"]))

    def allow_downloads(self, folder: Path) -> None:
        self._browser.send(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(folder),
            browserContextId=self._context,
        )

    def _wait_for_new_page(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        loaded = "document.readyState === 'complete' && !window.__left"
        while True:
            try:
                if self.evaluate(loaded):
                    return
            except RuntimeError:  # between two pages
                pass
            assert time.monotonic() < deadline, "the page did not load"
            time.sleep(0.02)
